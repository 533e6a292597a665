// SPDX-License-Identifier: Apache-2.0
// From file, environment and flags to one checked set of settings, each with its source.
// Never reads anything itself, never guesses: an unknown name or a value out of bounds is a
// problem, and all problems are told at once. Values; any thread.
#pragma once

#include "broker/core/settings.hpp"
#include "broker/daemon/toml_document.hpp"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace broker {

/// Name and value as the environment or a flag gives them.
using named_texts = std::vector<std::pair<std::string, std::string>>;

struct config_inputs {
    std::string file_name;                 // as shown; empty: no file
    std::optional<std::string> file_text;  // absent: no file
    /// All variables; those that do not begin with `KERNEL_BROKER_` are ignored.
    named_texts environment;
    named_texts flags;  // by key, the last one counts
};

struct config {
    settings values;
    /// Where a value comes from, by key; a key that is not here has its default.
    std::map<std::string, std::string, std::less<>> sources;
    /// Not empty: `values` must not be used.
    std::vector<config_problem> problems;
};

config make_config(config_inputs const& inputs);

/// One problem a line, as `where: what`.
std::string to_text(std::vector<config_problem> const& problems);

/// What speaks against serving on this address; nothing if loopback, a unix socket, a key, keys
/// of tokens or trusted networks make it right. The sentence says what to do.
std::optional<std::string> refuse_exposure(settings const& values, bool any_key);

}  // namespace broker
