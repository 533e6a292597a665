// SPDX-License-Identifier: Apache-2.0
// The five channels of one kernel as five unix sockets that this thread itself reads and writes.
// Never reconnects, never copies a large frame of a kernel, and bounds to the byte what a kernel
// can make it hold: half a message counts like a whole one. Belongs to one loop; pending waits
// share the ownership, so `close` may be called from any callback.
#pragma once

#include "kernelproto/link/queued_link.hpp"
#include "kernelproto/zmtp/peer.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kernelproto {

class zmtp_link final : public queued_link {
public:
    /// Connects all channels. `handler` outlives the link or closes it. Fails with
    /// `link_errc::no_resources`.
    static result<std::shared_ptr<zmtp_link>> open(boost::asio::io_context& loop,
                                                   link_options options, link_handler& handler);

    ~zmtp_link() override;

    result<void> send(channel to, frame_list frames) override;

private:
    /// One channel: its connection, and what is on its way to it.
    struct lane {
        lane(boost::asio::io_context& loop, zmtp::peer_options options)
            : socket(loop), peer(std::move(options)) {}

        boost::asio::posix::stream_descriptor socket;
        zmtp::peer peer;
        std::string unsent;       // messages, until the handshake is done
        std::string outgoing;     // what the socket has not taken yet
        std::size_t written = 0;  // of `outgoing`
        bool waits_to_write = false;
        bool lost = false;
    };

    zmtp_link(boost::asio::io_context& loop, link_options& options, link_handler& handler);

    result<void> connect(channel which, owned_fd path);

    lane& at(channel which) noexcept { return lanes_[static_cast<std::size_t>(which)]; }
    void look(channel which);
    void wait(channel which);
    bool read(channel which);
    /// What one read(2) had room for, and what came.
    struct reading {
        std::size_t asked = 0;
        std::size_t got = 0;
    };
    reading read_once(channel which);
    void take(channel which);
    void answer(channel which);
    void flush(channel which);
    std::size_t held_bytes() const noexcept;

    void on_connect_due();
    void on_fault(channel which, zmtp::fault why);
    void lane_lost(channel which);
    void settle_later();
    void settle();
    void disconnect() override;
    std::shared_ptr<zmtp_link> self();

    std::array<lane, channel_count> lanes_;
    std::vector<zmtp::peer::message> whole_;  // only while one lane is read
    boost::asio::steady_timer connect_due_;
    boost::asio::steady_timer settle_;
    std::optional<std::chrono::steady_clock::time_point> settle_by_;  // from the first loss on
    std::uint64_t heard_bytes_ = 0;
    std::uint64_t heard_before_ = 0;  // when the others were last looked at
};

}  // namespace kernelproto
