// SPDX-License-Identifier: Apache-2.0
// Choice of request ids. Never lets two differ in nothing but white space. Any thread.
#include "http/proto/request_id.hpp"

#include "broker/base/ids.hpp"
#include "http/proto/ascii.hpp"

#include <algorithm>

namespace http {

bool is_sane_request_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
        return ascii::is_alnum(c) || std::string_view{"._:+/=@-"}.find(c) != std::string_view::npos;
    });
}

std::string choose_request_id(std::string const* sent, std::size_t count) {
    if (sent != nullptr && count == 1 && is_sane_request_id(*sent)) {
        return *sent;
    }
    return broker::make_random_id();
}

}  // namespace http
