// SPDX-License-Identifier: Apache-2.0
// From checked settings to a running broker and back to an exit status. Never a rule. Main thread.
#include "broker/daemon/serve.hpp"

#include "broker/daemon/compose.hpp"

#include <unistd.h>

#include <csignal>

namespace broker {

exit_code serve(settings const& with) {
    auto const format = with.log.format == "json"       ? log_format::json
                        : with.log.format == "readable" ? log_format::readable
                                                        : log_format::automatic;
    logger const log(log_level_from(with.log.level).value_or(log_level::info),
                     make_fd_sink(STDERR_FILENO, format));
    // A client or a reader of the log that went away is an error of a call, not our end.
    (void)std::signal(SIGPIPE, SIG_IGN);
    auto made = running_broker::make(with, log);
    if (!made) {
        log.error("not_started", {{"err", made.error().detail}});
        return made.error().code == errc::no_capacity ? exit_code::busy : exit_code::failed;
    }
    (*made)->run();
    return exit_code::ok;
}

}  // namespace broker
