// SPDX-License-Identifier: Apache-2.0
// The five channels of one kernel over libzmq: takes messages in as soon as they come, hands them
// on a few at a time, and counts what waits in between.
// Never reconnects, never lets a flooding kernel hold the loop, never keeps more unread bytes than
// its limit and a quarter of it. Belongs to one loop; pending waits share the ownership, so `close`
// may be called from any callback.
#pragma once

#include "kernelproto/link/link.hpp"
#include "kernelproto/link/owned_fd.hpp"
#include "kernelproto/link/zmq_monitor.hpp"
#include "kernelproto/link/zmq_socket.hpp"

#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kernelproto {

inline constexpr std::size_t channel_count = 5;

struct zmq_link_options {
    /// The same on shell and stdin: a kernel asks for input by the identity that asked it.
    std::string identity;
    std::size_t max_message_bytes = std::size_t{256} * 1024 * 1024;
    /// A connection that is not made by then is lost.
    std::chrono::milliseconds connect_within{5000};
    /// The checked sockets, indexed by `channel`.
    std::array<owned_fd, channel_count> sockets;
};

/// What was taken in and what was handed on; their difference is what waits.
struct zmq_link_load {
    std::uint64_t taken = 0;
    std::uint64_t delivered = 0;
    std::uint64_t discarded = 0;  // neither: the kernel was faster than its reader
    std::uint64_t turns = 0;      // times that the loop was given back
    std::size_t unread_bytes = 0;
};

class zmq_link final : public link, public std::enable_shared_from_this<zmq_link> {
public:
    /// Connects all channels. `handler` outlives the link or closes it. Fails with
    /// `link_errc::no_resources`.
    static result<std::shared_ptr<zmq_link>> open(boost::asio::io_context& loop,
                                                  zmq_link_options options, link_handler& handler);

    ~zmq_link() override;

    result<void> send(channel to, frame_list frames) override;
    void close() override;

    zmq_link_load const& load() const noexcept { return load_; }

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

    zmq_link(boost::asio::io_context& loop, zmq_link_options& options, link_handler& handler);

    result<void> connect(std::string const& identity);
    result<void> connect(channel which, std::string const& identity);

    lane& at(channel which) noexcept { return lanes_[static_cast<std::size_t>(which)]; }
    void look(channel which);
    void look_later(channel which);
    void wait(channel which);
    bool take(channel which);
    bool idle(channel which);
    bool keep(unread got);
    void deliver();
    void deliver_later();

    void read_fate(channel which);
    void on_connect_due();
    void lane_lost(channel which);
    void settle_after_losses();
    void judge_losses();
    void decide(link_failure why, std::string detail);
    void fail_now();

    boost::asio::io_context& loop_;
    link_handler* handler_;
    std::size_t const limit_;
    std::array<lane, channel_count> lanes_;
    std::deque<unread> inbox_;
    zmq_link_load load_;
    boost::asio::steady_timer connect_due_;
    boost::asio::steady_timer settle_;
    bool delivery_posted_ = false;
    std::optional<verdict> verdict_;
    bool closed_ = false;
};

}  // namespace kernelproto
