// SPDX-License-Identifier: Apache-2.0
// fork, exec and a pipe. Between fork and exec only what signal-safety(7) allows happens.
// Blocks; one thread.
#include "broker/runtime/image_process.hpp"

#include "broker/runtime/host_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>

namespace broker {
namespace {

constexpr std::size_t kept_lines = 20;
constexpr std::size_t longest_line = 4096;
constexpr std::size_t longest_output = std::size_t{16} << 20U;

[[noreturn]] void become(std::vector<char*> const& argv, int output, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    int const empty = ::open("/dev/null", O_RDONLY);
    if (::getppid() != parent || empty < 0 || ::dup2(empty, 0) < 0 || ::dup2(output, 1) < 0 ||
        ::dup2(output, 2) < 0) {
        ::_exit(126);
    }
    ::execvp(argv[0], argv.data());
    ::_exit(errno == ENOENT ? 127 : 126);
}

/// Cuts a stream into lines; one that is too long comes in parts.
class line_cutter {
public:
    explicit line_cutter(line_sink sink) : sink_(std::move(sink)) {}

    void add(std::string_view bytes) {
        for (char const c : bytes) {
            if (c == '\n' || c == '\r' || rest_.size() >= longest_line) {
                flush();
            }
            if (c != '\n' && c != '\r') {
                rest_ += c;
            }
        }
    }

    void flush() {
        if (!rest_.empty()) {
            sink_(rest_);
            rest_.clear();
        }
    }

private:
    line_sink sink_;
    std::string rest_;
};

int reap(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace

result<image_process> image_process::start(std::vector<std::string> const& argv) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return fail(errc::internal, fmt::format("pipe: {}", describe_errno(errno)));
    }
    unique_fd output(ends[0]);
    unique_fd const input(ends[1]);
    std::vector<char*> arguments;
    for (auto const& argument : argv) {
        // exec does not write to them.
        arguments.push_back(
            const_cast<char*>(argument.c_str()));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    }
    arguments.push_back(nullptr);
    pid_t const parent = ::getpid();
    pid_t const pid = ::fork();
    if (pid == 0) {
        become(arguments, input.get(), parent);
    }
    if (pid < 0) {
        return fail(errc::internal, fmt::format("fork: {}", describe_errno(errno)));
    }
    return image_process(argv[0], pid, std::move(output));
}

image_process::~image_process() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        reap(pid_);
    }
}

result<void> image_process::wait(line_sink const& sink) {
    std::deque<std::string> last;
    line_cutter lines([&](std::string_view line) {
        last.emplace_back(line);
        if (last.size() > kept_lines) {
            last.pop_front();
        }
        if (sink) {
            sink(line);
        }
    });
    std::array<char, 1U << 14U> buffer{};
    for (;;) {
        ssize_t const n = ::read(output_.get(), buffer.data(), buffer.size());
        if (n > 0) {
            lines.add({buffer.data(), static_cast<std::size_t>(n)});
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    lines.flush();
    int const status = reap(std::exchange(pid_, -1));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return {};
    }
    std::string detail =
        WIFEXITED(status) && WEXITSTATUS(status) == 127 ? fmt::format("{} is not installed", name_)
        : WIFEXITED(status) ? fmt::format("{} failed with status {}", name_, WEXITSTATUS(status))
                            : fmt::format("{} was ended by signal {}", name_, WTERMSIG(status));
    for (auto const& line : last) {
        detail += "\n  " + line;
    }
    return fail(errc::internal, std::move(detail));
}

result<void> run_process(std::vector<std::string> const& argv, line_sink const& sink) {
    auto started = image_process::start(argv);
    return started ? started->wait(sink) : result<void>(started.error());
}

result<std::string> process_output(std::vector<std::string> const& argv) {
    std::string all;
    auto const done = run_process(argv, [&](std::string_view line) {
        if (all.size() + line.size() < longest_output) {
            all.append(line).append("\n");
        }
    });
    return done ? result<std::string>(std::move(all)) : done.error();
}

}  // namespace broker
