// SPDX-License-Identifier: Apache-2.0
// Header bytes of a peer. No input may crash the reader, and a header that was read must survive
// being printed. One thread.
#include "kernelproto/wire/header.hpp"
#include "kernelproto/wire/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kernelproto;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string const text(reinterpret_cast<char const*>(data), size);
    auto const date = date_microseconds(text);
    if (date && *date >= 0 && date_microseconds(print_date(*date)) != date) {
        std::abort();
    }
    auto const head = parse_parent_header(frame{text});
    if (!head) {
        return 0;
    }
    for (auto const* field : {&head->msg_id, &head->session, &head->username, &head->date,
                              &head->msg_type, &head->version}) {
        if (!is_utf8(*field)) {
            std::abort();
        }
    }
    auto const again = parse_parent_header(frame{print_header(*head)});
    if (!again || *again != *head) {
        std::abort();
    }
    return 0;
}
