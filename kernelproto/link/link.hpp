// SPDX-License-Identifier: Apache-2.0
// The seam between protocol and transport: whole messages in, whole messages out, five channels.
// Never interprets a frame, never reconnects (a new process at the path is a new kernel), never
// blocks. Belongs to one loop; all calls and all callbacks happen there.
#pragma once

#include "kernelproto/client/events.hpp"
#include "kernelproto/link/owned_fd.hpp"
#include "kernelproto/wire/excerpt.hpp"
#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/result.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace kernelproto {

/// Why a link can no longer be used. Given once; nothing follows it.
enum class link_failure {
    /// A socket is missing, is not a socket, is a link, or belongs to somebody else.
    refused,
    /// The host had no descriptor or no memory for it: says nothing of the kernel, and another
    /// connection may be tried when there is.
    no_resources,
    /// One message went past the limit of bytes or frames.
    too_much,
    /// Messages that are no output came faster than they were read, past the limit of bytes.
    backlog,
    /// The peer broke ZMTP, or closed a connection.
    lost,
};

/// Who hears from a link. Outlives the link.
class link_handler {
public:
    virtual void on_message(channel from, frame_list frames) = 0;
    /// Here were `messages` of output, together `bytes`, which came faster than they were read.
    virtual void on_discarded(std::uint64_t messages, std::uint64_t bytes) = 0;
    virtual void on_failure(link_failure why, std::string const& detail) = 0;

protected:
    ~link_handler() = default;
};

class link {
public:
    virtual ~link() = default;
    link() = default;
    link(link const&) = delete;
    link& operator=(link const&) = delete;

    /// Queues a message; order per channel is kept. Fails when the link has failed or is closed.
    virtual result<void> send(channel to, frame_list frames) = 0;

    /// Nothing is handed on until `resume`, though messages are still taken in: what was handed on
    /// last is being looked at elsewhere, and counts as unread until then.
    virtual void pause() = 0;
    /// May call back at once.
    virtual void resume() = 0;

    /// No callback comes after this returns. Idempotent.
    virtual void close() = 0;
};

inline constexpr std::size_t channel_count = 5;

/// A kernel lets a new connection take over the identity of one that it still believes alive, but
/// not on its heartbeat, where a second one would never be answered.
constexpr bool takes_identity(channel which) noexcept {
    return which == channel::shell || which == channel::stdin_channel || which == channel::control;
}

/// What a link is opened with, whatever carries it.
struct link_options {
    /// The same wherever a kernel answers by it: it asks for input by the identity that asked it.
    std::string identity;
    /// Of one message, with the cost of its frames; also of all messages that wait to be read.
    std::size_t max_message_bytes = std::size_t{256} * 1024 * 1024;
    /// Of longer frames only an excerpt is taken in, by transports that can. Null: none is cut.
    std::shared_ptr<long_frames> excerpts;
    /// A connection that is not made by then is lost.
    std::chrono::milliseconds connect_within{5000};
    /// The checked sockets, indexed by `channel`.
    std::array<owned_fd, channel_count> sockets;
};

}  // namespace kernelproto
