// SPDX-License-Identifier: Apache-2.0
// What runs cells: a shell that lives on (`bash_shell`), or programs that do not (`program_run`).
// Never waits: the driver watches the descriptors named here and tells what came. A runner says
// once that its cell has ended; the driver then ends what is left of it. One owner, one thread.
#pragma once

#include "images/language-kernel/cell_end.hpp"
#include "images/language-kernel/kernel_session.hpp"

#include <sys/types.h>

#include <optional>
#include <string>

namespace language_kernel {

class cell_runner {
public:
    cell_runner() = default;
    cell_runner(cell_runner const&) = delete;
    cell_runner& operator=(cell_runner const&) = delete;
    virtual ~cell_runner() = default;

    /// `input` is the file that is the cell's standard input; opening it does not wait. An end at
    /// once when nothing could be started.
    virtual std::optional<cell_end> start(run_cell const& what, std::string const& input) = 0;
    virtual void interrupt() = 0;

    /// To be read from: -1 where there is none. Valid until the next call of `start`.
    struct watched {
        int out = -1;
        int err = -1;
        int told = -1;
    };
    virtual watched watch() const = 0;

    /// There is something to read on `told`.
    virtual std::optional<cell_end> on_told() = 0;
    /// A child was reaped, whosever it was.
    virtual std::optional<cell_end> on_child(pid_t process, int wait_status) = 0;

    /// The process that outlives its cells; 0: none.
    virtual pid_t kept() const = 0;
    /// That process has ended while no cell ran, so that nobody was told: its status of wait(2).
    virtual std::optional<int> lost() const = 0;
};

}  // namespace language_kernel
