// SPDX-License-Identifier: Apache-2.0
// A kernel for tests: real ZeroMQ sockets in a directory, and for each piece of code a list of what
// to say and do when it is run.
// Never does anything that its script does not name. Runs in a thread of its own; the test talks to
// it by `go` and reads `seen` after the kernel has been stopped or has said so.
#pragma once

#include "kernelproto/client/events.hpp"

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace tests {

/// A message about the request that is being answered.
struct say {
    enum class parent { request, foreign, none };
    enum class signature { right, forged, missing };

    kernelproto::channel on = kernelproto::channel::iopub;
    std::string type;
    std::string content;
    parent about = parent::request;
    signature sign = signature::right;
    std::string session = {};  // empty: the kernel's own
};
/// Frames exactly as they are; on a ROUTER channel they go to whoever asked last.
struct say_raw {
    kernelproto::channel on = kernelproto::channel::iopub;
    std::vector<std::string> frames;
};
/// `count` stream messages of `bytes` each, numbered in their text.
struct flood {
    int count = 0;
    std::size_t bytes = 16;
};
/// One message with `frames` buffers of `bytes` each.
struct heavy {
    std::size_t bytes = 0;
    int frames = 1;
};
/// Waits for `go()`; other requests are answered meanwhile.
struct hold {};
/// Waits for an interrupt_request.
struct hold_until_interrupt {};
/// Waits for an input_reply.
struct hold_until_input {};
/// Asks, and asks again at each `go()`, until an input_reply comes: nothing tells a kernel that its
/// stdin channel has got the one who executes.
struct ask_until_answered {};
/// Prints what the last input_reply said.
struct print_input {};
/// Answers no interrupt_request until `answer_interrupts()`, as while a cell holds the interpreter.
struct go_deaf {};
/// Closes all sockets, as a process that ends does.
struct die {};
/// Closes one socket.
struct close_channel {
    kernelproto::channel which = kernelproto::channel::iopub;
};

using step = std::variant<say, say_raw, flood, heavy, hold, hold_until_interrupt, hold_until_input,
                          ask_until_answered, print_input, go_deaf, die, close_channel>;
using script = std::vector<step>;

step busy();
step idle();
step stream(std::string const& text);
step ask(std::string const& prompt);
step reply_ok();
/// busy, the given steps, reply, idle.
script cell(script middle);

struct kernel_script {
    std::map<std::string, script> on_code;
    /// Answers to kernel_info_request on shell (on control: always). Absent: as a kernel does.
    bool answers_kernel_info = true;
    /// Bound, but nothing is ever read or said.
    bool mute = false;
    bool echoes_heartbeat = true;
    std::string session = "scripted-kernel-session";
};

class scripted_kernel {
public:
    /// Binds `<directory>/k-1` ... `k-5`; `key` as in the connection file.
    scripted_kernel(std::string const& directory, std::string key, kernel_script script);
    scripted_kernel(scripted_kernel const&) = delete;
    scripted_kernel& operator=(scripted_kernel const&) = delete;
    ~scripted_kernel();

    /// Ends the present or the next `hold`.
    void go();

    /// Those that came since `go_deaf`, and all that will come.
    void answer_interrupts();

    int executes() const noexcept { return executes_; }
    int interrupts() const noexcept { return interrupts_; }
    int nudges() const noexcept { return nudges_; }
    int heartbeats() const noexcept { return heartbeats_; }

private:
    class player;

    std::atomic<int> executes_{0};
    std::atomic<int> interrupts_{0};
    std::atomic<int> nudges_{0};
    std::atomic<int> heartbeats_{0};
    std::unique_ptr<player> player_;
};

}  // namespace tests
