// SPDX-License-Identifier: Apache-2.0
// The moves of a session's life. Never a kernel without a generation, never a generation without a
// word to the next caller. Pure.
#include "broker/core/session_life.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace broker {

session_life::session_life(life_times times, moment now, bool after_expiry)
    : times_(times), last_used_(now.steady) {
    record_.last_used_at = now.wall;
    if (after_expiry) {
        record_.pending = state_reason::expired;
    }
}

session_life::session_life(life_times times, life_record record, moment now)
    : times_(times), record_(std::move(record)), last_used_(now.steady) {
    auto const unused = now.wall - record_.last_used_at;
    if (unused.count() > 0) {
        last_used_ -= std::min<std::chrono::milliseconds>(
            unused, wall_seconds(times_.idle_timeout_s + times_.workspace_keep_s));
    }
    record_.last_used_at = std::min(record_.last_used_at, now.wall);
}

session_status session_life::status() const noexcept {
    if (closing_) {
        return session_status::closing;
    }
    auto const any = [this](session_status wanted) {
        return std::any_of(kernels_.begin(), kernels_.end(),
                           [wanted](auto const& one) { return one.second == wanted; });
    };
    for (auto const wanted :
         {session_status::busy, session_status::starting, session_status::idle}) {
        if (any(wanted)) {
            return wanted;
        }
    }
    return session_status::stopped;
}

session_status session_life::status(std::string_view language) const {
    auto const found = kernels_.find(language);
    return found == kernels_.end() ? session_status::stopped : found->second;
}

std::uint32_t session_life::on_start(std::string_view language) {
    expect(status(language) == session_status::stopped, "start");
    move(language, session_status::starting);
    return record_.generation(language) + 1;
}

void session_life::on_ready(std::string_view language, moment now) {
    expect(status(language) == session_status::starting, "ready");
    move(language, session_status::idle);
    ++record_.kernels[std::string(language)].generation;
    on_used(now);
}

void session_life::on_start_failed(std::string_view language) {
    expect(status(language) == session_status::starting, "start failed");
    move(language, session_status::stopped);
}

void session_life::on_adopted(std::string_view language, bool busy) {
    expect(status(language) == session_status::stopped, "adopted");
    move(language, busy ? session_status::busy : session_status::idle);
}

started_on session_life::peek(std::string_view language) const {
    auto const found = record_.kernels.find(language);
    auto const kernel = found == record_.kernels.end() ? kernel_record{} : found->second;
    auto const now = status(language);
    bool const lives = now == session_status::idle || now == session_status::busy;
    std::uint32_t const generation = kernel.generation + (lives ? 0 : 1);
    if (kernel.files_lost) {
        return {session_state::lost, kernel.pending.value_or(state_reason::runtime_lost),
                generation};
    }
    if (record_.files_lost) {
        return {session_state::lost, record_.pending.value_or(state_reason::runtime_lost),
                generation};
    }
    if (kernel.told_generation == 0) {
        // Kernels that no execution has seen took no variables with them.
        return {session_state::fresh, record_.pending, generation};
    }
    if (kernel.told_generation == generation) {
        return {session_state::kept, std::nullopt, generation};
    }
    return {session_state::restarted, kernel.pending.value_or(state_reason::runtime_lost),
            generation};
}

started_on session_life::on_execution(std::string_view language, moment now) {
    expect(status(language) == session_status::idle && record_.generation(language) > 0,
           "execution");
    auto const truth = peek(language);
    move(language, session_status::busy);
    auto& kernel = record_.kernels[std::string(language)];
    kernel.told_generation = kernel.generation;
    kernel.pending.reset();
    kernel.files_lost = false;
    record_.pending.reset();
    record_.files_lost = false;
    on_used(now);
    return truth;
}

void session_life::on_execution_end(std::string_view language, moment now,
                                    std::optional<state_reason> gone) {
    expect(status(language) == session_status::busy, "execution end");
    move(language, session_status::idle);
    on_used(now);
    if (gone) {
        on_kernel_gone(language, *gone);
    }
}

void session_life::on_untold(std::string_view language, started_on const& began) {
    expect(status(language) == session_status::stopped, "untold");
    auto const found = record_.kernels.find(language);
    if (!began.reason || found == record_.kernels.end()) {
        return;
    }
    auto& kernel = found->second;
    if (began.generation != kernel.generation || kernel.told_generation != kernel.generation) {
        return;
    }
    kernel.told_generation = began.state == session_state::fresh ? 0 : kernel.generation - 1;
    if (began.state == session_state::restarted) {
        kernel.pending = began.reason;
    } else if (began.state == session_state::lost && kernel.told_generation > 0) {
        kernel.files_lost = true;
        kernel.pending = began.reason;
    } else {
        record_.files_lost = began.state == session_state::lost;
        record_.pending = began.reason;
    }
}

void session_life::on_kernel_gone(std::string_view language, state_reason why) {
    expect(!closing_, "kernel gone");
    move(language, session_status::stopped);
    auto const found = record_.kernels.find(language);
    if (found == record_.kernels.end()) {
        return;
    }
    auto& kernel = found->second;
    bool const was_used = kernel.generation > 0 && kernel.told_generation == kernel.generation;
    if (was_used && !kernel.pending) {
        kernel.pending = why;
    }
}

void session_life::on_files_lost(state_reason why) {
    auto const now = status();
    expect(now == session_status::stopped || now == session_status::starting, "files lost");
    record_.files_lost = true;
    record_.pending = why;
    for (auto& [language, kernel] : record_.kernels) {
        if (kernel.told_generation > 0) {
            kernel.files_lost = true;
            kernel.pending = why;
        }
    }
}

void session_life::on_used(moment now) {
    record_.last_used_at = now.wall;
    last_used_ = now.steady;
}

void session_life::on_close() { closing_ = true; }

life_action session_life::due(steady_time now) const noexcept {
    auto const at = next_due();
    if (!at || now < *at) {
        return life_action::none;
    }
    return status() == session_status::idle ? life_action::put_away : life_action::expire;
}

std::optional<steady_time> session_life::next_due() const noexcept {
    switch (status()) {
        case session_status::idle:
            return last_used_ + steady_seconds(times_.idle_timeout_s);
        case session_status::stopped:
            return last_used_ + steady_seconds(times_.idle_timeout_s + times_.workspace_keep_s);
        case session_status::starting:
        case session_status::busy:
        case session_status::closing:
            break;
    }
    return std::nullopt;
}

wall_time session_life::expires_at() const {
    return record_.last_used_at + wall_seconds(times_.idle_timeout_s + times_.workspace_keep_s);
}

void session_life::move(std::string_view language, session_status to) {
    if (to == session_status::stopped) {
        if (auto const found = kernels_.find(language); found != kernels_.end()) {
            kernels_.erase(found);
        }
    } else {
        kernels_.insert_or_assign(std::string(language), to);
    }
}

void session_life::expect(bool allowed, char const* move) const {
    if (!allowed || closing_) {
        throw std::logic_error("session: '" + std::string(move) + "' while " +
                               std::string(to_string(status())));
    }
}

}  // namespace broker
