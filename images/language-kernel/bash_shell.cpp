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

constexpr std::string_view begin_name = "begin";

}  // namespace

std::optional<cell_end> bash_shell::not_started(std::string reason) {
    running_ = false;
    return cell_end{cell_end::how::not_started, 0, std::move(reason), shell_state::kept};
}

std::optional<cell_end> bash_shell::start_shell() {
    auto path = find_program("bash");
    if (!path) {
        return cell_end{cell_end::how::program_missing, 0, "bash", shell_state::kept};
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
    interrupted_ = false;
    if (auto failed = directory_.put(file_name, what.code); !failed.empty()) {
        return not_started(std::move(failed));
    }
    if (shell_ == 0) {
        if (auto end = start_shell()) {
            running_ = false;
            return end;
        }
    }
    auto const place = directory_.cell() + '/';
    if (auto failed =
            directory_.add(begin_name, cell_line(place + std::string{file_name}, what.argv, input));
        !failed.empty()) {
        return not_started(std::move(failed));
    }
    // Short lines: a pipe takes them while nobody reads.
    if (!write_whole(lines_.get(),
                     source_line(place + std::string{begin_name}) + end_line(cell_))) {
        return not_started("the shell does not read");
    }
    return std::nullopt;
}

void bash_shell::interrupt() {
    if (running_ && shell_ != 0) {
        interrupted_ = true;
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
    // The rest of a line whose beginning an interrupt took is no command that there is.
    bool const torn = interrupted_ && *status == 127;
    return cell_end{cell_end::how::exited, torn ? 128 + SIGINT : *status, {}, shell_state::kept};
}

std::optional<cell_end> bash_shell::on_child(pid_t process, int wait_status) {
    if (process != shell_) {
        return std::nullopt;
    }
    shell_ = 0;
    lines_.close();
    if (!running_) {
        died_idle_ = wait_status;
        return std::nullopt;
    }
    running_ = false;
    auto end = end_of_process(wait_status);
    end.shell = shell_state::ended;
    return end;
}

}  // namespace language_kernel
