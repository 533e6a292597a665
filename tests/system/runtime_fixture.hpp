// SPDX-License-Identifier: Apache-2.0
// A state directory of its own with a real image in it, and the host's lists before and after.
// Never touches another installation's things. One thread; cleans up when it goes.
#pragma once

#include "broker/runtime/oci_runtime.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace test_support {

/// What a python program inside the sandbox writes to /mnt/data/result, in place of a kernel.
class runtime_fixture {
public:
    explicit runtime_fixture(std::string runtime = "auto",
                             std::function<void(std::string_view)> step = {});
    runtime_fixture(runtime_fixture const&) = delete;
    runtime_fixture& operator=(runtime_fixture const&) = delete;
    ~runtime_fixture();

    broker::container_runtime& runtime() { return *runtime_; }
    std::string const& state_dir() const { return options_.state_dir; }
    broker::oci_options const& options() const { return options_; }

    /// Runs `program` (Python) as the sandbox's command; its standard module `os` and a function
    /// `tell(text)` that writes the result are there.
    broker::sandbox_spec spec(std::string const& program);

    /// Mounts, groups, processes and directories that a sandbox of this fixture could leave behind,
    /// one line each. Other programs may be at work on the host.
    std::set<std::string> lists() const;

    /// Waits for the file that `tell` makes; empty when it does not come.
    std::string told(broker::sandbox_spec const& spec) const;

    /// Starts the program, waits for what it tells, ends it.
    std::string run(broker::sandbox_spec const& spec);

    broker::sandbox_end last_end;

private:
    broker::oci_options options_;
    std::unique_ptr<broker::container_runtime> runtime_;
    unsigned next_uid_ = 298'700;
};

/// Waits for a descriptor to become readable.
bool readable(int fd, int milliseconds = 10'000);

}  // namespace test_support
