// SPDX-License-Identifier: Apache-2.0
// The table is opened like any other process would: SQLite's own locks suffice.
// Never a key on `err`. One thread.
#include "broker/daemon/key_commands.hpp"

#include "broker/base/time.hpp"
#include "broker/daemon/keys.hpp"
#include "broker/store/sqlite_store.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <system_error>
#include <utility>

namespace broker {
namespace {

using store_ptr = std::unique_ptr<session_store>;

std::string database(settings const& of) { return of.state_dir + "/broker.db"; }

/// Another user's directory is not trusted with keys. Made when `make` and it is missing.
result<void> check_directory(std::string const& path, bool make) {
    struct stat info {};
    bool const made = make && ::mkdir(path.c_str(), 0700) == 0;
    if (!made && ::stat(path.c_str(), &info) != 0) {
        return fail(errc::internal,
                    fmt::format("state_dir {}: {}", path, std::system_category().message(errno)));
    }
    if (!made && (info.st_uid != ::geteuid() || (info.st_mode & 0022U) != 0)) {
        return fail(
            errc::internal,
            fmt::format("state_dir {} belongs to user {} or others can write to it: run this "
                        "as the broker runs (root), and chmod 700 it",
                        path, info.st_uid));
    }
    return {};
}

result<store_ptr> open_store(settings const& of, bool make) {
    if (auto checked = check_directory(of.state_dir, make); !checked) {
        return checked.error();
    }
    return open_sqlite_store(database(of));
}

bool has_database(settings const& of) { return ::access(database(of).c_str(), F_OK) == 0; }

exit_code told(failure const& why, command_context const& context) {
    context.err << "kernel-broker: " << why.detail << '\n';
    return exit_code::failed;
}

}  // namespace

std::optional<bool> has_any_key(settings const& of) {
    if (!has_database(of)) {
        return errno == EACCES ? std::nullopt : std::optional{false};
    }
    auto const store = open_store(of, false);
    if (!store) {
        return std::nullopt;
    }
    auto const rows = (*store)->keys();
    if (!rows) {
        return std::nullopt;
    }
    return std::ranges::any_of(*rows, [](key_row const& row) { return !row.revoked_at; });
}

exit_code keys_add_command(settings const& of, command_line const& line,
                           command_context const& context) {
    auto const store = open_store(of, true);
    if (!store) {
        return told(store.error(), context);
    }
    auto const key = add_key(**store, line.name, line.tenant, read_clocks().wall);
    if (!key) {
        return told(key.error(), context);
    }
    context.out << *key << '\n' << std::flush;
    if (!context.out) {
        (void)revoke_key(**store, line.name, read_clocks().wall);
        return told({errc::internal, "the key could not be printed, so it was revoked"}, context);
    }
    context.err << fmt::format("key {} of tenant {} made; it is not shown again\n", line.name,
                               line.tenant);
    return exit_code::ok;
}

exit_code keys_list_command(settings const& of, bool json, command_context const& context) {
    std::vector<key_row> rows;
    if (has_database(of)) {
        auto const store = open_store(of, false);
        if (!store) {
            return told(store.error(), context);
        }
        auto listed = (*store)->keys();
        if (!listed) {
            return told(listed.error(), context);
        }
        rows = *std::move(listed);
    }
    context.out << (json ? keys_json(rows) : keys_table(std::move(rows)));
    return exit_code::ok;
}

exit_code keys_revoke_command(settings const& of, command_line const& line,
                              command_context const& context) {
    if (!has_database(of)) {
        return told({errc::internal, fmt::format("there are no keys in {}", of.state_dir)},
                    context);
    }
    auto const store = open_store(of, false);
    if (!store) {
        return told(store.error(), context);
    }
    auto const row = revoke_key(**store, line.name, read_clocks().wall);
    if (!row) {
        return told(row.error(), context);
    }
    context.err << fmt::format("key {} ({}...) of tenant {} revoked\n", row->name, row->id,
                               row->tenant);
    return exit_code::ok;
}

}  // namespace broker
