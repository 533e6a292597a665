// SPDX-License-Identifier: Apache-2.0
// The files of /proc/<pid> as values: status, limits, mountinfo, stat.
// Pure and lenient: what is missing in the text is missing in the value, and the comparison with a
// specification fails on it. Values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// One line of mountinfo (proc(5)), octal escapes resolved.
struct mount_fact {
    std::string root;
    std::string mount_point;
    std::vector<std::string> options;  // per mount: rw, nosuid, ...
    std::string type;
    std::vector<std::string> super_options;

    bool has(std::string_view option) const;
    bool super_has(std::string_view option) const;
};

std::vector<mount_fact> parse_mountinfo(std::string_view text);

/// "Name:\tvalue" lines of status, the value without blanks at its ends and tabs as blanks.
std::map<std::string, std::string> parse_status(std::string_view text);

/// Soft and hard limit by the name /proc/<pid>/limits gives it, as text.
struct rlimit_fact {
    std::string soft;
    std::string hard;
    friend bool operator==(rlimit_fact const&, rlimit_fact const&) = default;
};
std::map<std::string, rlimit_fact> parse_limits(std::string_view text);

/// Names of network interfaces by /proc/<pid>/net/dev: two lines of heading, then one for each.
std::vector<std::string> interfaces_of(std::string_view net_dev);

/// Field 22 of stat: clock ticks after boot. With the pid it names a process for good.
std::optional<std::uint64_t> parse_start_time(std::string_view stat);

std::vector<std::string> split(std::string_view text, char separator);

}  // namespace broker
