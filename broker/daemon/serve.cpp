// SPDX-License-Identifier: Apache-2.0
// From checked settings to a running broker and back to an exit status. Never a rule. Main thread.
#include "broker/daemon/serve.hpp"

#include "broker/base/descriptors.hpp"
#include "broker/daemon/compose.hpp"
#include "broker/daemon/log_setup.hpp"

#include <csignal>
#include <system_error>

namespace broker {

exit_code serve(settings const& with) {
    logger const log = make_logger(with.log);
    // A client or a reader of the log that went away is an error of a call, not our end.
    (void)std::signal(SIGPIPE, SIG_IGN);
    if (int const error = raise_descriptor_limit(); error != 0) {
        log.warning("descriptor_limit_not_raised",
                    {{"err", std::generic_category().message(error)}});
    }
    auto made = running_broker::make(with, log);
    if (!made) {
        log.error("not_started", {{"err", made.error().detail}});
        return made.error().code == errc::no_capacity ? exit_code::busy : exit_code::failed;
    }
    return (*made)->run();
}

}  // namespace broker
