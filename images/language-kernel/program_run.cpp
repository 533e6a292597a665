// SPDX-License-Identifier: Apache-2.0
// Compile, then run. Never both at once. One owner, one thread.
#include "images/language-kernel/program_run.hpp"

#include "images/language-kernel/process.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <system_error>
#include <utility>

namespace language_kernel {
namespace {

constexpr std::string_view program_name = "program";

}  // namespace

std::vector<std::pair<std::string, std::string>> program_run::variables() const {
    constexpr std::string_view home = "{home}";
    std::vector<std::pair<std::string, std::string>> out;
    for (auto const& each : language_.variables) {
        std::string value{each.value};
        if (auto const at = value.find(home); at != std::string::npos) {
            value.replace(at, home.size(), directory_.path());
        }
        out.emplace_back(each.name, std::move(value));
    }
    return out;
}

std::optional<cell_end> program_run::failed(std::vector<std::string> const& argv, int error) {
    phase_ = phase::idle;
    return cell_end{cell_end::how::not_started, 0,
                    argv.front() + ": " + std::generic_category().message(error),
                    shell_state::kept};
}

std::optional<cell_end> program_run::start(run_cell const& what, std::string const& input) {
    auto const chosen = choose_recipe(
        language_, [](std::string_view name) { return find_program(name).has_value(); });
    if (auto const* missing = std::get_if<std::string_view>(&chosen)) {
        return cell_end{cell_end::how::program_missing, 0, std::string{*missing},
                        shell_state::kept};
    }
    auto const& how = *std::get<recipe const*>(chosen);
    if (auto reason = directory_.put(language_.file_name, what.code); !reason.empty()) {
        return cell_end{cell_end::how::not_started, 0, std::move(reason), shell_state::kept};
    }
    auto const& dir = directory_.cell();
    cell_paths const paths{dir + '/' + std::string{language_.file_name}, dir,
                           dir + '/' + std::string{program_name}};
    program_ = fill(how.run, paths);
    program_.insert(program_.end(), what.argv.begin(), what.argv.end());

    input_ = descriptor{::open(input.c_str(), O_RDONLY | O_CLOEXEC)};
    auto out = make_pipe(blocking::writing);
    auto err = make_pipe(blocking::writing);
    out_ = std::move(out.read);
    err_ = std::move(err.read);
    out_of_program_ = std::move(out.write);
    err_of_program_ = std::move(err.write);
    return how.compile.empty() ? run() : compile(fill(how.compile, paths));
}

std::optional<cell_end> program_run::compile(std::vector<std::string> argv) {
    argv.front() = find_program(argv.front()).value_or(argv.front());
    // Whatever a compiler says is no output of the program.
    auto const made = start_process({argv,
                                     variables(),
                                     directory_.cell(),
                                     {{1, err_of_program_.get()}, {2, err_of_program_.get()}}});
    if (made.process == 0) {
        return failed(argv, made.error);
    }
    process_ = made.process;
    phase_ = phase::compiling;
    return std::nullopt;
}

std::optional<cell_end> program_run::run() {
    program_.front() = find_program(program_.front()).value_or(program_.front());
    auto const made = start_process(
        {program_,
         variables(),
         {},
         {{0, input_.get()}, {1, out_of_program_.get()}, {2, err_of_program_.get()}}});
    input_.close();
    out_of_program_.close();
    err_of_program_.close();
    if (made.process == 0) {
        return failed(program_, made.error);
    }
    process_ = made.process;
    phase_ = phase::running;
    return std::nullopt;
}

std::optional<cell_end> program_run::on_child(pid_t process, int wait_status) {
    if (phase_ == phase::idle || process != process_) {
        return std::nullopt;
    }
    if (phase_ == phase::compiling && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0) {
        return run();
    }
    out_of_program_.close();
    err_of_program_.close();
    return std::exchange(phase_, phase::idle) == phase::compiling ? end_of_compiler(wait_status)
                                                                  : end_of_process(wait_status);
}

void program_run::interrupt() {
    if (phase_ != phase::idle) {
        ::kill(-process_, SIGINT);
    }
}

}  // namespace language_kernel
