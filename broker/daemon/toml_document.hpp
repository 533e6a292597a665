// SPDX-License-Identifier: Apache-2.0
// A configuration file as a flat list of keys, each with its value and the line it stands in.
// Never knows which keys exist or what they mean. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace broker {

using text_list = std::vector<std::string>;

/// What a setting can be given as. Environment and flags give text only.
using setting_value = std::variant<bool, std::int64_t, double, std::string, text_list>;

/// One complaint about the configuration, ready to be shown.
struct config_problem {
    std::string where;  // "config.toml:12", "KERNEL_BROKER_LISTEN", "--set listen"
    std::string what;
};

struct toml_entry {
    std::string key;  // dotted if it stands below a table
    setting_value value;
    unsigned line = 0;
};

struct toml_document {
    std::vector<toml_entry> entries;       // in the order of their lines
    std::vector<config_problem> problems;  // not TOML, or a kind of value that no setting has
};

/// `name` is how the file is called in problems. A syntax error leaves no entries.
toml_document parse_toml(std::string_view text, std::string const& name);

/// "true or false", "a whole number", ...
std::string_view kind_name(setting_value const& value) noexcept;

}  // namespace broker
