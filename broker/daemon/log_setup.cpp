// SPDX-License-Identifier: Apache-2.0
// Words of the settings to values of the logger. Never fails: the words were checked.
#include "broker/daemon/log_setup.hpp"

#include <unistd.h>

namespace broker {

logger make_logger(log_settings const& of) {
    auto const format = of.format == "json"       ? log_format::json
                        : of.format == "readable" ? log_format::readable
                                                  : log_format::automatic;
    return logger{log_level_from(of.level).value_or(log_level::info),
                  make_fd_sink(STDERR_FILENO, format)};
}

}  // namespace broker
