// SPDX-License-Identifier: Apache-2.0
// Defaults, then file, then environment, then flags; then what must fit together.
// Never stops at the first problem. Pure.
#include "broker/daemon/config.hpp"

#include "broker/daemon/listen_address.hpp"
#include "broker/daemon/setting_table.hpp"

#include <fmt/format.h>

namespace broker {
namespace {

constexpr std::string_view prefix = "KERNEL_BROKER_";
/// Names the file itself, so it is no setting.
constexpr std::string_view config_variable = "KERNEL_BROKER_CONFIG";
/// Names a step of the crash tests; see crash_point.
constexpr std::string_view crash_variable = "KERNEL_BROKER_CRASH_AT";
/// What the client commands look at; whoever exports them may still start a broker.
constexpr std::string_view url_variable = "KERNEL_BROKER_URL";
constexpr std::string_view key_variable = "KERNEL_BROKER_API_KEY";

bool is_setting_variable(std::string_view name) {
    return name.starts_with(prefix) && name != config_variable && name != crash_variable &&
           name != url_variable && name != key_variable;
}

std::string unknown(std::string_view name, std::string_view as_known) {
    if (auto const near = nearest_setting(as_known)) {
        return fmt::format("{} is no setting; did you mean {}?", name, *near);
    }
    return fmt::format("{} is no setting; `kernel-broker check-config` lists all", name);
}

void set(config& out, std::string_view key, setting_value const& value, std::string const& source) {
    auto const* which = find_setting(key);
    if (which == nullptr) {
        out.problems.push_back({source, unknown(key, key)});
    } else if (auto problem = assign(*which, out.values, value)) {
        out.problems.push_back({source, *std::move(problem)});
    } else {
        out.sources.insert_or_assign(std::string{key}, source);
    }
}

void take_file(config& out, config_inputs const& inputs) {
    if (!inputs.file_text) {
        return;
    }
    auto document = parse_toml(*inputs.file_text, inputs.file_name);
    for (auto& problem : document.problems) {
        out.problems.push_back(std::move(problem));
    }
    for (auto const& entry : document.entries) {
        set(out, entry.key, entry.value, fmt::format("{}:{}", inputs.file_name, entry.line));
    }
}

void take_environment(config& out, named_texts const& environment) {
    for (auto const& [name, value] : environment) {
        if (!is_setting_variable(name)) {
            continue;
        }
        std::string key = name.substr(prefix.size());
        for (char& c : key) {
            c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        if (find_setting(key) == nullptr || environment_name(key) != name) {
            auto const near = nearest_setting(key);
            out.problems.push_back(
                {name, near ? fmt::format("no setting has this name; did you mean {}?",
                                          environment_name(*near))
                            : "no setting has this name"});
        } else {
            set(out, key, value, name);
        }
    }
}

void check_pair(config& out, char const* lower, char const* upper, double low, double high) {
    if (low > high) {
        out.problems.push_back(
            {lower, fmt::format("{} is above {}: lower the one or raise the other", lower, upper)});
    }
}

void check_together(config& out) {
    auto const& v = out.values;
    auto const& d = v.limits.defaults;
    auto const& m = v.limits.maxima;
    check_pair(out, "memory_bytes", "max_memory_bytes", static_cast<double>(d.memory_bytes),
               static_cast<double>(m.memory_bytes));
    check_pair(out, "cpus", "max_cpus", d.cpus, m.cpus);
    check_pair(out, "pids", "max_pids", d.pids, m.pids);
    check_pair(out, "disk_bytes", "max_disk_bytes", static_cast<double>(d.disk_bytes),
               static_cast<double>(m.disk_bytes));
    check_pair(out, "timeout_s", "max_timeout_s", d.timeout_s, m.timeout_s);
    check_pair(out, "idle_timeout_s", "max_idle_timeout_s", v.sessions.idle_timeout_s,
               v.sessions.idle_timeout_max_s);
    check_pair(out, "max_sessions_per_tenant", "max_sessions", v.sessions.caps.sessions_per_tenant,
               v.sessions.caps.sessions);
    if (!v.tokens.key_files.empty() && v.tokens.algorithms.empty()) {
        out.problems.push_back({"jwt_algorithms",
                                "it is empty, so that no token could be good: name one, or take "
                                "jwt_key_files away"});
    }
}

}  // namespace

config make_config(config_inputs const& inputs) {
    config out;
    take_file(out, inputs);
    take_environment(out, inputs.environment);
    for (auto const& [key, value] : inputs.flags) {
        set(out, key, value, "flag " + key);
    }
    if (out.problems.empty()) {
        check_together(out);
    }
    return out;
}

std::string to_text(std::vector<config_problem> const& problems) {
    std::string out;
    for (auto const& problem : problems) {
        out += fmt::format("{}: {}\n", problem.where, problem.what);
    }
    return out;
}

std::optional<std::string> refuse_exposure(settings const& values, bool any_key) {
    auto const where = parse_listen_address(values.server.listen);
    if (any_key || !values.tokens.key_files.empty() || !values.server.trusted_networks.empty() ||
        (where && where->local_only())) {
        return std::nullopt;
    }
    return fmt::format(
        "listening on {} would let everyone who reaches it run code: make a key first "
        "(kernel-broker keys add NAME), or set jwt_key_files to what verifies your users' tokens, "
        "or "
        "set trusted_networks to the networks that need none, or listen on 127.0.0.1 or a unix "
        "socket",
        values.server.listen);
}

}  // namespace broker
