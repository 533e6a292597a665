// SPDX-License-Identifier: Apache-2.0
// fork, exec and what /proc knows of children. Between fork and exec only calls that are safe
// there: ZeroMQ has threads. One thread.
#include "images/language-kernel/process.hpp"

#include "images/language-kernel/descriptor.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

namespace language_kernel {
namespace {

/// Descriptors of the child are copied from above these numbers, so that none is overwritten before
/// it is copied.
constexpr int out_of_the_way = 64;

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> out;
    out.reserve(words.size() + 1);
    for (auto& word : words) {
        out.push_back(word.data());
    }
    out.push_back(nullptr);
    return out;
}

std::vector<std::string> environment_with(
    std::vector<std::pair<std::string, std::string>> const& variables) {
    std::vector<std::string> out;
    for (char** each = environ; *each != nullptr; ++each) {
        out.emplace_back(*each);
    }
    for (auto const& [name, value] : variables) {
        bool const there = std::ranges::any_of(
            out, [&](std::string const& each) { return each.starts_with(name + '='); });
        if (!there) {
            out.push_back(name + '=' + value);
        }
    }
    return out;
}

struct prepared {
    char* const* argv;
    char* const* environment;
    char const* directory;
    std::vector<std::pair<int, int>> const* descriptors;
    int failed;  // where errno goes
    pid_t parent;
};

/// In the child: nothing here allocates or takes a lock.
[[noreturn]] void become(prepared const& what) {
    auto const give_up = [&] {
        int const error = errno;
        (void)!::write(what.failed, &error, sizeof error);
        ::_exit(127);
    };
    ::setsid();
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != what.parent) {
        ::_exit(127);
    }
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGPIPE, SIG_DFL);
    ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    int const null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int number = 0; number < 3; ++number) {
        ::dup2(null, number);
    }
    for (auto const& [number, from] : *what.descriptors) {
        if (::dup2(from, number) < 0) {
            give_up();
        }
    }
    if (what.directory != nullptr && ::chdir(what.directory) != 0) {
        give_up();
    }
    ::execve(what.argv[0], what.argv, what.environment);
    give_up();
    ::_exit(127);
}

std::optional<pid_t> number_of(char const* text) {
    pid_t value = 0;
    auto const* const end = text + std::strlen(text);
    auto const [stop, error] = std::from_chars(text, end, value);
    return error == std::errc{} && stop == end ? std::optional{value} : std::nullopt;
}

struct process_facts {
    pid_t parent = 0;
    bool dead = false;
};

/// proc(5): the name is in brackets and may hold any of them; state and parent follow the last.
std::optional<process_facts> facts_of(pid_t process) {
    descriptor const file{
        ::open(("/proc/" + std::to_string(process) + "/stat").c_str(), O_RDONLY | O_CLOEXEC)};
    std::array<char, 512> room{};
    std::size_t bytes = 0;
    if (!file || read_some(file.get(), room, bytes) != read_result::some) {
        return std::nullopt;
    }
    std::string_view const text{room.data(), bytes};
    auto const bracket = text.rfind(") ");
    if (bracket == std::string_view::npos || text.size() < bracket + 5) {
        return std::nullopt;
    }
    char const state = text[bracket + 2];
    process_facts facts{0, state == 'Z' || state == 'X'};
    auto const rest = text.substr(bracket + 4);
    std::from_chars(rest.data(), rest.data() + rest.size(), facts.parent);
    return facts;
}

std::map<pid_t, process_facts> all_processes() {
    std::map<pid_t, process_facts> out;
    std::unique_ptr<DIR, int (*)(DIR*)> const proc{::opendir("/proc"), &::closedir};
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the directory is this thread's own
    for (dirent* each = nullptr; proc && (each = ::readdir(proc.get())) != nullptr;) {
        if (auto const process = number_of(each->d_name)) {
            if (auto const facts = facts_of(*process)) {
                out.emplace(*process, *facts);
            }
        }
    }
    return out;
}

