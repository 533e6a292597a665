// SPDX-License-Identifier: Apache-2.0
// getrlimit(2), setrlimit(2), and the entries of /proc/self/fd. What was before belongs to the
// whole process, as the limit does.
#include "broker/base/descriptors.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <optional>

namespace broker {
namespace {

struct close_stream {
    void operator()(DIR* stream) const noexcept { closedir(stream); }
};

// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables): see above
std::optional<rlimit> before_raising;

rlimit descriptor_limit() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit;
}

}  // namespace

int raise_descriptor_limit() {
    auto const before = descriptor_limit();
    rlimit const wanted{before.rlim_max, before.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
        return errno;
    }
    before_raising = before;
    return 0;
}

rlimit descriptor_limit_of_programs() {
    auto const now = descriptor_limit();
    // Somebody may have lowered the hard limit meanwhile, with prlimit(1).
    return before_raising ? rlimit{std::min(before_raising->rlim_cur, now.rlim_max), now.rlim_max}
                          : now;
}

std::uint64_t free_descriptors() {
    std::unique_ptr<DIR, close_stream> const open{opendir("/proc/self/fd")};
    if (!open) {
        return is_shortage(errno) ? 0 : std::numeric_limits<std::uint64_t>::max();
    }
    std::uint64_t used = 0;
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is this call's own
    while (dirent const* entry = readdir(open.get())) {
        used += entry->d_name[0] == '.' ? 0 : 1;
    }
    --used;  // the stream itself
    std::uint64_t const most = descriptor_limit().rlim_cur;
    return most - std::min(used, most);
}

bool is_shortage(int error_number) noexcept {
    return error_number == EMFILE || error_number == ENFILE || error_number == ENOMEM;
}

}  // namespace broker
