// SPDX-License-Identifier: Apache-2.0
// One ZMTP connection seen from a client of a kernel: bytes of the peer in, whole messages out.
// Never holds more than its limits say, to the byte, whatever is announced; never follows a peer
// down to an older version or another mechanism; does no I/O. One owner, who calls from one thread.
//
// Own code: the ZMTP libraries that exist come with their own sockets and threads (libzmq) or for
// other languages.
#pragma once

#include "kernelproto/wire/excerpt.hpp"
#include "kernelproto/wire/frames.hpp"
#include "kernelproto/zmtp/encode.hpp"
#include "kernelproto/zmtp/fault.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kernelproto::zmtp {

struct peer_options {
    socket_type ours = socket_type::dealer;
    /// Told to a ROUTER as our routing id: at most 255 bytes. Empty: it makes one.
    std::string identity;
    /// Of what is held of all frames of a message together, each with `frame_cost`.
    std::size_t max_message_bytes = std::size_t{256} * 1024 * 1024;
    std::size_t max_frames = 4096;
    /// Of frames that are longer than it says, only an excerpt is held. Null: all are kept whole.
    std::shared_ptr<long_frames> excerpts;
};

class peer {
public:
    /// What a frame costs in memory besides its bytes: its block, the count of its owners, and the
    /// room that a growing list keeps.
    static constexpr std::size_t frame_cost = 192;

    struct message {
        frame_list frames;
        /// With `frame_cost` for each.
        std::size_t bytes = 0;
    };

    explicit peer(peer_options options);

    /// Where the next bytes belong, when that is the middle of a frame: they may be read straight
    /// into it, and then be told to `filled`. Empty otherwise: they go to `feed`.
    std::span<char> room() noexcept;

    /// So many bytes of `room` were read. Messages that are whole now are appended to `whole`.
    void filled(std::size_t bytes, std::vector<message>& whole);

    /// Takes all of `bytes`, unless there is a fault; messages that are whole now are appended to
    /// `whole`.
    void feed(std::string_view bytes, std::vector<message>& whole);

    /// Bytes held of the message that is not whole yet.
    std::size_t unfinished_bytes() const noexcept {
        return unfinished_.bytes + std::min<std::uint64_t>(body_filled_, body_held_);
    }

    /// Of messages and commands. What each costs in time does not show in its bytes.
    std::uint64_t frames_begun() const noexcept { return frames_begun_; }

    /// What has to be sent, in this order and before any message. Empty: nothing.
    std::string take_output() noexcept;

    /// The handshake is done: messages may be sent.
    bool established() const noexcept { return stage_ == stage::traffic; }

    /// Nothing is taken in any more.
    std::optional<fault> const& failed() const noexcept { return fault_; }

private:
    enum class stage { greeting, handshake, traffic };

    std::size_t take_greeting(std::string_view bytes);
    std::size_t take_head(std::string_view bytes, std::vector<message>& whole);
    std::size_t take_body(std::string_view bytes, std::vector<message>& whole);
    void check_greeting();
    void begin_frame(unsigned char flags, std::uint64_t size, std::vector<message>& whole);
    void end_frame(std::vector<message>& whole);
    void keep(frame one, std::vector<message>& whole);
    void on_command(std::string_view body);
    void on_ready(std::string_view properties);

    peer_options options_;
    stage stage_ = stage::greeting;
    unsigned minor_version_ = 0;
    std::string output_;
    std::optional<fault> fault_;

    std::array<unsigned char, greeting_bytes> head_{};  // of the connection, then of each frame
    std::size_t head_filled_ = 0;
    bool in_body_ = false;
    unsigned char flags_ = 0;
    std::shared_ptr<char[]> body_;
    std::unique_ptr<long_frame> excerpt_;  // instead of `body_`
    std::uint64_t body_bytes_ = 0;
    std::uint64_t body_filled_ = 0;
    std::size_t body_held_ = 0;  // at most
    std::uint64_t frames_begun_ = 0;
    message unfinished_;
};

}  // namespace kernelproto::zmtp
