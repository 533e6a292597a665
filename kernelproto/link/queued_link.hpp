// SPDX-License-Identifier: Apache-2.0
// What every transport does with the messages that it has taken in: hands them on a few at a time,
// counts what waits in between, and tells the first reason to end last.
// Never lets a flooding kernel hold the loop, never keeps more unread bytes than its limit and a
// quarter of it, and calls nobody back after `close`. Belongs to one loop; pending waits share the
// ownership, so `close` may be called from any callback.
#pragma once

#include "kernelproto/link/link.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace boost::asio {
class io_context;
}

namespace kernelproto {

/// As the Jupyter messaging specification calls it.
char const* name_of(channel which) noexcept;

/// A message of more frames ends the link. Widgets send some dozens.
inline constexpr std::size_t max_message_frames = 4096;

/// What was taken in and what was handed on; their difference is what waits.
struct link_load {
    std::uint64_t taken = 0;
    std::uint64_t delivered = 0;
    std::uint64_t discarded = 0;  // neither: the kernel was faster than its reader
    std::uint64_t turns = 0;      // times that the loop was given back
    std::size_t unread_bytes = 0;
};

class queued_link : public link, public std::enable_shared_from_this<queued_link> {
public:
    void pause() final;
    void resume() final;
    void close() final;

    link_load const& load() const noexcept { return load_; }

protected:
    queued_link(boost::asio::io_context& loop, link_handler& handler, std::size_t limit_bytes);

    /// Lets go of sockets and timers. Called once.
    virtual void disconnect() = 0;

    /// Puts a message that weighs `bytes` behind the others. False when that ended the link.
    bool keep(channel from, frame_list frames, std::size_t bytes);

    /// Hands on, until the loop has to be given back. May end the owner.
    void deliver();
    void deliver_later();

    /// The first reason is the one that is told, once everything that was taken in is handed on.
    void decide(link_failure why, std::string detail);

    bool closed() const noexcept { return closed_; }
    /// Closed, or about to say why it ends: nothing is taken in any more.
    bool ending() const noexcept { return closed_ || verdict_; }
    bool delivery_posted() const noexcept { return delivery_posted_; }
    void count_turn() noexcept { ++load_.turns; }

    std::size_t limit() const noexcept { return limit_; }
    boost::asio::io_context& loop() const noexcept { return loop_; }

private:
    /// A message, or in its place the news that some were discarded.
    struct unread {
        channel from;
        std::size_t bytes = 0;
        frame_list frames = {};
        std::uint64_t discarded = 0;
        std::uint64_t discarded_bytes = 0;
    };
    struct verdict {
        link_failure why;
        std::string detail;
    };

    void discard(channel from, std::size_t bytes);
    void fail_now();

    boost::asio::io_context& loop_;
    link_handler* handler_;
    std::size_t const limit_;
    std::deque<unread> inbox_;
    link_load load_;
    bool delivery_posted_ = false;
    bool paused_ = false;
    std::size_t in_hand_bytes_ = 0;  // of the message that is looked at elsewhere
    std::optional<verdict> verdict_;
    bool closed_ = false;
};

}  // namespace kernelproto
