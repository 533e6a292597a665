// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/readiness.hpp"

#include "kernelproto/client/kernel_state.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/script.hpp"
#include "tests/unit/kernelproto/client/kernel_subject.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace kernelproto;
using namespace kernelproto::script;
using namespace std::chrono_literals;

namespace {

constexpr auto limit = 10s;

client_errc as_failure(end_cause why) {
    return why == end_cause::kernel_died ? client_errc::kernel_died : client_errc::unreachable;
}

factory bare(readiness::mode how) {
    return [how](request_author& author, steady_time begin) -> machine {
        auto const it = std::make_shared<readiness>(how, author, begin + limit);
        return {
            [it](steady_time now) { return it->start(now); },
            [it](channel from, message const& heard, steady_time now) {
                return it->on_message(from, heard, now);
            },
            [it](steady_time now) { return it->on_timer(now); },
            [it] { return it->next_deadline(); },
            [it](end_cause why) { return it->stop(as_failure(why)); },
        };
    };
}

line info(channel from) {
    return says(from, "kernel_info_reply", R"({"implementation":"ipython"})")
        .of(from == channel::shell ? "shell nudge" : "control nudge");
}
line status(std::string const& state, std::string whose) {
    return says(channel::iopub, "status", R"({"execution_state":")" + state + "\"}")
        .of(std::move(whose));
}
line welcome() {
    return says(channel::iopub, "iopub_welcome", R"({"subscription":""})").of("nobody");
}

transcript const both{"> shell kernel_info_request", "> control kernel_info_request"};
transcript const one{"> shell kernel_info_request"};
transcript const surplus{"dropped surplus"};

std::vector<row> const fresh{
    {"one reply and one message on iopub make a kernel ready",
     both,
     {status("busy", "control nudge"), info(channel::control).then({"ready ipython"})}},
    {"the reply may come first, and from shell",
     both,
     {info(channel::shell), status("idle", "shell nudge").then({"ready ipython"})}},
    {"a welcome shows the subscription as well",
     both,
     {welcome(), info(channel::control).then({"ready ipython"})}},
    {"so does the one status of a kernel that starts",
     both,
     {status("starting", "nobody"), info(channel::shell).then({"ready ipython"})}},
    {"it is nudged every half second while nothing answers",
     both,
     {passes(499ms), passes(1ms).then(both), passes(500ms).then(both), welcome(),
      info(channel::shell).then({"ready ipython"})}},
    {"an answer to an older nudge counts",
     both,
     {welcome(), says(channel::shell, "kernel_info_reply", R"({"implementation":"x"})")
                     .of("shell nudge")
                     .then({"ready x"})}},
    {"a subscription that came too late is nudged again soon",
     both,
     {info(channel::shell), passes(50ms).then(both), passes(99ms), passes(1ms).then(both),
      passes(200ms).then(both), passes(400ms).then(both), passes(500ms).then(both),
      status("busy", "shell nudge").then({"ready ipython"})}},
    {"silence ends at the deadline",
     both,
     {passes(1s).then({both[0], both[1], both[0], both[1]}), welcome(),
      passes(8s).then({both[0], both[1], both[0], both[1], both[0], both[1], both[0], both[1],
                       both[0], both[1], both[0], both[1], both[0], both[1], both[0], both[1],
                       both[0], both[1], both[0], both[1], both[0], both[1], both[0], both[1],
                       both[0], both[1], both[0], both[1], both[0], both[1], both[0], both[1]}),
      passes(1s).then({both[0], both[1], "not ready: kernel did not become ready in time"})}},
    {"an answer to somebody else is no answer",
     both,
     {welcome(),
      says(channel::shell, "kernel_info_reply", "{}").of("foreign").then({"dropped foreign"}),
      says(channel::shell, "execute_reply", "{}").of("shell nudge").then(surplus),
      says(channel::shell, "kernel_info_reply", "[").of("shell nudge").then({"dropped invalid"}),
      info(channel::shell).then({"ready ipython"})}},
};

std::vector<row> const adopted{
    {"a nudge answered by reply and idle ends what ran before",
     one,
     {status("busy", "shell nudge").then(surplus), info(channel::shell),
      status("idle", "shell nudge").then({"ready ipython"})}},
    {"idle may overtake the reply",
     one,
     {status("idle", "shell nudge"), info(channel::shell).then({"ready ipython"})}},
    {"what a busy kernel says meanwhile is not ours and proves nothing",
     one,
     {says(channel::iopub, "stream", R"({"name":"stdout","text":"x"})")
          .of("foreign")
          .then({"dropped foreign"}),
      status("idle", "foreign").then({"dropped foreign"}), info(channel::shell),
      status("idle", "shell nudge").then({"ready ipython"})}},
    {"a busy kernel is nudged once: the nudge waits in its queue",
     one,
     {passes(9s), info(channel::shell), status("idle", "shell nudge").then({"ready ipython"})}},
    {"an idle that was lost to a late subscription is fetched by another nudge",
     one,
     {info(channel::shell), passes(50ms).then(one), status("busy", "shell nudge").then(surplus),
      info(channel::shell).then(surplus), status("idle", "shell nudge").then({"ready ipython"})}},
    {"control answers although shell is busy, which proves nothing",
     one,
     {says(channel::control, "kernel_info_reply", "{}").of("shell nudge").then(surplus),
      info(channel::shell), status("idle", "shell nudge").then({"ready ipython"})}},
    {"a kernel that stays busy is given up at the deadline",
     one,
     {passes(10s).then({"not ready: kernel did not become ready in time"})}},
};

/// The script's subject is the whole kernel state; foreign parents are told apart there.
factory whole(readiness::mode how) {
    return [how](request_author& author, steady_time begin) -> machine {
        auto const it = std::make_shared<kernel_subject_state>(author, begin);
        return {
            [it, how](steady_time now) {
                return it->translate(how == readiness::mode::fresh
                                         ? it->state.begin_ready(now + limit, now)
                                         : it->state.begin_adopt(now + limit, now));
            },
            [it](channel from, message const& heard, steady_time now) {
                return it->hear(from, heard, now);
            },
            [it](steady_time now) { return it->tick(now); },
            [it] { return it->state.next_deadline(); },
            [it](end_cause why) { return it->stop(why); },
            true,
        };
    };
}

/// As the bare machine sees it: it does not know whose a parent is.
std::vector<row> without_owners(std::vector<row> rows) {
    for (auto& each : rows) {
        for (auto& said : each.lines) {
            if (said.expected == transcript{"dropped foreign"}) {
                said.expected = surplus;
            }
        }
    }
    return rows;
}

}  // namespace

TEST_CASE("a started kernel is ready when it answers and is heard", "[client][readiness]") {
    check_all(without_owners(fresh), bare(readiness::mode::fresh));
}

TEST_CASE("an adopted kernel is ready when its queue has reached the nudge",
          "[client][readiness]") {
    check_all(without_owners(adopted), bare(readiness::mode::adopted));
}

TEST_CASE("readiness holds for the whole kernel state as well", "[client][readiness]") {
    check_all(fresh, whole(readiness::mode::fresh));
    check_all(adopted, whole(readiness::mode::adopted));
}
