// SPDX-License-Identifier: Apache-2.0
// Connection files. No input may crash the reader, and a file that was read must be written and
// read again as the same. One thread.
#include "kernelproto/wire/connection_info.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kernelproto;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    auto const info = parse_connection_info({reinterpret_cast<char const*>(data), size});
    if (!info) {
        return 0;
    }
    auto const again = parse_connection_info(print_connection_info(*info));
    if (!again || *again != *info || info->key.empty() || info->ip.empty()) {
        std::abort();
    }
    return 0;
}
