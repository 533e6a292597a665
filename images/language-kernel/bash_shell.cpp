// SPDX-License-Identifier: Apache-2.0
// The shell driven by lines. Never waits for it: what it has to say comes as events. One owner.
#include "images/language-kernel/bash_shell.hpp"

#include "images/language-kernel/process.hpp"

#include <signal.h>

#include <array>
#include <system_error>
#include <utility>

namespace language_kernel {
namespace {

constexpr std::string_view file_name = "script.sh";

/// A pipe takes this much while nobody reads (pipe(7)); lines that a shell waits for fit.
constexpr std::size_t max_lines_bytes = std::size_t{64} * 1024;

}  // namespace

std::optional<cell_end> bash_shell::not_started(std::string reason) {
    running_ = false;
    return cell_end{cell_end::how::not_started, 0, std::move(reason), state_};
}

std::optional<cell_end> bash_shell::start_shell() {
    auto path = find_program("bash");
    if (!path) {
        return cell_end{cell_end::how::program_missing, 0, "bash", state_};
    }
    auto lines = make_pipe(blocking::reading);
    auto told = make_pipe(blocking::writing);
    auto out = make_pipe(blocking::writing);
    auto err = make_pipe(blocking::writing);
    auto const made = start_process({shell_command(std::move(*path)),
                                     {},
                                     {},
                                     {{0, lines.read.get()},
                                      {shell_told, told.write.get()},
                                      {shell_stdout, out.write.get()},
                                      {shell_stderr, err.write.get()}}});
    if (made.process == 0) {
        return not_started("bash: " + std::generic_category().message(made.error));
    }
    shell_ = made.process;
    lines_ = std::move(lines.write);
    told_ = std::move(told.read);
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    ear_ = {};
    write_whole(lines_.get(), first_line());
    return std::nullopt;
}

std::optional<cell_end> bash_shell::start(run_cell const& what, std::string const& input) {
    ++cell_;
    running_ = true;
    state_ = std::exchange(died_idle_, false) ? shell_state::begun_anew : shell_state::kept;
    if (auto failed = directory_.put(file_name, what.code); !failed.empty()) {
        return not_started(std::move(failed));
    }
    if (shell_ == 0) {
        if (auto end = start_shell()) {
            running_ = false;
            return end;
        }
    }
    auto const text =
        cell_line(directory_.cell() + '/' + std::string{file_name}, what.argv, input) +
        end_line(cell_);
    if (text.size() > max_lines_bytes / 2) {
        return not_started("the arguments are too long");
    }
    if (!write_whole(lines_.get(), text)) {
        return not_started("the shell does not read");
    }
    return std::nullopt;
}

void bash_shell::interrupt() {
    if (running_ && shell_ != 0) {
        ::kill(-shell_, SIGINT);
        // It may have hit the shell while it read the line that tells the end.
        write_whole(lines_.get(), '\n' + end_line(cell_));
    }
}

std::optional<cell_end> bash_shell::on_told() {
    std::array<char, 4096> room{};
    std::size_t bytes = 0;
    if (read_some(told_.get(), room, bytes) == read_result::end) {
        told_.close();  // how the shell ended is told by its status
        return std::nullopt;
    }
    auto const status = ear_.hear({room.data(), bytes}, cell_);
    if (!status || !running_) {
        return std::nullopt;
    }
    running_ = false;
    return cell_end{cell_end::how::exited, *status, {}, state_};
}

std::optional<cell_end> bash_shell::on_child(pid_t process, int wait_status) {
    if (process != shell_) {
        return std::nullopt;
    }
    shell_ = 0;
    lines_.close();
    if (!running_) {
        died_idle_ = true;
        return std::nullopt;
    }
    running_ = false;
    auto end = end_of_process(wait_status);
    end.shell = shell_state::ended;
    return end;
}

}  // namespace language_kernel
