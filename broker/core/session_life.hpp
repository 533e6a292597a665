// SPDX-License-Identifier: Apache-2.0
// The life of one session, and the truth about it: which kernels it has, one for each language in
// use, what the next execution starts on and why, when it is put away and when it expires.
// Never forgets that variables were lost before a caller was told, and tells it once. Pure: callers
// pass the time; a move that is not allowed is a broken invariant and throws std::logic_error.
#pragma once

#include "broker/base/time.hpp"
#include "broker/core/words.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

/// What must outlive the broker, of one language of a session.
struct kernel_record {
    std::uint32_t generation = 0;  // kernels so far; 0 before the first
    /// Generation that the last execution ran on; 0 before the first. An execution on another one
    /// has lost its variables.
    std::uint32_t told_generation = 0;
    std::optional<state_reason> pending;  // why, not told yet
    bool files_lost = false;              // with what it had been told of, not told yet

    friend bool operator==(kernel_record const&, kernel_record const&) = default;
};

/// What must outlive the broker.
struct life_record {
    std::map<std::string, kernel_record, std::less<>> kernels;  // by language
    bool files_lost = false;  // the workspace went before its time, and nobody was told
    /// Why everything went, files and all, not told yet: the next execution is, in any language,
    /// and the next one of each language that was used.
    std::optional<state_reason> pending;
    wall_time last_used_at;

    std::uint32_t generation(std::string_view language) const {
        auto const found = kernels.find(language);
        return found == kernels.end() ? 0 : found->second.generation;
    }

    friend bool operator==(life_record const&, life_record const&) = default;
};

struct life_times {
    double idle_timeout_s = 1800;         // then the sandbox is put away
    double workspace_keep_s = 24 * 3600;  // after that, then everything is gone
};

/// What an execution starts on.
struct started_on {
    session_state state = session_state::fresh;
    std::optional<state_reason> reason;
    std::uint32_t generation = 0;

    friend bool operator==(started_on const&, started_on const&) = default;
};

enum class life_action : std::uint8_t {
    none,
    put_away,  // end the sandbox, then `on_kernel_gone(idle_expired)`
    expire,    // delete the session and remember that it expired
};

class session_life {
public:
    /// A new session; `after_expiry`: one of its name existed and expired with its files.
    session_life(life_times times, moment now, bool after_expiry = false);

    /// From the store, without a kernel. The time it was unused counts on, but a clock that jumped
    /// backwards never makes it live longer than a full term from now.
    session_life(life_times times, life_record record, moment now);

    /// Of the whole: busy, else starting, else idle, where one of its kernels is.
    session_status status() const noexcept;
    /// Of one kernel.
    session_status status(std::string_view language) const;
    life_record const& record() const noexcept { return record_; }

    // Moves of the kernel of one language.

    /// stopped -> starting. The generation that the kernel will have once it is ready.
    std::uint32_t on_start(std::string_view language);
    /// starting -> idle: the generation counts from now on.
    void on_ready(std::string_view language, moment now);
    /// starting -> stopped: no kernel, no generation.
    void on_start_failed(std::string_view language);

    /// stopped -> idle or busy: the kernel of `record().generation` was found alive at boot.
    void on_adopted(std::string_view language, bool busy);

    /// What an execution would start on now; with no kernel, on the next one. While closing: what
    /// it would have started on before.
    started_on peek(std::string_view language) const;
    /// idle -> busy. The truth is told: store `record()` before the code is sent.
    started_on on_execution(std::string_view language, moment now);
    /// busy -> idle, or -> stopped when the kernel is gone, with its reason.
    void on_execution_end(std::string_view language, moment now, std::optional<state_reason> gone);

    /// stopped, at boot: the answer of the execution that began so was cut off. What it was to be
    /// told is told to the next one.
    void on_untold(std::string_view language, started_on const& began);

    /// Any -> stopped. The first reason since a caller was told is the one kept: it is the one that
    /// took the variables. While stopped: the kernel of `record().generation` was found dead at
    /// boot; a second time, or where no kernel was ever used, it changes nothing.
    void on_kernel_gone(std::string_view language, state_reason why);

    // Moves of the whole.

    /// While no kernel is idle or busy: the files are gone too.
    void on_files_lost(state_reason why);

    /// A file call, or a client that asks for nothing but life.
    void on_used(moment now);

    /// Any -> closing; no move leads out.
    void on_close();

    /// What is due at `now`; `none` while starting, busy or closing.
    life_action due(steady_time now) const noexcept;
    /// When to ask again; nothing while starting, busy or closing.
    std::optional<steady_time> next_due() const noexcept;
    /// When everything is gone if nobody comes; shown to clients.
    wall_time expires_at() const;

private:
    void move(std::string_view language, session_status to);
    void expect(bool allowed, char const* move) const;

    life_times times_;
    life_record record_;
    /// Kernels that are not stopped: starting, idle or busy.
    std::map<std::string, session_status, std::less<>> kernels_;
    bool closing_ = false;
    steady_time last_used_;
};

}  // namespace broker
