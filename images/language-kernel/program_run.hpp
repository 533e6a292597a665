// SPDX-License-Identifier: Apache-2.0
// Cells of a language without a shell: each is written to a file, compiled where the language wants
// it, and run as a program of its own in the workspace.
// Never leaves a file in the workspace that the program did not write, and never runs what the
// compiler refused. One owner, one thread.
#pragma once

#include "images/language-kernel/cell_runner.hpp"
#include "images/language-kernel/descriptor.hpp"
#include "images/language-kernel/languages.hpp"
#include "images/language-kernel/private_directory.hpp"

#include <string>
#include <vector>

namespace language_kernel {

class program_run final : public cell_runner {
public:
    program_run(language const& of, private_directory& directory)
        : language_(of), directory_(directory) {}

    std::optional<cell_end> start(run_cell const& what, std::string const& input) override;
    void interrupt() override;
    watched watch() const override { return {out_.get(), err_.get(), -1}; }
    std::optional<cell_end> on_told() override { return std::nullopt; }
    std::optional<cell_end> on_child(pid_t process, int wait_status) override;
    pid_t kept() const override { return 0; }
    std::optional<int> lost() const override { return std::nullopt; }

private:
    enum class phase {
        idle,
        /// `process_` is the compiler; the ends of pipes for the program are still here.
        compiling,
        /// `process_` is the program, and nobody else holds its ends of the pipes.
        running,
    };

    std::optional<cell_end> compile(std::vector<std::string> argv);
    std::optional<cell_end> run();
    std::optional<cell_end> failed(std::vector<std::string> const& argv, int error);
    std::vector<std::pair<std::string, std::string>> variables() const;

    language const& language_;
    private_directory& directory_;
    std::vector<std::string> program_;
    descriptor input_;
    descriptor out_;
    descriptor err_;
    descriptor out_of_program_;
    descriptor err_of_program_;
    pid_t process_ = 0;
    phase phase_ = phase::idle;
};

}  // namespace language_kernel
