// SPDX-License-Identifier: Apache-2.0
// The outputs of an execution in the form that nbformat 4 keeps them in.
// Never an output that nbformat's schema refuses. Pure; any thread.
#pragma once

#include "broker/client/json_value.hpp"

namespace broker::client {

/// The array for `outputs` of a cell. What has an unknown type or lacks its data is left out.
json notebook_outputs(json const& execution);

}  // namespace broker::client
