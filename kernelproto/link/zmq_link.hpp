// SPDX-License-Identifier: Apache-2.0
// The five channels of one kernel over libzmq: takes messages in as soon as they come, hands them
// on a few at a time, and counts what waits in between.
// Never reconnects, never lets a flooding kernel hold the loop, never keeps more unread bytes than
// its limit and a quarter of it. Belongs to one loop; pending waits share the ownership, so `close`
// may be called from any callback.
#pragma once

#include "kernelproto/link/queued_link.hpp"
#include "kernelproto/link/zmq_monitor.hpp"
#include "kernelproto/link/zmq_socket.hpp"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace kernelproto {

class zmq_link final : public queued_link {
public:
    /// Connects all channels. `handler` outlives the link or closes it. Fails with
    /// `link_errc::no_resources`.
    static result<std::shared_ptr<zmq_link>> open(boost::asio::io_context& loop,
                                                  link_options options, link_handler& handler);

    ~zmq_link() override;

    result<void> send(channel to, frame_list frames) override;

private:
    /// One channel: its socket, and whether somebody will look at it.
    struct lane {
        std::unique_ptr<zmq_socket> socket;
        std::unique_ptr<zmq_monitor> fate;  // where the last words matter: iopub and shell
        owned_fd path;                      // until it is surely connected
        std::vector<frame_list> unsent;     // what has to wait for the connection
        bool connected = false;
        bool waiting = false;  // a wait is pending
        bool posted = false;   // a look is posted
        bool lost = false;
    };
    zmq_link(boost::asio::io_context& loop, link_options& options, link_handler& handler);

    result<void> connect(std::string const& identity);
    result<void> connect(channel which, std::string const& identity);

    lane& at(channel which) noexcept { return lanes_[static_cast<std::size_t>(which)]; }
    void look(channel which);
    void look_later(channel which);
    void wait(channel which);
    bool take(channel which);
    bool idle(channel which);

    void read_fate(channel which);
    void on_connect_due();
    void lane_lost(channel which);
    void settle_after_losses();
    void judge_losses();
    void disconnect() override;
    std::shared_ptr<zmq_link> self();

    std::array<lane, channel_count> lanes_;
    boost::asio::steady_timer connect_due_;
    boost::asio::steady_timer settle_;
    std::chrono::steady_clock::time_point settle_by_{};  // from the last loss on
};

}  // namespace kernelproto
