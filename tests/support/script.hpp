// SPDX-License-Identifier: Apache-2.0
// Scripts for protocol machines: what the kernel says, what time passes, and what must come of it,
// line by line; `replay` plays one again with something going wrong at every message.
// Never sleeps and never talks to a kernel. Values; one test at a time.
#pragma once

#include "kernelproto/client/actions.hpp"
#include "kernelproto/client/requests.hpp"
#include "tests/support/catch.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace kernelproto::script {

using std::chrono::milliseconds;
using transcript = std::vector<std::string>;

/// The machine under test, through the calls that all machines have in common.
struct machine {
    std::function<actions(steady_time)> start;
    std::function<actions(channel, message const&, steady_time)> hear;
    std::function<actions(steady_time)> tick;
    std::function<std::optional<steady_time>()> deadline;
    std::function<actions(end_cause)> stop;
    /// Whether it notices that another kernel speaks.
    bool tells_kernels_apart = false;
};

/// Made anew for every play. The author is the player's and outlives the machine.
using factory = std::function<machine(request_author&, steady_time)>;

/// The execute_request of an earlier process, for a machine that follows it.
inline constexpr auto followed_cell = "chosen-elsewhere";

/// Words for parents: "cell" is the last execute_request, before any `followed_cell`, "interrupt"
/// the last interrupt_request, "shell nudge" and "control nudge" the last kernel_info_request on
/// that channel, "earlier" an id of ours that is long over, "foreign" somebody else's, "nobody" an
/// empty parent.
struct line {
    enum class what { says, passes } does = what::says;
    channel from = channel::iopub;
    std::string type;
    std::string content = "{}";
    std::string parent = "cell";
    std::string session = "kernel";
    std::optional<std::string> date;  // else the number of the line, so that dates are in order
    milliseconds time{0};
    transcript expected;

    line of(std::string whose) const {
        auto copy = *this;
        copy.parent = std::move(whose);
        return copy;
    }
    line by(std::string kernel) const {
        auto copy = *this;
        copy.session = std::move(kernel);
        return copy;
    }
    line dated(std::string when) const {
        auto copy = *this;
        copy.date = std::move(when);
        return copy;
    }
    line then(transcript what) const {
        auto copy = *this;
        copy.expected = std::move(what);
        return copy;
    }
};

inline line says(channel from, std::string type, std::string content) {
    line out;
    out.from = from;
    out.type = std::move(type);
    out.content = std::move(content);
    return out;
}

inline line passes(milliseconds time) {
    line out;
    out.does = line::what::passes;
    out.time = time;
    return out;
}

struct row {
    std::string name;
    transcript at_start;
    std::vector<line> lines;
    /// What the kernel leaves out may leave the machine waiting for the owner, who ends it.
    bool ends = true;
};

std::string describe(request const& sent);
std::string describe(event const& told);
std::string describe(execution_end const& end);
transcript describe(actions const& made);

/// What a whole play came to.
struct outcome {
    transcript told;  // events, in order
    transcript sent;  // requests, in order
    std::vector<execution_end> ends;
    int decided = 0;         // `ready` told
    std::string decision;    // the last of them
    bool after_end = false;  // something was told or sent behind the end
    bool stuck = false;      // time alone never brought it to rest
};

/// Plays the row as it stands and checks every line's transcript.
void play(row const& which, factory const& make);

/// Plays the row again with each message in turn lost, doubled, swapped with its neighbour, said by
/// another kernel, or preceded by a broken link or by death, and checks what must hold in every
/// case: one end, the right cause, nothing after it, nothing sent twice, no waiting without a
/// deadline or an owner.
void replay(row const& which, factory const& make);

inline void check_all(std::vector<row> const& rows, factory const& make) {
    for (auto const& each : rows) {
        DYNAMIC_SECTION(each.name) {
            play(each, make);
            replay(each, make);
        }
    }
}

}  // namespace kernelproto::script
