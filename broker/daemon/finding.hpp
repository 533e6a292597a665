// SPDX-License-Identifier: Apache-2.0
// What the doctor found: one thing of the host, how it stands, and how to mend it.
// Never a guess: a thing that could not be looked at says so. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace broker {

enum class finding_level : std::uint8_t {
    ok,
    warn,  // sessions run, but less safely or less well than they could
    fail,  // no session can run
};

struct finding {
    finding_level level = finding_level::ok;
    std::string topic;  // a word or two: "kernel", "loop devices"
    std::string text;   // one sentence
    std::string mend;   // what to do; empty when there is nothing to do
};

using findings = std::vector<finding>;

/// True if nothing failed: sessions can run.
bool can_run(findings const& all);

/// A line each, `mend` below it; `color` for a terminal.
std::string to_text(findings const& all, bool color);

/// `{"can_run":…,"findings":[{"level","topic","text","mend"}]}`
std::string to_json(findings const& all);

}  // namespace broker
