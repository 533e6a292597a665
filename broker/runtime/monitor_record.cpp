// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/monitor_record.hpp"

#include "broker/runtime/host_files.hpp"

#include <nlohmann/json.hpp>

#include <limits>

namespace broker {
namespace {

using nlohmann::json;

std::optional<std::string> text_of(json const& object, char const* key) {
    auto const it = object.find(key);
    auto const* text = it == object.end() ? nullptr : it->get_ptr<std::string const*>();
    return text == nullptr ? std::nullopt : std::optional{*text};
}

std::optional<std::uint64_t> number_of(json const& object, char const* key) {
    auto const it = object.find(key);
    if (it == object.end() || !it->is_number_unsigned()) {
        return std::nullopt;
    }
    return *it->get_ptr<json::number_unsigned_t const*>();
}

std::optional<monitor::stage> stage_of(std::string_view name) {
    using enum monitor::stage;
    for (auto const s : {prepared, created, running, ended, failed}) {
        if (name == monitor::name_of(s)) {
            return s;
        }
    }
    return std::nullopt;
}

std::optional<pid_t> pid_of(json const& object, char const* key) {
    auto const n = number_of(object, key);
    if (!n || *n > static_cast<std::uint64_t>(std::numeric_limits<pid_t>::max())) {
        return std::nullopt;
    }
    return static_cast<pid_t>(*n);
}

bool same_boot(std::string const& boot_id) {
    auto const now = read_host_file("/proc/sys/kernel/random/boot_id");
    return now && !boot_id.empty() && now->starts_with(boot_id);
}

}  // namespace

process_handle monitor_record::monitor() const {
    return same_boot(boot_id) ? process_handle::of(monitor_pid, monitor_start) : process_handle{};
}

process_handle monitor_record::container() const {
    return same_boot(boot_id) ? process_handle::of(container_pid, container_start)
                              : process_handle{};
}

std::optional<monitor_record> parse_monitor_record(std::string_view text) {
    auto const object = json::parse(text, nullptr, false);
    if (!object.is_object() || number_of(object, "format") != monitor::record_format) {
        return std::nullopt;
    }
    auto const at = stage_of(text_of(object, "stage").value_or(""));
    auto session = text_of(object, "session");
    auto boot_id = text_of(object, "boot_id");
    auto const monitor_pid = pid_of(object, "monitor_pid");
    auto const container_pid = pid_of(object, "container_pid");
    auto const status = object.find("wait_status");
    if (!at || !session || !boot_id || !monitor_pid || !container_pid || status == object.end()) {
        return std::nullopt;
    }
    monitor_record r;
    r.at = *at;
    r.session = std::move(*session);
    r.boot_id = std::move(*boot_id);
    r.monitor_pid = *monitor_pid;
    r.monitor_start = number_of(object, "monitor_start").value_or(0);
    r.container_pid = *container_pid;
    r.container_start = number_of(object, "container_start").value_or(0);
    if (auto const raw = number_of(object, "wait_status"); raw && *raw <= 0xffff) {
        r.wait_status = static_cast<int>(*raw);
    }
    r.oom_kills = number_of(object, "oom_kills").value_or(0);
    r.pids_denied = number_of(object, "pids_denied").value_or(0);
    r.failure = text_of(object, "failure").value_or("");
    return r;
}

std::optional<monitor_record> load_monitor_record(std::string const& sandbox_dir) {
    auto const text = read_host_file(sandbox_dir + "/" + monitor::record_file, 8192);
    return text ? parse_monitor_record(*text) : std::nullopt;
}

}  // namespace broker
