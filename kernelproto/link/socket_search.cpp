// SPDX-License-Identifier: Apache-2.0
// The order in which the sockets of a connection file are looked for. Never waits. One owner.
#include "kernelproto/link/socket_search.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/socket_file.hpp"

#include <algorithm>
#include <utility>

namespace kernelproto {
namespace {

// As the ports of a connection file are numbered here.
constexpr std::array<channel, 5> by_number{channel::shell, channel::iopub, channel::stdin_channel,
                                           channel::control, channel::heartbeat};

}  // namespace

socket_search::socket_search(int directory, std::string prefix, uid_t owner)
    : directory_(directory), prefix_(std::move(prefix)), owner_(owner) {}

std::string socket_search::wanted() const { return prefix_ + "-" + std::to_string(next_ + 1); }

result<void> socket_search::look() {
    for (; next_ < by_number.size(); ++next_) {
        auto& slot = found_[static_cast<std::size_t>(by_number[next_])];
        if (!slot) {
            auto opened = open_socket_file(directory_, wanted(), owner_);
            if (!opened) {
                return opened.error();
            }
            slot = std::move(*opened);
        }
        if (auto heard = probe_socket_file(slot); !heard) {
            // A kernel that binds again has another socket behind the name.
            slot.reset();
            return heard;
        }
    }
    return {};
}

std::chrono::milliseconds socket_search::pause() noexcept {
    return std::exchange(pause_, std::min(pause_ * 2, std::chrono::milliseconds{10}));
}

std::array<owned_fd, 5> socket_search::take() noexcept { return std::move(found_); }

}  // namespace kernelproto
