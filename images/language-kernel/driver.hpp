// SPDX-License-Identifier: Apache-2.0
// The loop that joins sockets, signals and a cell's pipes to the protocol.
// Never waits for a child, however much it writes: one read of each pipe per turn, and none while
// the readers of iopub are behind. One thread, which must be the one that made it.
#pragma once

#include "images/language-kernel/cell_runner.hpp"
#include "images/language-kernel/descriptor.hpp"
#include "images/language-kernel/input_fifo.hpp"
#include "images/language-kernel/kernel_session.hpp"
#include "images/language-kernel/output_text.hpp"
#include "images/language-kernel/private_directory.hpp"
#include "images/language-kernel/sockets.hpp"

#include <memory>
#include <optional>
#include <span>

namespace language_kernel {

class driver {
public:
    /// Makes this process a subreaper and blocks the signals it reads; before ZeroMQ's threads are
    /// there, which take that over. Throws std::system_error and zmq::error_t.
    driver(language const& of, connection_file const& where);
    driver(driver const&) = delete;
    driver& operator=(driver const&) = delete;
    /// Ends every process that is left.
    ~driver();

    /// Until a shutdown_request or SIGTERM: 0. Where what outlives cells has ended between two of
    /// them, the kernel ends with it, which its client sees: its exit status, or 128 + the signal.
    int run();

private:
    struct stream {
        output_stream name;
        output_text text;
        bool ended = false;  // nobody writes to it any more
    };

    void turn();
    long timeout() const;
    void perform(actions const& what);
    void perform_one(say const& what);
    void perform_one(run_cell const& what);
    void perform_one(interrupt_cell const& what);
    void perform_one(give_input const& what);
    void perform_one(end_kernel const& what);
    void on_signals();
    void reap();
    void read_output(int from, stream& into);
    void say_due(bool all);
    void interrupt();
    void interrupt_again();
    void look_for_wanted_input();
    void end_cell(cell_end const& end);

    descriptor signals_;
    private_directory directory_;
    kernel_session session_;
    sockets sockets_;
    std::unique_ptr<cell_runner> runner_;
    std::optional<input_fifo> input_;
    stream out_{output_stream::out, {}, false};
    stream err_{output_stream::err, {}, false};
    milliseconds input_looked_for_{0};
    std::optional<milliseconds> interrupt_again_at_;
    bool going_ = true;
    int status_ = 0;
};

}  // namespace language_kernel
