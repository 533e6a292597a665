// SPDX-License-Identifier: Apache-2.0
// How much memory this process has asked for and not given back. Stateless.
#pragma once

#include <malloc.h>

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#define KB_TEST_ALLOCATOR_OF_SANITIZER
#endif
#endif

namespace tests {

inline std::size_t allocated_bytes() {
#ifdef KB_TEST_ALLOCATOR_OF_SANITIZER
    return __sanitizer_get_current_allocated_bytes();
#else
    auto const all = ::mallinfo2();
    return all.uordblks + all.hblkhd;
#endif
}

}  // namespace tests