/// Until each is dead, or the time is over.
void await_death(std::vector<descriptor> const& handles, std::chrono::milliseconds most) {
    std::vector<pollfd> polled;
    for (auto const& each : handles) {
        polled.push_back({each.get(), POLLIN, 0});
    }
    auto const until = std::chrono::steady_clock::now() + most;
    while (!polled.empty()) {
        auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(
            until - std::chrono::steady_clock::now());
        if (left.count() <= 0 ||
            ::poll(polled.data(), polled.size(), static_cast<int>(left.count())) < 0) {
            return;
        }
        std::erase_if(polled, [](pollfd const& each) { return each.revents != 0; });
    }
}

}  // namespace

launched start_process(launch const& what) {
    auto words = what.argv;
    auto variables = environment_with(what.variables);
    auto const argv = pointers(words);
    auto const environment = pointers(variables);
    auto failed = make_pipe(blocking::reading);
    std::vector<descriptor> copies;
    std::vector<std::pair<int, int>> places;
    for (auto const& [number, from] : what.descriptors) {
        copies.emplace_back(::fcntl(from, F_DUPFD_CLOEXEC, out_of_the_way));
        places.emplace_back(number, copies.back().get());
    }
    descriptor told{::fcntl(failed.write.get(), F_DUPFD_CLOEXEC, out_of_the_way)};
    prepared const child{
        argv.data(), environment.data(), what.directory.empty() ? nullptr : what.directory.c_str(),
        &places,     told.get(),         ::getpid()};
    pid_t const process = ::fork();
    if (process == 0) {
        become(child);
    }
    if (process < 0) {
        return {0, errno};
    }
    failed.write.close();
    told.close();
    int error = 0;
    // Ends without a byte when exec closes the child's end.
    if (::read(failed.read.get(), &error, sizeof error) == sizeof error) {
        ::waitpid(process, nullptr, 0);
        return {0, error};
    }
    return {process, 0};
}

std::optional<std::string> find_program(std::string_view name) {
    auto const executable = [](std::string const& path) {
        return ::access(path.c_str(), X_OK) == 0;
    };
    if (name.find('/') != std::string_view::npos) {
        std::string path{name};
        return executable(path) ? std::optional{path} : std::nullopt;
    }
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here
    char const* const variable = std::getenv("PATH");
    std::string_view rest = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
    while (true) {
        auto const colon = rest.find(':');
        auto const folder = rest.substr(0, colon);
        if (auto path = std::string{folder} + '/' + std::string{name};
            folder.starts_with('/') && executable(path)) {
            return path;
        }
        if (colon == std::string_view::npos) {
            return std::nullopt;
        }
        rest.remove_prefix(colon + 1);
    }
}

std::vector<pid_t> living_descendants(pid_t kept) {
    auto const all = all_processes();
    auto const self = ::getpid();
    std::vector<pid_t> out;
    for (auto const& [process, facts] : all) {
        if (facts.dead || process == kept || process == self) {
            continue;
        }
        auto above = facts.parent;
        // No chain of parents is longer than there are processes; a torn reading may be a circle.
        for (std::size_t i = 0; i < all.size() && above > 1 && above != self; ++i) {
            auto const next = all.find(above);
            above = next == all.end() ? 0 : next->second.parent;
        }
        if (above == self) {
            out.push_back(process);
        }
    }
    return out;
}

void end_descendants(pid_t kept) {
    constexpr std::size_t handles_at_once = 256;
    auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{2};
    for (auto living = living_descendants(kept);
         !living.empty() && std::chrono::steady_clock::now() < until;
         living = living_descendants(kept)) {
        std::vector<descriptor> handles;
        for (auto const process : living) {
            if (handles.size() < handles_at_once) {
                if (auto const handle = ::syscall(SYS_pidfd_open, process, 0U); handle >= 0) {
                    handles.emplace_back(static_cast<int>(handle));
                }
            }
            ::kill(process, SIGKILL);
        }
        await_death(handles, std::chrono::milliseconds{100});
    }
}

}  // namespace language_kernel
