// SPDX-License-Identifier: Apache-2.0
// The moves of a session's life. Never a kernel without a generation, never a generation without a
// word to the next caller. Pure.
#include "broker/core/session_life.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace broker {

session_life::session_life(life_times times, moment now, bool after_expiry)
    : times_(times), last_used_(now.steady) {
    record_.last_used_at = now.wall;
    if (after_expiry) {
        record_.pending = state_reason::expired;
    }
}

session_life::session_life(life_times times, life_record record, moment now)
    : times_(times), record_(record), last_used_(now.steady) {
    auto const unused = now.wall - record_.last_used_at;
    if (unused.count() > 0) {
        last_used_ -= std::min<std::chrono::milliseconds>(
            unused, wall_seconds(times_.idle_timeout_s + times_.workspace_keep_s));
    }
    record_.last_used_at = std::min(record_.last_used_at, now.wall);
}

std::uint32_t session_life::on_start() {
    expect(status_ == session_status::stopped, "start");
    status_ = session_status::starting;
    return record_.generation + 1;
}

void session_life::on_ready(moment now) {
    expect(status_ == session_status::starting, "ready");
    status_ = session_status::idle;
    ++record_.generation;
    on_used(now);
}

void session_life::on_start_failed() {
    expect(status_ == session_status::starting, "start failed");
    status_ = session_status::stopped;
}

void session_life::on_adopted(bool busy) {
    expect(status_ == session_status::stopped, "adopted");
    status_ = busy ? session_status::busy : session_status::idle;
}

started_on session_life::peek() const {
    std::uint32_t const generation = record_.generation + (has_kernel() ? 0 : 1);
    if (record_.files_lost) {
        return {session_state::lost, record_.pending.value_or(state_reason::runtime_lost),
                generation};
    }
    if (record_.told_generation == 0) {
        // Kernels that no execution has seen took no variables with them.
        bool const expired = record_.pending == state_reason::expired;
        return {session_state::fresh, expired ? record_.pending : std::nullopt, generation};
    }
    if (record_.told_generation == generation) {
        return {session_state::kept, std::nullopt, generation};
    }
    return {session_state::restarted, record_.pending.value_or(state_reason::runtime_lost),
            generation};
}

started_on session_life::on_execution(moment now) {
    expect(status_ == session_status::idle && record_.generation > 0, "execution");
    auto const truth = peek();
    status_ = session_status::busy;
    record_.told_generation = record_.generation;
    record_.pending.reset();
    record_.files_lost = false;
    on_used(now);
    return truth;
}

void session_life::on_execution_end(moment now, std::optional<state_reason> gone) {
    expect(status_ == session_status::busy, "execution end");
    status_ = session_status::idle;
    on_used(now);
    if (gone) {
        on_kernel_gone(*gone);
    }
}

void session_life::on_untold(started_on const& began) {
    expect(status_ == session_status::stopped, "untold");
    if (!began.reason || began.generation != record_.generation ||
        record_.told_generation != record_.generation) {
        return;
    }
    record_.told_generation = began.state == session_state::fresh ? 0 : record_.generation - 1;
    record_.files_lost = began.state == session_state::lost;
    record_.pending = began.reason;
}

void session_life::on_kernel_gone(state_reason why) {
    expect(status_ != session_status::closing, "kernel gone");
    status_ = session_status::stopped;
    bool const was_used = record_.generation > 0 && record_.told_generation == record_.generation;
    if (was_used && !record_.pending) {
        record_.pending = why;
    }
}

void session_life::on_files_lost(state_reason why) {
    expect(status_ == session_status::stopped || status_ == session_status::starting, "files lost");
    record_.files_lost = true;
    record_.pending = why;
}

void session_life::on_used(moment now) {
    record_.last_used_at = now.wall;
    last_used_ = now.steady;
}

void session_life::on_close() {
    had_kernel_ = has_kernel();
    status_ = session_status::closing;
}

life_action session_life::due(steady_time now) const noexcept {
    auto const at = next_due();
    if (!at || now < *at) {
        return life_action::none;
    }
    return status_ == session_status::idle ? life_action::put_away : life_action::expire;
}

std::optional<steady_time> session_life::next_due() const noexcept {
    switch (status_) {
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

bool session_life::has_kernel() const noexcept {
    return status_ == session_status::idle || status_ == session_status::busy ||
           (status_ == session_status::closing && had_kernel_);
}

void session_life::expect(bool allowed, char const* move) const {
    if (!allowed) {
        throw std::logic_error("session: '" + std::string(move) + "' while " +
                               std::string(to_string(status_)));
    }
}

}  // namespace broker
