// SPDX-License-Identifier: Apache-2.0
// One kernel process as its owner uses it: wait until it is ready, run code, interrupt, let go.
// Never starts or ends a process, never speaks of sessions, never waits without a deadline, and
// runs one execution at a time. Belongs to one loop; every call and every callback happens there.
#pragma once

#include "kernelproto/client/counters.hpp"
#include "kernelproto/client/events.hpp"
#include "kernelproto/client/requests.hpp"
#include "kernelproto/client/time.hpp"
#include "kernelproto/link/link.hpp"
#include "kernelproto/wire/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}

namespace kernelproto {

/// What carries the messages. Both do the same; `zmtp` bounds a hostile kernel to the byte, and
/// costs no second thread.
enum class transport { zmtp, libzmq };

struct connection_options {
    transport carrier = transport::zmtp;
    /// HMAC key of this kernel, as in its connection file.
    std::string key;
    /// Who we are to the kernel's sockets (ZMTP 3.1, "Identity"): what it answers to this name
    /// after its asker has gone reaches whoever connects under it next. 1 to 255 bytes, the first
    /// not zero, else `create_kernel_connection` throws std::logic_error. Empty: a new one.
    std::string identity;
    /// Directory that holds the sockets (`O_PATH`); stays the caller's, must outlive the
    /// connection.
    int socket_dir = -1;
    /// File name prefix of the sockets below `socket_dir`: `<prefix>-1` ... `<prefix>-5` in the
    /// order shell, iopub, stdin, control, heartbeat (as ports 1..5 of the connection file).
    std::string socket_prefix = "k";
    /// Only a socket owned by this user is connected to.
    uid_t owner = 0;
    /// Above this many bytes in one message the connection fails with `link_failure::too_much`.
    std::size_t max_message_bytes = std::size_t{256} * 1024 * 1024;
    /// What is held of a frame above `max_content_bytes`, which must be no more than that.
    excerpt_sizes excerpts;
    /// Where messages above a mebibyte are checked and read, while other kernels go on; it ends
    /// before the loop does. Empty: on the loop.
    boost::asio::any_io_executor worker;
    /// Sockets that somebody listens on take a connection at once, unless their process is stopped.
    std::chrono::milliseconds connect_within{5000};
    /// Called once, when the first of the sockets was seen; may be empty.
    std::function<void()> on_first_socket;
};

class kernel_connection {
public:
    /// Called once per event, in the kernel's order; a long text comes as several. Must not block.
    using event_sink = std::function<void(event)>;
    /// Called at most once, when the connection can no longer be used.
    using failure_sink = std::function<void(link_failure, std::string const& detail)>;

    virtual ~kernel_connection() = default;
    kernel_connection() = default;
    kernel_connection(kernel_connection const&) = delete;
    kernel_connection& operator=(kernel_connection const&) = delete;

    /// Waits for the five sockets, connects, and nudges until one reply and one iopub message were
    /// heard (JEP 65). Fails at `deadline`, when the kernel dies, or when a socket is not
    /// acceptable.
    virtual boost::asio::awaitable<result<kernel_info>> ready(steady_time deadline) = 0;

    /// Connects to a kernel that may be busy, unless that is done already, and waits until a nudge
    /// on shell was answered by reply and idle: whatever ran before has ended then. Any number of
    /// times while nothing runs; a kernel that is not back at `deadline` can be asked again.
    virtual boost::asio::awaitable<result<kernel_info>> adopt(steady_time deadline) = 0;

    /// Runs one cell to its end. Never fails: every irregularity is an `end_cause`. Has no deadline
    /// of its own: the owner interrupts, and ends it with `kernel_died` or `abandon`.
    virtual boost::asio::awaitable<execution_end> execute(execute_request request,
                                                          event_sink sink) = 0;

    /// Connects as `adopt` does, with `deadline` for finding the sockets, and hears out the
    /// execution that an earlier process of ours sent under `msg_id` and, for its reply, under
    /// this `identity`. Otherwise as `execute`. What it said before we listened is missing,
    /// whatever the end; an end before that is `ended_unheard`, and so is that of one which the
    /// kernel never received. A question that it asked before cannot be answered any more. Sockets
    /// that cannot be had: `unreachable`. `adopt` before the next `execute`: nothing proves yet
    /// that iopub is heard.
    virtual boost::asio::awaitable<execution_end> follow(std::string msg_id, bool allow_stdin,
                                                         steady_time deadline, event_sink sink) = 0;

    /// interrupt_request on control, then a nudge on shell, repeated by the escalation machine
    /// until the running execution ends; one that is not sent, or found, yet is interrupted as soon
    /// as it is. Does nothing while none runs.
    virtual void interrupt() = 0;

    /// Answers the last `input_wanted` of the running execution, which is given no other before.
    /// Does nothing when none is unanswered.
    virtual void answer_input(std::string value) = 0;

    /// The process is gone, on the word of whoever watches it: what runs ends with `kernel_died`,
    /// after the messages that are already here were delivered.
    virtual void kernel_died() = 0;

    /// Ends what runs with `abandoned`, and the search for sockets, without a word to the kernel.
    virtual void abandon() = 0;

    virtual connection_counters const& counters() const = 0;

    /// Closes the sockets; what runs ends with `abandoned`. Idempotent.
    virtual void close() = 0;
};

/// Sockets need not exist yet. `on_failure` may be called until `close`.
std::unique_ptr<kernel_connection> create_kernel_connection(
    boost::asio::io_context& loop, connection_options options,
    kernel_connection::failure_sink on_failure);

}  // namespace kernelproto
