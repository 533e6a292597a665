// SPDX-License-Identifier: Apache-2.0
// Looks at this host and tries out what sessions need: a sandbox, a workspace, the image, the
// address. Never leaves anything behind, and never touches a running broker's things. Blocks for
// a second or so.
#pragma once

#include "broker/core/settings.hpp"
#include "broker/daemon/finding.hpp"

namespace broker {

findings examine(settings const& of);

}  // namespace broker
