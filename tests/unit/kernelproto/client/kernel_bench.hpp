// SPDX-License-Identifier: Apache-2.0
// A whole kernel_state under the test's hand, for what no script can say: calls of the owner.
// Never answers by itself; remembers the ids of what was sent. One test at a time.
#pragma once

#include "kernelproto/client/kernel_state.hpp"
#include "kernelproto/wire/codec.hpp"
#include "tests/support/script.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>

namespace kernelproto::script {

/// A kernel state and the frames of a kernel that speaks to it.
struct bench {
    steady_time now{std::chrono::hours{1}};
    signer keys{"secret"};
    kernel_state state{"secret", frame_limits{}, request_author{"ours", now, {}}};
    std::map<std::string, std::string> sent;  // type -> id of the last one
    int said = 0;

    kernel_step note(kernel_step step) {
        for (auto const& each : step.send) {
            if (each.to != channel::heartbeat) {
                auto const head = decode(each.frames, keys, {}).value().head;
                sent[head.msg_type] = head.msg_id;
            }
        }
        return step;
    }

    frame_list frames(std::string const& type, std::string const& parent, std::string content) {
        outgoing out;
        out.head = {"k_" + std::to_string(++said), "kernel", "", print_date(said), type, "5.3"};
        out.parent.msg_id = parent;
        out.content = std::move(content);
        return encode(out, keys);
    }

    kernel_step hear(channel from, std::string const& type, std::string const& parent,
                     std::string content = R"({"status":"ok"})") {
        return note(state.on_frames(from, frames(type, parent, std::move(content)), now));
    }

    kernel_step execute() { return note(state.begin_execute({"1", false, true, false}, now)); }

    kernel_step follow(bool allow_stdin = false) {
        sent["execute_request"] = followed_cell;
        return note(state.begin_follow(followed_cell, allow_stdin, now));
    }

    kernel_step finish() {
        hear(channel::shell, "execute_reply", sent["execute_request"]);
        return hear(channel::iopub, "status", sent["execute_request"],
                    R"({"execution_state":"idle"})");
    }

    kernel_step until_next() {
        now = state.next_deadline().value();
        return note(state.on_timer(now));
    }
};

inline std::size_t count_of(kernel_step const& step, channel to) {
    return static_cast<std::size_t>(
        std::count_if(step.send.begin(), step.send.end(),
                      [&](kernel_step::outbound const& each) { return each.to == to; }));
}

}  // namespace kernelproto::script
