// SPDX-License-Identifier: Apache-2.0
// The counters in words. Never names a reason that did not occur. No threads.
#include "kernelproto/client/counters.hpp"

#include <string_view>

namespace kernelproto {
namespace {

void append(std::string& text, std::uint64_t count, std::string_view what) {
    if (count > 0) {
        text += (text.empty() ? "" : ", ") + std::to_string(count) + ' ';
        text += what;
    }
}

}  // namespace

void connection_counters::count_invalid(boost::system::error_code const& why) noexcept {
    ++invalid;
    auto const at = static_cast<std::size_t>(why.value()) - 1;
    if (why.category() == wire_category() && at < invalid_by.size()) {
        ++invalid_by[at];
    }
}

std::string describe_drops(connection_counters const& counters) {
    std::string reasons;
    for (std::size_t i = 0; i < counters.invalid_by.size(); ++i) {
        auto const code = make_error_code(static_cast<wire_errc>(i + 1));
        append(reasons, counters.invalid_by[i], code.message());
    }
    std::string text;
    append(text, counters.invalid, reasons.empty() ? "invalid" : "invalid (" + reasons + ")");
    append(text, counters.discarded, "discarded");
    append(text, counters.foreign_parent, "of a foreign parent");
    append(text, counters.late, "late");
    return text;
}

}  // namespace kernelproto
