// SPDX-License-Identifier: Apache-2.0
// The loop. Never decides: the protocol does, and what runs cells. One thread.
#include "images/language-kernel/driver.hpp"

#include "images/language-kernel/bash_shell.hpp"
#include "images/language-kernel/process.hpp"
#include "images/language-kernel/program_run.hpp"
#include "kernelproto/wire/session_id.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace language_kernel {
namespace {

/// How often it is looked whether a program waits for input that it may ask for.
constexpr milliseconds input_pause{50};

/// A signal that meets a shell between fork and exec is lost: its child still has the shell's
/// handler, and the shell waits for what the child makes of it. So it is sent once more.
constexpr milliseconds interrupt_pause{100};

/// How soon iopub is tried again: PUB does not say when a reader has caught up.
constexpr milliseconds crowded_pause{5};

/// A pipe can be made to hold 1 MiB without privileges (pipe(7)); nobody is left who could add to
/// it.
constexpr int last_reads = 16;

milliseconds steady_now() {
    return std::chrono::duration_cast<milliseconds>(
        std::chrono::steady_clock::now().time_since_epoch());
}

std::int64_t wall_now() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

descriptor watch_signals() {
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        throw std::system_error(errno, std::generic_category(), "PR_SET_CHILD_SUBREAPER");
    }
    sigset_t set;
    sigemptyset(&set);
    for (int const number : {SIGCHLD, SIGTERM, SIGINT}) {
        sigaddset(&set, number);
    }
    ::signal(SIGPIPE, SIG_IGN);
    if (int const error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
        throw std::system_error(error, std::generic_category(), "pthread_sigmask");
    }
    descriptor made{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!made) {
        throw std::system_error(errno, std::generic_category(), "signalfd");
    }
    return made;
}

std::unique_ptr<cell_runner> make_runner(language const& of, private_directory& directory) {
    if (of.is_shell()) {
        return std::make_unique<bash_shell>(directory);
    }
    return std::make_unique<program_run>(of, directory);
}

}  // namespace

driver::driver(language const& of, connection_file const& where)
    : signals_(watch_signals()),
      session_(of, kernelproto::make_session_id()),
      sockets_(where),
      runner_(make_runner(of, directory_)) {}

