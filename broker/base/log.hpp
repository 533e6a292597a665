// SPDX-License-Identifier: Apache-2.0
// What the broker tells its operator: one event, one record, one line.
// Never carries code, output, file names of users or keys; callers pass numbers and ids.
// Any thread: each record becomes one write(2), and lines do not mix.
#pragma once

#include "broker/base/time.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace broker {

enum class log_level : std::uint8_t { debug, info, warning, error };

std::string_view to_string(log_level level) noexcept;
std::optional<log_level> log_level_from(std::string_view text) noexcept;

struct log_field {
    using value_type = std::variant<std::string, std::int64_t, double, bool>;

    template <class T>
    log_field(std::string_view field_key, T const& field_value)
        : key(field_key), value(make(field_value)) {}

    std::string key;
    value_type value;

private:
    template <class T>
    static value_type make(T const& v) {
        if constexpr (std::is_same_v<T, bool>) {
            return v;
        } else if constexpr (std::is_integral_v<T>) {
            return static_cast<std::int64_t>(v);
        } else if constexpr (std::is_floating_point_v<T>) {
            return static_cast<double>(v);
        } else {
            return std::string(std::string_view(v));
        }
    }
};

struct log_record {
    wall_time at;
    log_level level = log_level::info;
    std::string event;  // a fixed word such as `session_started`
    std::vector<log_field> fields;
};

/// One line each, with its newline: JSON for machines, `12:00:01.123 info event key=value` for
/// people.
std::string to_json_line(log_record const& record);
std::string to_readable_line(log_record const& record);

class logger {
public:
    using sink = std::function<void(log_record const&)>;

    /// Says nothing.
    logger() = default;
    logger(log_level least, sink to) : least_(least), to_(std::move(to)) {}

    void operator()(log_level level, std::string_view event,
                    std::initializer_list<log_field> fields = {}) const;

    void debug(std::string_view event, std::initializer_list<log_field> fields = {}) const {
        (*this)(log_level::debug, event, fields);
    }
    void info(std::string_view event, std::initializer_list<log_field> fields = {}) const {
        (*this)(log_level::info, event, fields);
    }
    void warning(std::string_view event, std::initializer_list<log_field> fields = {}) const {
        (*this)(log_level::warning, event, fields);
    }
    void error(std::string_view event, std::initializer_list<log_field> fields = {}) const {
        (*this)(log_level::error, event, fields);
    }

private:
    log_level least_ = log_level::info;
    sink to_;
};

enum class log_format : std::uint8_t { automatic, json, readable };

/// Writes to `fd`, which stays the caller's. `automatic`: readable on a terminal, else JSON.
/// A full pipe or disk loses lines; it never blocks or fails the caller for long.
logger::sink make_fd_sink(int fd, log_format format = log_format::automatic);

}  // namespace broker
