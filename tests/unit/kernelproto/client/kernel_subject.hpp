// SPDX-License-Identifier: Apache-2.0
// A whole kernel_state, frames and signatures included, as the subject of a script.
// Never shows heartbeats to the script: they are a year apart and echoed at once. One test at a
// time.
#pragma once

#include "kernelproto/client/kernel_state.hpp"
#include "kernelproto/wire/codec.hpp"
#include "tests/support/script.hpp"

#include <memory>
#include <string>
#include <utility>

namespace kernelproto::script {

class kernel_subject_state {
public:
    kernel_subject_state(request_author const& author, steady_time now)
        : state(key, frame_limits{}, author, without_heartbeat()), now_(now) {}

    /// What the driver would see, in the words that scripts use.
    actions translate(kernel_step step) {
        actions out;
        for (auto& each : step.send) {
            if (each.to == channel::heartbeat) {
                translate(state.on_frames(channel::heartbeat, each.frames, now_));
                continue;
            }
            auto const sent = decode(each.frames, keys_, {}).value();
            out.send.push_back(
                {each.to, {sent.head, sent.parent, std::string(sent.content.bytes())}});
        }
        out.events = std::move(step.events);
        out.ended = std::move(step.ended);
        out.ready = std::move(step.ready);
        return out;
    }

    actions hear(channel from, message const& heard, steady_time now) {
        now_ = now;
        auto const before = state.counters();
        auto const frames =
            encode({heard.head, heard.parent, std::string(heard.content.bytes())}, keys_);
        auto out = translate(state.on_frames(from, frames, now));
        out.dropped = difference(before, state.counters());
        return out;
    }

    actions tick(steady_time now) {
        now_ = now;
        return translate(state.on_timer(now));
    }

    actions stop(end_cause why) {
        return translate(why == end_cause::kernel_died   ? state.kernel_died()
                         : why == end_cause::unreachable ? state.link_lost()
                                                         : state.abandon());
    }

    static constexpr auto key = "secret";
    kernel_state state;

private:
    static kernel_timings without_heartbeat() {
        kernel_timings timings;
        timings.liveness.every = std::chrono::hours{24 * 365};
        return timings;
    }

    static drop difference(connection_counters const& a, connection_counters const& b) {
        return b.invalid > a.invalid                 ? drop::invalid
               : b.foreign_parent > a.foreign_parent ? drop::foreign_parent
               : b.late > a.late                     ? drop::late
               : b.unasked > a.unasked               ? drop::unasked
               : b.surplus > a.surplus               ? drop::surplus
                                                     : drop::none;
    }

    signer keys_{key};
    steady_time now_;
};

/// A kernel that is taken to be ready and is given `cell` to run.
inline machine kernel_subject(request_author& author, steady_time at, execute_request cell) {
    auto const it = std::make_shared<kernel_subject_state>(author, at);
    return {
        [it, cell](steady_time now) { return it->translate(it->state.begin_execute(cell, now)); },
        [it](channel from, message const& heard, steady_time now) {
            return it->hear(from, heard, now);
        },
        [it](steady_time now) { return it->tick(now); },
        [it] { return it->state.next_deadline(); },
        [it](end_cause why) { return it->stop(why); },
        true,
    };
}

}  // namespace kernelproto::script
