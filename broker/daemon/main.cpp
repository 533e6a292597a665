// SPDX-License-Identifier: Apache-2.0
// The program's beginning and end: arguments and environment in, exit status out.
// Never an exception past here: one that comes this far is a broken invariant, told in one line.
#include "broker/daemon/command_line.hpp"
#include "broker/daemon/commands.hpp"
#include "broker/daemon/config_load.hpp"
#include "broker/daemon/serve.hpp"

#include <malloc.h>
#include <unistd.h>

#include <exception>
#include <iostream>

namespace {

/// glibc learns from the first long output that such blocks belong into its heaps, where they stay
/// for ever (mallopt(3), M_MMAP_THRESHOLD). What is long goes back to the host when it is let go.
void give_back_memory() {
    constexpr int long_block_bytes = 1024 * 1024;
    constexpr int kept_bytes = 4 * 1024 * 1024;
    // Before there is a second thread.
    (void)::mallopt(M_MMAP_THRESHOLD, long_block_bytes);  // NOLINT(concurrency-mt-unsafe)
    // Not each time that one of the longest other blocks is.
    (void)::mallopt(M_TRIM_THRESHOLD, kept_bytes);  // NOLINT(concurrency-mt-unsafe)
}

int run(int count, char** arguments) {
    auto parsed = broker::parse_command_line({arguments + (count > 0 ? 1 : 0), arguments + count});
    if (auto const* end = std::get_if<broker::command_line_end>(&parsed)) {
        std::cout << end->out;
        std::cerr << end->err;
        return end->status;
    }
    broker::command_context const context{
        broker::read_environment(environ), std::cout,    std::cerr, ::isatty(STDOUT_FILENO) == 1,
        ::isatty(STDERR_FILENO) == 1,      broker::serve};
    auto const code = broker::run_command(std::get<broker::command_line>(parsed), context);
    std::cout.flush();
    if (!std::cout && code == broker::exit_code::ok) {
        std::cerr << "kernel-broker: standard output cannot be written\n";
        return broker::status_of(broker::exit_code::failed);
    }
    return broker::status_of(code);
}

}  // namespace

int main(int count, char** arguments) {
    give_back_memory();
    try {
        return run(count, arguments);
    } catch (std::exception const& error) {
        std::cerr << "kernel-broker: " << error.what() << '\n';
        return broker::status_of(broker::exit_code::failed);
    }
}
