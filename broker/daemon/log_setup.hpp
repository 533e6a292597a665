// SPDX-License-Identifier: Apache-2.0
// The logger that the settings describe, on standard error.
// Never a setting read twice: who logs is given the logger. Any thread.
#pragma once

#include "broker/base/log.hpp"
#include "broker/core/settings.hpp"

namespace broker {

/// `log_format = "auto"`: readable on a terminal, else one JSON object a line.
logger make_logger(log_settings const& of);

}  // namespace broker