driver::~driver() {
    end_descendants(0);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

int driver::run() {
    perform(session_.on_start(wall_now()));
    while (going_) {
        turn();
    }
    return status_;
}

void driver::turn() {
    auto items = sockets_.polled();
    auto const add = [&](int number) {
        items.push_back({nullptr, number, ZMQ_POLLIN, 0});
    };
    add(signals_.get());
    auto const pipes = runner_->watch();
    if (session_.running()) {
        if (!sockets_.crowded() && !out_.ended) {
            add(pipes.out);
        }
        if (!sockets_.crowded() && !err_.ended) {
            add(pipes.err);
        }
        if (pipes.told >= 0) {
            add(pipes.told);
        }
    }
    zmq::poll(items, std::chrono::milliseconds{timeout()});
    auto const readable = [&](int number) {
        return number >= 0 && std::ranges::any_of(items, [&](zmq::pollitem_t const& each) {
                   return each.socket == nullptr && each.fd == number && each.revents != 0;
               });
    };

    sockets_.send_waiting();
    sockets_.echo_heartbeats();
    if (readable(pipes.out)) {
        read_output(pipes.out, out_);
    }
    if (readable(pipes.err)) {
        read_output(pipes.err, err_);
    }
    say_due(false);
    if (readable(pipes.told)) {
        if (auto const end = runner_->on_told()) {
            end_cell(*end);
        }
    }
    if (readable(signals_.get())) {
        on_signals();
    }
    interrupt_again();
    look_for_wanted_input();
    while (going_) {
        auto heard = sockets_.receive();
        if (!heard) {
            return;
        }
        perform(session_.on_request(std::move(*heard), wall_now()));
    }
}

long driver::timeout() const {
    auto const now = steady_now();
    auto next = milliseconds::max();
    for (auto const* each : {&out_, &err_}) {
        if (auto const due = each->text.due(now)) {
            next = std::min(next, std::max(*due - now, milliseconds{0}));
        }
    }
    if (sockets_.crowded()) {
        next = std::min(next, crowded_pause);
    }
    if (interrupt_again_at_) {
        next = std::min(next, std::max(*interrupt_again_at_ - now, milliseconds{0}));
    }
    if (input_) {
        next = std::min(next, input_pause);
    }
    return next == milliseconds::max() ? -1 : static_cast<long>(next.count());
}

void driver::perform(actions const& what) {
    for (auto const& each : what) {
        std::visit([this](auto const& one) { perform_one(one); }, each);
    }
}

void driver::perform_one(say const& what) { sockets_.send(what); }

void driver::perform_one(run_cell const& what) {
    out_.ended = false;
    err_.ended = false;
    input_.reset();
    if (what.allow_stdin) {
        input_.emplace(directory_.path() + "/input");
    }
    if (auto const end = runner_->start(what, input_ ? input_->path() : "/dev/null")) {
        end_cell(*end);
    }
}

void driver::perform_one(interrupt_cell const& /*what*/) { interrupt(); }

void driver::interrupt() {
    runner_->interrupt();
    if (runner_->kept() != 0) {
        interrupt_again_at_ = steady_now() + interrupt_pause;
    }
}

void driver::interrupt_again() {
    if (interrupt_again_at_ && steady_now() >= *interrupt_again_at_) {
        interrupt_again_at_.reset();
        runner_->interrupt();
    }
}

void driver::perform_one(give_input const& what) {
    if (input_) {
        input_->give(what.text);
    }
}

void driver::perform_one(end_kernel const& /*what*/) { going_ = false; }

void driver::on_signals() {
    signalfd_siginfo heard{};
    while (::read(signals_.get(), &heard, sizeof heard) == sizeof heard) {
        switch (heard.ssi_signo) {
            case SIGTERM:
                going_ = false;
                break;
            case SIGINT:  // as Jupyter interrupts kernels that have no message for it
                if (session_.running()) {
                    interrupt();
                }
                break;
            default:
                reap();
        }
    }
}

void driver::reap() {
    int status = 0;
    for (pid_t process = 0; (process = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        if (auto const end = runner_->on_child(process, status)) {
            end_cell(*end);
        }
    }
    if (auto const lost = runner_->lost()) {
        going_ = false;
        status_ = WIFSIGNALED(*lost) ? 128 + WTERMSIG(*lost) : WEXITSTATUS(*lost);
    }
}

void driver::read_output(int from, stream& into) {
    static_assert(output_text::piece_bytes <= std::size_t{64} * 1024);
    std::array<char, output_text::piece_bytes> room{};
    std::size_t bytes = 0;
    auto const came = read_some(from, room, bytes);
    into.text.add({room.data(), bytes});
    into.ended = came == read_result::end;
}

void driver::say_due(bool all) {
    auto const now = steady_now();
    for (auto* each : {&out_, &err_}) {
        auto const due = each->text.due(now);
        if (all || (due && *due <= now)) {
            auto const text = all ? each->text.take_all() : each->text.take(now);
            perform(session_.on_output(each->name, text, wall_now()));
        }
    }
}

void driver::look_for_wanted_input() {
    auto const now = steady_now();
    if (input_ && now >= input_looked_for_ + input_pause) {
        input_looked_for_ = now;
        if (input_->wanted()) {
            perform(session_.on_input_wanted(wall_now()));
        }
    }
}

/// What the cell started dies with it, and what was written until then belongs to it.
void driver::end_cell(cell_end const& end) {
    interrupt_again_at_.reset();
    end_descendants(runner_->kept());
    auto const pipes = runner_->watch();
    for (int turn = 0; turn < last_reads; ++turn) {
        read_output(pipes.out, out_);
        read_output(pipes.err, err_);
        say_due(false);
    }
    say_due(true);
    input_.reset();
    directory_.clear();
    perform(session_.on_cell_end(end, wall_now()));
}

}  // namespace language_kernel
