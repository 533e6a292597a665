// SPDX-License-Identifier: Apache-2.0
// A program that helps to build an image (pip, mmdebstrap, unshare), run to its end.
// Never outlives its object or this process: it is killed with either. Blocks; one owner, one
// thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace broker {

using line_sink = std::function<void(std::string_view line)>;

class image_process {
public:
    /// `argv[0]` is looked up in PATH. Standard input is empty; output and errors are one stream,
    /// of which nothing is read before `wait`.
    static result<image_process> start(std::vector<std::string> const& argv);

    image_process(image_process&& other) noexcept
        : name_(std::move(other.name_)),
          pid_(std::exchange(other.pid_, -1)),
          output_(std::move(other.output_)) {}
    image_process& operator=(image_process&&) = delete;
    ~image_process();

    /// Gives each line to `sink` (none: dropped) until the program has ended. A failure's detail
    /// carries the last lines.
    result<void> wait(line_sink const& sink);

private:
    image_process(std::string name, pid_t pid, unique_fd output)
        : name_(std::move(name)), pid_(pid), output_(std::move(output)) {}

    std::string name_;
    pid_t pid_;
    unique_fd output_;
};

result<void> run_process(std::vector<std::string> const& argv, line_sink const& sink);

/// All it wrote, at most 16 MiB.
result<std::string> process_output(std::vector<std::string> const& argv);

}  // namespace broker
