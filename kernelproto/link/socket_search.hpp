// SPDX-License-Identifier: Apache-2.0
// Finding the five sockets of a kernel that is just starting, one after another.
// Never lets go of a socket once it was checked, and never looks at its name again.
// Stateful, no I/O but the checks; its owner decides when to look again.
#pragma once

#include "kernelproto/client/events.hpp"
#include "kernelproto/link/owned_fd.hpp"
#include "kernelproto/wire/result.hpp"

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

namespace kernelproto {

class socket_search {
public:
    socket_search(int directory, std::string prefix, uid_t owner);

    /// Success: all are found and somebody listens on each. `link_errc::missing` and
    /// `not_listening`: look again after `pause()`. Any other error is final.
    result<void> look();

    /// At least one socket was found.
    bool any() const noexcept { return next_ > 0; }

    /// How long to wait before the next look: short at first, then 10 ms. A look costs one system
    /// call while a socket is missing.
    std::chrono::milliseconds pause() noexcept;

    /// `<prefix>-<n>` of the socket that `look` failed on.
    std::string wanted() const;

    /// Indexed by `channel`. After `look` has succeeded, once.
    std::array<owned_fd, 5> take() noexcept;

private:
    int directory_;
    std::string prefix_;
    uid_t owner_;
    std::array<owned_fd, 5> found_;
    std::size_t next_ = 0;
    std::chrono::milliseconds pause_{1};
};

}  // namespace kernelproto
