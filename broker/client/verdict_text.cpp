// SPDX-License-Identifier: Apache-2.0
// One sentence for each outcome. Never a sentence for the usual ones. Pure; any thread.
#include "broker/client/verdict_text.hpp"

#include <fmt/format.h>

namespace broker::client {
namespace {

std::string_view variables(json const& execution) {
    return truth_of(execution, "variables_kept") ? "variables are kept" : "variables are gone";
}

std::string death_text(json const& execution) {
    auto const* death = member(execution, "death");
    auto const kind = death != nullptr ? text_of(*death, "kind") : std::string{};
    auto const detail = death != nullptr ? text_of(*death, "detail") : std::string{};
    return fmt::format("the kernel died{}{}{}{}", kind.empty() ? "" : " (", kind,
                       kind.empty() ? "" : ")", detail.empty() ? "" : ": " + detail);
}

}  // namespace

std::string verdict_text(json const& execution) {
    auto const outcome = text_of(execution, "outcome");
    if (outcome == "ok" || outcome == "error") {
        return {};
    }
    if (outcome == "timeout") {
        return fmt::format("the time limit was reached; {}", variables(execution));
    }
    if (outcome == "interrupted") {
        return fmt::format("interrupted; {}", variables(execution));
    }
    if (outcome == "cancelled") {
        return "cancelled before it ran to its end";
    }
    if (outcome == "died") {
        return fmt::format("{}; {}", death_text(execution), variables(execution));
    }
    return "how the code ended is not known";
}

std::string state_text(json const& execution) {
    auto const state = text_of(execution, "session_state");
    auto const reason = text_of(execution, "state_reason");
    auto const why = reason.empty() ? std::string{} : " (" + reason + ")";
    if (state == "restarted") {
        return fmt::format("the session had a new kernel{}: earlier variables were gone", why);
    }
    if (state == "lost") {
        return fmt::format("the session was new{}: earlier variables and files were gone", why);
    }
    return {};
}

int exit_status_of(json const& execution) {
    auto const status = number_of(execution, "exit_code", -1);
    return text_of(execution, "outcome") != "unknown" && status >= 0 && status <= 255
               ? static_cast<int>(status)
               : no_verdict;
}

}  // namespace broker::client
