// SPDX-License-Identifier: Apache-2.0
// For the tests that kill a broker at a named step: KERNEL_BROKER_CRASH_AT=step[:n] ends the
// process with SIGKILL when the step is reached for the n-th time (1 when not given). Never set in
// service; without it nothing happens. Any thread.
#pragma once

#include "broker/base/steps.hpp"

namespace broker {

steps crash_point_from_environment();

}  // namespace broker
