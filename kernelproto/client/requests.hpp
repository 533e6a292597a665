// SPDX-License-Identifier: Apache-2.0
// The requests that we write, and the author who numbers and dates them.
// Never uses a message id twice and never leaves out a field that some kernel version requires.
// Values; one owner at a time.
#pragma once

#include "kernelproto/client/events.hpp"
#include "kernelproto/client/time.hpp"
#include "kernelproto/wire/message.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace kernelproto {

struct execute_request {
    std::string code;
    bool silent = false;
    bool store_history = true;
    bool allow_stdin = false;
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

    header sign_off(std::string_view msg_type, steady_time now);

    /// True for every id that was given out, however long ago.
    bool wrote(std::string_view msg_id) const noexcept;

    std::string const& session() const noexcept { return session_; }

private:
    std::string session_;
    steady_time begun_;
    std::int64_t wall_us_;
    std::uint64_t count_ = 0;
};

request write_execute(request_author& author, execute_request const& what, steady_time now);
request write_kernel_info(request_author& author, channel to, steady_time now);
request write_interrupt(request_author& author, steady_time now);

/// `asked` is the header of the input_request.
request write_input_reply(request_author& author, header const& asked, std::string_view value,
                          steady_time now);

}  // namespace kernelproto
