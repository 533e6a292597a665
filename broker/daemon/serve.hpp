// SPDX-License-Identifier: Apache-2.0
// The running server: everything is made, wired and run here until SIGTERM or SIGINT.
// Never called with settings that were not checked (`make_config`, `refuse_exposure`). Once per
// process, from `main`'s thread.
#pragma once

#include "broker/core/settings.hpp"
#include "broker/daemon/exit_code.hpp"

namespace broker {

/// Returns when stopped in order (`ok`), when something did not start (`failed`), or when what it
/// needs is taken (`busy`: the state directory, the address, the disk); standard error says why.
exit_code serve(settings const& with);

}  // namespace broker
