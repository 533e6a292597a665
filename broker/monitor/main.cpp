// SPDX-License-Identifier: Apache-2.0
// kernel-broker-monitor: the parent of one container, outliving the broker that started it, and the
// only witness of its end that is believed. Never reads what a sandbox can write, never signals a
// process that is not its own unreaped child. One process, one thread, no state but its record.
//
//   kernel-broker-monitor supervise DIR RUNTIME ROOT ID SESSION OOM PIDS PIDS_SESSION COVER
//   kernel-broker-monitor run COVER PROGRAM ARGUMENT...
//
// `supervise` works in DIR (record.hpp names its files) and takes orders on descriptor 3; OOM and
// the two PIDS are the cgroup files to read at the end. `run` calls a runtime in the same kind of
// mount namespace. COVER is the mount point hidden from the runtime, or "-".
#include "broker/monitor/host.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace broker::monitor {
namespace {

/// A runtime changes to the bundle before it opens what it was given, so that all is absolute.
struct absolute {
    char text[4096];
    absolute(char const* dir, char const* name) noexcept {
        (void)std::snprintf(text, sizeof text, "%s/%s", dir, name);
    }
};

struct job {
    char const* dir;
    char const* runtime;
    char const* root;
    char const* id;
    char const* oom_file;
    char const* pids_file;
    char const* session_pids_file;
    char const* cover;
    unsigned long long session_pids_before = 0;
    record rec;
};

void tell(char what) noexcept { (void)!::write(control_fd, &what, 1); }

/// The broker's next order; 0 when it is gone or gave up.
char next_order() noexcept {
    char order = 0;
    ssize_t n = 0;
    do {
        n = ::read(control_fd, &order, 1);
    } while (n < 0 && errno == EINTR);
    return n == 1 ? order : '\0';
}

[[noreturn]] void become_runtime(job const& j, char const* const* arguments) noexcept {
    // A killed monitor takes a half-done runtime with it; a container's processes are not children
    // of this one by exec and stay.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != j.rec.monitor_pid) {
        ::_exit(127);  // killed before that call
    }
    for (int const s : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
        (void)::signal(s, SIG_DFL);
    }
    (void)::close(control_fd);
    if (enter_runtime_namespace(j.cover)) {
        ::execv(arguments[0], const_cast<char* const*>(arguments));  // NOLINT: execv's old type
    }
    ::_exit(127);
}

/// Reaps until `awaited` is gone; the container's end is noted whenever it comes by.
int reap(job& j, pid_t awaited) noexcept {
    for (;;) {
        int status = 0;
        pid_t const pid = ::waitpid(-1, &status, __WALL);
        if (pid < 0 && errno != EINTR) {
            return -1;
        }
        if (pid > 0 && pid == j.rec.container_pid && !j.rec.saw_end) {
            j.rec.saw_end = true;
            j.rec.wait_status = status;
        }
        if (pid == awaited) {
            return status;
        }
    }
}

