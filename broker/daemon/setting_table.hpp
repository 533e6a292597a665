// SPDX-License-Identifier: Apache-2.0
// The one table of settings: name, unit, default, bounds and meaning of each.
// Files, environment, flags, help, check-config and the documentation all come from it; never is a
// setting described anywhere else. Constant; any thread.
#pragma once

#include "broker/core/settings.hpp"
#include "broker/daemon/toml_document.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace broker {

/// The place of a setting's value in `settings`; its type is the setting's type.
using setting_field =
    std::variant<std::uint32_t*, std::uint64_t*, double*, std::string*, text_list*>;

enum class setting_unit : std::uint8_t { none, bytes, seconds, processors, mode };

struct setting {
    std::string_view key;
    std::string_view group;
    setting_unit unit = setting_unit::none;
    setting_field (*at)(settings&) = nullptr;
    std::string_view doc;
    double least = 0;  // of numbers, both included
    double most = 0;
    std::span<std::string_view const> choices = {};  // of texts; empty: any
    /// Of texts, and of each text of a list: what is allowed, when `text` is not.
    std::optional<std::string_view> (*refuse)(std::string_view text) = nullptr;
};

/// In the order of the documentation; settings of one group stand together.
std::span<setting const> setting_table() noexcept;

setting const* find_setting(std::string_view key) noexcept;

/// The known name that a mistyped one most likely meant.
std::optional<std::string_view> nearest_setting(std::string_view key);

/// Sets one value, from a file (typed) or from the environment and flags (text: numbers as digits,
/// bytes also as `512MiB`, lists with commas). Returns what is wrong and what is allowed.
std::optional<std::string> assign(setting const& which, settings& to, setting_value const& value);

/// The value as TOML writes it: `"text"`, `536870912`, `0.5`, `["a", "b"]`.
std::string to_toml(setting const& which, settings const& of);

/// "whole number, bytes", "text", ... and "1 to 1024" or the choices; empty if there are no bounds.
std::string type_text(setting const& which);
std::string bounds_text(setting const& which);

/// `536870912` as `512 MiB`; empty when it is no round number of a unit.
std::string size_text(std::uint64_t bytes);

/// `KERNEL_BROKER_MEMORY_BYTES` of `memory_bytes`.
std::string environment_name(std::string_view key);

}  // namespace broker
