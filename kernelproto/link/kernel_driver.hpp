// SPDX-License-Identifier: Apache-2.0
// Performs for one kernel what `kernel_state` decides: sends, tells, continues who waits.
// Never decides anything about messages itself, and calls nobody back after `close`.
// Belongs to one loop; the coroutines that it runs and the waits that it starts share it.
#pragma once

#include "kernelproto/client/kernel_state.hpp"
#include "kernelproto/link/kernel_connection.hpp"
#include "kernelproto/link/link.hpp"
#include "kernelproto/link/pending.hpp"
#include "kernelproto/link/socket_search.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace kernelproto {

class kernel_driver final : public link_handler,
                            public std::enable_shared_from_this<kernel_driver> {
public:
    kernel_driver(boost::asio::io_context& loop, connection_options options,
                  kernel_connection::failure_sink on_failure, kernel_timings timings = {});
    kernel_driver(kernel_driver const&) = delete;
    kernel_driver& operator=(kernel_driver const&) = delete;
    ~kernel_driver();

    static boost::asio::awaitable<result<kernel_info>> become_usable(
        std::shared_ptr<kernel_driver> self, readiness::mode how, steady_time deadline);
    static boost::asio::awaitable<execution_end> run(std::shared_ptr<kernel_driver> self,
                                                     execute_request what,
                                                     kernel_connection::event_sink sink);
    static boost::asio::awaitable<execution_end> follow(std::shared_ptr<kernel_driver> self,
                                                        std::string msg_id, bool allow_stdin,
                                                        steady_time deadline,
                                                        kernel_connection::event_sink sink);
    void interrupt();
    void answer_input(std::string_view value);
    void kernel_died();
    void abandon();
    void close();

    connection_counters const& counters() const noexcept { return state_.counters(); }

    /// A long message is on the worker.
    bool reading() const noexcept { return reading_; }

    void on_message(channel from, frame_list frames) override;
    void on_discarded(std::uint64_t messages, std::uint64_t bytes) override;
    void on_failure(link_failure why, std::string const& detail) override;

private:
    enum class phase {
        /// No sockets yet. `become_linked` looks for them.
        apart,
        /// The link carries messages.
        linked,
        /// The connections ended. If the process ended too, its owner will say so before
        /// `verdict_at_`, and that is the better reason.
        cut,
        /// The process is gone. What it sent is read until its sockets say that nothing follows, or
        /// until `verdict_at_`: a child of it may hold them open.
        dying,
        /// Nothing will be sent or heard any more.
        over,
    };
    enum class resume { now, later };

    struct abandon_unless_ended;

    boost::asio::awaitable<result<void>> become_linked(steady_time deadline);
    boost::asio::awaitable<result<void>> find_sockets(socket_search& search, steady_time deadline);
    boost::asio::awaitable<execution_end> hear_out(kernel_step begun,
                                                   kernel_connection::event_sink sink);
    void read_elsewhere(channel from, frame_list frames);
    void tell_in_turns(kernel_step step, std::size_t from,
                       std::shared_ptr<kernel_connection::event_sink> to);
    void fail(link_failure why, std::string const& detail);
    void finish_death();
    void end_link();
    void perform(kernel_step step, resume how);
    void tell(std::vector<event>& events);
    void arm();
    void on_timer();
    void on_verdict_due();

    boost::asio::io_context& loop_;
    connection_options options_;
    kernel_connection::failure_sink on_failure_;
    std::string const identity_;
    kernel_state state_;
    phase phase_ = phase::apart;
    client_errc over_because_ = client_errc::abandoned;
    std::shared_ptr<link> link_;
    std::optional<std::string> cut_detail_;
    std::optional<steady_time> verdict_at_;
    steady_time died_at_{};
    std::uint64_t heard_at_death_ = 0;
    bool reading_ = false;

    boost::asio::steady_timer timer_;
    std::optional<steady_time> armed_for_;
    boost::asio::steady_timer search_pause_;
    bool search_given_up_ = false;
    bool interrupt_followed_ = false;  // once it is followed
    bool follow_begins_ = false;

    pending<result<kernel_info>> usable_;
    pending<execution_end> ended_;
    std::shared_ptr<kernel_connection::event_sink> sink_;
};

}  // namespace kernelproto