bool call_runtime(job& j, char const* const* arguments) noexcept {
    (void)::unlink(log_file);
    pid_t const child = ::fork();
    if (child == 0) {
        become_runtime(j, arguments);
    }
    int const status = child < 0 ? -1 : reap(j, child);
    if (child > 0 && status == 0) {
        return true;
    }
    read_tail(log_file, j.rec.failure, sizeof j.rec.failure);
    if (j.rec.failure[0] == '\0') {
        bool const killed = WIFSIGNALED(status);
        (void)std::snprintf(j.rec.failure, sizeof j.rec.failure,
                            "the runtime %s %d and said nothing",
                            killed ? "was killed by signal" : "ended with status",
                            killed ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return false;
}

/// A number that a runtime wrote down is a process of ours while we are its parent: until we reap
/// it.
bool is_child(long pid) noexcept {
    siginfo_t info{};
    constexpr int look_only = WEXITED | WNOHANG | WNOWAIT | __WALL;
    return pid > 0 && ::waitid(P_PID, static_cast<id_t>(pid), &info, look_only) == 0;
}

bool create(job& j) noexcept {
    absolute const log{j.dir, log_file};
    absolute const bundle{j.dir, bundle_dir};
    absolute const pid{j.dir, pid_file};
    char const* const arguments[] = {j.runtime,    "--root", j.root,     "--log",
                                     log.text,     "create", "--bundle", bundle.text,
                                     "--pid-file", pid.text, j.id,       nullptr};
    bool const made = call_runtime(j, arguments);
    char text[32];
    long const written =
        read_text(pid_file, text, sizeof text) ? std::strtol(text, nullptr, 10) : 0;
    if (is_child(written)) {
        j.rec.container_pid = written;
        j.rec.container_start = start_time_of(written);
    }
    return made && j.rec.container_start != 0;
}

bool start(job& j) noexcept {
    absolute const log{j.dir, log_file};
    char const* const arguments[] = {j.runtime, "--root", j.root, "--log",
                                     log.text,  "start",  j.id,   nullptr};
    return call_runtime(j, arguments);
}

/// The end, with all that is known of it. The container is our child, so its pid is its own until
/// it is reaped.
void see_end(job& j, bool kill_first) noexcept {
    auto const pid = static_cast<pid_t>(j.rec.container_pid);
    if (pid > 0 && !j.rec.saw_end) {
        if (kill_first) {
            (void)::kill(pid, SIGKILL);
        }
        (void)reap(j, pid);
    }
    j.rec.oom_kills = counter(j.oom_file, "oom_kill");
    // Who refused a fork is counted where the fork was (v1) or where the limit is (v2).
    unsigned long long const leaf = counter(j.pids_file, "max");
    unsigned long long const session = counter(j.session_pids_file, "max");
    unsigned long long const since =
        session > j.session_pids_before ? session - j.session_pids_before : 0;
    j.rec.pids_denied = leaf > since ? leaf : since;
}

void finish(job& j, bool kill_first) noexcept {
    bool const failed = j.rec.failure[0] != '\0';
    see_end(j, kill_first);
    j.rec.at = failed ? stage::failed : stage::ended;
    (void)store(j.rec);
}

/// A container whose stage nobody can read later must not live on.
bool reached(job& j, stage at) noexcept {
    j.rec.at = at;
    if (store(j.rec)) {
        return true;
    }
    (void)std::snprintf(j.rec.failure, sizeof j.rec.failure, "the record could not be written");
    finish(j, true);
    tell(told_failed);
    return false;
}

int supervise(job& j) noexcept {
    j.rec.monitor_pid = ::getpid();
    j.rec.monitor_start = start_time_of(j.rec.monitor_pid);
    (void)read_text("/proc/sys/kernel/random/boot_id", j.rec.boot_id, sizeof j.rec.boot_id);
    j.rec.boot_id[std::strcspn(j.rec.boot_id, "\n")] = '\0';
    if (!reserve(j.rec)) {
        return 1;
    }
    tell(told_ready);
    if (next_order() != ask_create) {
        return 0;
    }
    j.session_pids_before = counter(j.session_pids_file, "max");
    if (!create(j)) {
        finish(j, true);
        tell(told_failed);
        return 1;
    }
    if (!reached(j, stage::created)) {
        return 1;
    }
    tell(told_created);
    if (next_order() != ask_start) {
        finish(j, true);
        return 0;
    }
    if (!start(j)) {
        finish(j, true);
        tell(told_failed);
        return 1;
    }
    if (!reached(j, stage::running)) {
        return 1;
    }
    tell(told_started);
    (void)::close(control_fd);
    finish(j, false);
    return 0;
}

int supervise_main(char** argv) noexcept {
    if (::chdir(argv[2]) != 0 || ::setsid() < 0) {
        return 1;
    }
    // The middle process ends at once, so that nobody but init and we are related to the broker.
    if (pid_t const child = ::fork(); child != 0) {
        return child < 0 ? 1 : 0;
    }
    (void)::close_range(control_fd + 1, ~0U, 0);
    (void)::fcntl(control_fd, F_SETFD, FD_CLOEXEC);
    (void)::umask(0077);
    for (int const s : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) {
        (void)::signal(s, SIG_IGN);
    }
    if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
        return 1;
    }
    job j{argv[2], argv[3], argv[4], argv[5], argv[7], argv[8], argv[9], argv[10], 0, {}};
    j.rec.session = argv[6];
    return supervise(j);
}

}  // namespace
}  // namespace broker::monitor

int main(int argc, char** argv) {
    using namespace broker::monitor;
    if (argc == 11 && std::strcmp(argv[1], "supervise") == 0) {
        return supervise_main(argv);
    }
    if (argc >= 4 && std::strcmp(argv[1], "run") == 0 && enter_runtime_namespace(argv[2])) {
        ::execv(argv[3], argv + 3);
    }
    return 127;
}
