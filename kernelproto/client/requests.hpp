// SPDX-License-Identifier: Apache-2.0
// The requests that we write, and the author who numbers and dates them.
// Never makes a message id twice and never leaves out a field that some kernel version requires.
// Values; one owner at a time.
#pragma once

#include "kernelproto/client/events.hpp"
#include "kernelproto/client/time.hpp"
#include "kernelproto/wire/message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace kernelproto {

struct execute_request {
    std::string code;
    bool silent = false;
    bool store_history = true;
    bool allow_stdin = false;
    /// Under which it is sent, so that a later process can follow it. Must be new for the kernel's
    /// whole life: a kernel drops what it takes for a message that it has seen. Empty: the author's
    /// next.
    std::string msg_id = {};
    /// `argv` of the content, which Jupyter's own messages do not have: the program's arguments,
    /// for kernels that know of it. UTF-8.
    std::vector<std::string> argv = {};
};

/// A message of ours and where it goes.
struct request {
    channel to = channel::shell;
    outgoing what;
};

class request_author {
public:
    /// `session` from `make_session_id`. The dates of headers are `wall` plus the time that passed
    /// since `now`.
    request_author(std::string session, steady_time now,
                   std::chrono::system_clock::time_point wall);

    /// `msg_id` is the caller's choice; empty: the next of this author's own.
    header sign_off(std::string_view msg_type, steady_time now, std::string_view msg_id = {});

    /// Takes an id for one of ours that is not of this author's making.
    void take_over(std::string_view msg_id);

    /// True for every id of its own making, however long ago, and for the last `chosen_to_keep` of
    /// those that it was given or took over.
    bool wrote(std::string_view msg_id) const noexcept;

    static constexpr std::size_t chosen_to_keep = 64;

    std::string const& session() const noexcept { return session_; }

private:
    std::string session_;
    steady_time begun_;
    std::int64_t wall_us_;
    std::uint64_t count_ = 0;
    std::deque<std::string> chosen_;  // the newest last
};

request write_execute(request_author& author, execute_request const& what, steady_time now);
request write_kernel_info(request_author& author, channel to, steady_time now);
request write_interrupt(request_author& author, steady_time now);

/// `asked` is the header of the input_request.
request write_input_reply(request_author& author, header const& asked, std::string_view value,
                          steady_time now);

}  // namespace kernelproto
