// SPDX-License-Identifier: Apache-2.0
// The queue between a transport and whoever hears from it.
// Never calls back from `keep`, `decide` or `close`. Loop thread only.
#include "kernelproto/link/queued_link.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <utility>

namespace kernelproto {
namespace {

// Handing a message on means checking and parsing it.
constexpr int deliver_per_turn = 64;
constexpr std::size_t deliver_bytes_per_turn = std::size_t{1024} * 1024;

/// Once too much waits, what is larger on iopub is let go: it is output. Status, which ends a cell,
/// is far smaller.
constexpr std::size_t vital_bytes = std::size_t{16} * 1024;

}  // namespace

char const* name_of(channel which) noexcept {
    switch (which) {
        case channel::shell:
            return "shell";
        case channel::control:
            return "control";
        case channel::iopub:
            return "iopub";
        case channel::stdin_channel:
            return "stdin";
        case channel::heartbeat:
            return "heartbeat";
    }
    return "?";
}

queued_link::queued_link(boost::asio::io_context& loop, link_handler& handler,
                         std::size_t limit_bytes)
    : loop_(loop), handler_(&handler), limit_(limit_bytes) {}

void queued_link::close() {
    if (std::exchange(closed_, true)) {
        return;
    }
    disconnect();
    inbox_ = {};
    in_hand_bytes_ = 0;
    load_.unread_bytes = 0;
}

bool queued_link::keep(channel from, frame_list frames, std::size_t bytes) {
    auto const sum = load_.unread_bytes + bytes;
    if (sum > limit_ && from == channel::iopub && bytes > vital_bytes) {
        discard(from, bytes);
        return true;
    }
    if (sum > limit_ + limit_ / 4) {
        decide(link_failure::backlog, std::string{"unread messages, the last on "} + name_of(from) +
                                          ", passed " + std::to_string(limit_ + limit_ / 4) +
                                          " bytes");
        return false;
    }
    load_.unread_bytes = sum;
    ++load_.taken;
    inbox_.push_back(unread{from, bytes, std::move(frames)});
    return true;
}

void queued_link::discard(channel from, std::size_t bytes) {
    ++load_.discarded;
    if (inbox_.empty() || inbox_.back().discarded == 0) {
        inbox_.push_back(unread{from});
    }
    ++inbox_.back().discarded;
    inbox_.back().discarded_bytes += bytes;
}

void queued_link::deliver() {
    int messages = 0;
    std::size_t bytes = 0;
    while (!closed_ && !paused_ && !inbox_.empty()) {
        if (messages == deliver_per_turn || bytes >= deliver_bytes_per_turn) {
            deliver_later();
            return;
        }
        unread next = std::move(inbox_.front());
        inbox_.pop_front();
        if (next.discarded > 0) {
            handler_->on_discarded(next.discarded, next.discarded_bytes);
            continue;
        }
        load_.unread_bytes -= next.bytes;
        ++load_.delivered;
        ++messages;
        bytes += next.bytes;
        handler_->on_message(next.from, std::move(next.frames));
        if (paused_ && !closed_) {
            in_hand_bytes_ = next.bytes;
            load_.unread_bytes += next.bytes;
        }
    }
    if (!closed_ && !paused_ && verdict_) {
        fail_now();
    }
}

void queued_link::pause() { paused_ = true; }

void queued_link::resume() {
    paused_ = false;
    load_.unread_bytes -= std::exchange(in_hand_bytes_, 0);
    deliver();
}

void queued_link::deliver_later() {
    if (std::exchange(delivery_posted_, true)) {
        return;
    }
    boost::asio::post(loop_, [self = shared_from_this()] {
        self->delivery_posted_ = false;
        ++self->load_.turns;
        self->deliver();
    });
}

void queued_link::decide(link_failure why, std::string detail) {
    if (ending()) {
        return;
    }
    verdict_ = verdict{why, std::move(detail)};
    if (why != link_failure::lost) {
        inbox_.clear();  // their memory is what is too much
        load_.unread_bytes = in_hand_bytes_;
    }
}

void queued_link::fail_now() {
    auto const self = shared_from_this();
    auto const decided = std::move(*verdict_);
    auto* const handler = handler_;
    close();
    handler->on_failure(decided.why, decided.detail);
}

}  // namespace kernelproto
