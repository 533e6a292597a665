// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/monitor_process.hpp"

#include "broker/base/descriptors.hpp"
#include "broker/monitor/record.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/process_handle.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace broker {
namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

/// What a child of the broker gets: /dev/null, one descriptor, no signals, no environment, and the
/// limit of descriptors that the broker itself was started with. The last is why this is no
/// posix_spawn(3), which can do all but that.
class spawn_plan {
public:
    void null(int fd) { steps_.push_back({step::open_null, fd, -1}); }
    /// Duplicating a descriptor onto itself clears its close-on-exec flag, as it must.
    void give(int ours, int theirs) { steps_.push_back({step::duplicate, theirs, ours}); }
    void close_from(int fd) { steps_.push_back({step::close_above, fd, -1}); }

    /// -1 when it could not be started; `errno` says why.
    pid_t spawn(std::vector<std::string> const& argv) const {
        std::vector<char*> words;
        for (auto const& a : argv) {
            // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): the old type of exec
            words.push_back(const_cast<char*>(a.c_str()));
        }
        words.push_back(nullptr);
        auto const files = descriptor_limit_of_programs();
        // No handler of ours may run in the child: it has our memory until it is another program.
        sigset_t all;
        sigset_t before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        int volatile error = 0;
        // A fork(2) would copy the tables of all of the broker's memory, and fails where that is
        // large and the host strict.
        pid_t const pid = ::vfork();  // NOLINT
        if (pid == 0) {
            become(words.data(), files, error);
        }
        int const failed = pid < 0 ? errno : error;
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (pid > 0 && failed != 0) {
            (void)::waitpid(pid, nullptr, 0);
        }
        errno = failed;
        return failed == 0 ? pid : -1;
    }

private:
    struct step {
        enum { open_null, duplicate, close_above } what;
        int theirs;
        int ours;

        bool perform() const noexcept {
            switch (what) {
                case open_null: {
                    (void)::close(theirs);
                    int const opened = ::open("/dev/null", O_RDWR);
                    if (opened < 0 || opened == theirs) {
                        return opened == theirs;
                    }
                    bool const there = ::dup2(opened, theirs) >= 0;
                    (void)::close(opened);
                    return there;
                }
                case duplicate:
                    return ours == theirs ? ::fcntl(ours, F_SETFD, 0) == 0
                                          : ::dup2(ours, theirs) >= 0;
                case close_above:
                    ::closefrom(theirs);
                    return true;
            }
            return false;
        }
    };

    /// In the child, with the memory of the parent: only system calls.
    [[noreturn]] void become(char* const* words, rlimit const& files,
                             int volatile& error) const noexcept {
        struct sigaction usual {};
        usual.sa_handler = SIG_DFL;
        for (int number = 1; number < NSIG; ++number) {
            (void)::sigaction(number, &usual, nullptr);
        }
        bool good = true;
        for (auto const& one : steps_) {
            good = good && one.perform();
        }
        // After the last open: a lower limit than what is open already forbids it.
        if (good && ::setrlimit(RLIMIT_NOFILE, &files) == 0) {
            sigset_t none;
            ::sigemptyset(&none);
            (void)::pthread_sigmask(SIG_SETMASK, &none, nullptr);
            char* environment[] = {nullptr};
            (void)::execve(words[0], words, environment);
        }
        error = errno;
        ::_exit(127);
    }

    std::vector<step> steps_;
};

int reap(pid_t pid) {
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

bool readable(int fd, clock::time_point until) {
    for (;;) {
        auto const left = std::chrono::duration_cast<milliseconds>(until - clock::now()).count();
        pollfd entry{fd, POLLIN, 0};
        int const n = ::poll(&entry, 1, left > 0 ? static_cast<int>(left) : 0);
        if (n > 0) {
            return true;
        }
        if (n == 0 || errno != EINTR) {
            return false;
        }
    }
}

/// Reads until end of file; false when the time was over.
bool drain(int fd, clock::time_point until, std::string& output) {
    constexpr std::size_t at_most = 64 << 10;
    char buffer[4096];
    while (readable(fd, until)) {
        ssize_t const n = ::read(fd, buffer, sizeof buffer);
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return true;
        }
        if (n > 0 && output.size() < at_most) {
            output.append(buffer, static_cast<std::size_t>(n));
        }
    }
    return false;
}

}  // namespace

char monitor_link::answer(milliseconds within) {
    char word = 0;
    return readable(control_.get(), clock::now() + within) &&
                   ::recv(control_.get(), &word, 1, 0) == 1
               ? word
               : '\0';
}

char monitor_link::ask(char order, milliseconds within) {
    if (::send(control_.get(), &order, 1, MSG_NOSIGNAL) != 1) {
        return '\0';
    }
    return answer(within);
}

result<monitor_link> start_monitor(monitor_command const& c) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return fail(errc::runtime_unavailable, "no socket pair: " + describe_errno(errno));
    }
    monitor_link link{unique_fd{pair[0]}};
    unique_fd theirs{pair[1]};
    spawn_plan plan;
    plan.give(theirs.get(), monitor::control_fd);
    for (int const fd : {0, 1, 2}) {
        plan.null(fd);
    }
    plan.close_from(monitor::control_fd + 1);
    pid_t const pid =
        plan.spawn({c.program, "supervise", c.directory, c.runtime, c.runtime_root, c.container_id,
                    c.session, c.oom_file, c.pids_file, c.session_pids_file, c.cover});
    if (pid < 0) {
        return fail(errc::runtime_unavailable,
                    "the monitor program could not be started: " + describe_errno(errno));
    }
    theirs.reset();
    (void)reap(pid);  // the middle process; the monitor itself is init's child by now
    if (link.answer(milliseconds{5000}) != monitor::told_ready) {
        return fail(errc::runtime_unavailable, "the monitor did not come up");
    }
    return link;
}

std::optional<program_end> run_program(std::vector<std::string> const& argv, milliseconds within) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        return std::nullopt;
    }
    unique_fd const ours{ends[0]};
    unique_fd theirs{ends[1]};
    spawn_plan plan;
    plan.null(0);
    plan.give(theirs.get(), 1);
    plan.give(theirs.get(), 2);
    plan.close_from(3);
    pid_t const pid = plan.spawn(argv);
    if (pid < 0) {
        return std::nullopt;
    }
    process_handle const process{pid};  // our own child, so the number is still its
    theirs.reset();
    auto const until = clock::now() + within;
    program_end end;
    bool const in_time =
        drain(ours.get(), until, end.output) &&
        process.wait(std::chrono::duration_cast<milliseconds>(until - clock::now()));
    if (!in_time) {
        process.signal(SIGKILL);
    }
    end.wait_status = reap(pid);
    return in_time ? std::optional{std::move(end)} : std::nullopt;
}

}  // namespace broker
