// SPDX-License-Identifier: Apache-2.0
// The outputs of an execution in the form that nbformat 4 keeps them in.
// Never an output that nbformat's schema refuses. Pure; any thread.
#pragma once

#include "broker/client/json_value.hpp"

namespace broker::client {

/// The array for `outputs` of a cell. What has an unknown type is left out, and so is an error
/// without a traceback: no kernel showed that one, its reply alone tells of it. (IPython prints the
/// traceback of an exception group on stderr.)
json notebook_outputs(json const& execution);

/// Gives an output that is a display other data and metadata; `shown` has both, as in an event.
void show_instead(json& output, json const& shown);

}  // namespace broker::client
