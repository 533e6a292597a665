// SPDX-License-Identifier: Apache-2.0
// The one bash that runs all cells of a kernel and keeps its directory, variables, functions,
// options and open files between them.
// Never gives a cell the descriptors that its end is told over, and never starts a second shell
// unless the end of a cell has told that the first one's state is gone. One owner, one thread.
#pragma once

#include "images/language-kernel/cell_runner.hpp"
#include "images/language-kernel/descriptor.hpp"
#include "images/language-kernel/private_directory.hpp"
#include "images/language-kernel/shell_lines.hpp"

#include <cstdint>
#include <optional>

namespace language_kernel {

class bash_shell final : public cell_runner {
public:
    explicit bash_shell(private_directory& directory) : directory_(directory) {}

    std::optional<cell_end> start(run_cell const& what, std::string const& input) override;
    void interrupt() override;
    watched watch() const override { return {out_.get(), err_.get(), told_.get()}; }
    std::optional<cell_end> on_told() override;
    std::optional<cell_end> on_child(pid_t process, int wait_status) override;
    pid_t kept() const override { return shell_; }
    std::optional<int> lost() const override { return died_idle_; }

private:
    std::optional<cell_end> start_shell();
    std::optional<cell_end> not_started(std::string reason);

    private_directory& directory_;
    shell_ear ear_;
    descriptor lines_;  // to the shell
    descriptor told_;
    descriptor out_;
    descriptor err_;
    pid_t shell_ = 0;
    std::uint64_t cell_ = 0;
    bool running_ = false;
    bool interrupted_ = false;      // the running cell
    std::optional<int> died_idle_;  // as of wait(2)
};

}  // namespace language_kernel
