// SPDX-License-Identifier: Apache-2.0
// Dispatch, and the commands that take a few lines. Never a rule of sessions. One thread.
#include "broker/daemon/commands.hpp"

#include "broker/daemon/config_load.hpp"
#include "broker/daemon/config_text.hpp"
#include "broker/daemon/doctor.hpp"
#include "broker/daemon/image_commands.hpp"
#include "broker/daemon/key_commands.hpp"
#include "broker/daemon/notebook_command.hpp"
#include "broker/daemon/run_command.hpp"
#include "broker/daemon/token_key_files.hpp"

#include <ostream>

namespace broker {
namespace {

/// What speaks against serving with these settings on this host; empty: nothing. `unknown_keys` is
/// what counts when the table of keys cannot be read.
std::string refuse_to_serve(settings const& of, bool unknown_keys) {
    std::string out;
    if (auto const why = refuse_exposure(of, has_any_key(of).value_or(unknown_keys))) {
        out += "listen: " + *why + "\n";
    }
    if (auto const read = token_key_files{of.tokens.key_files}.read(); !read) {
        out += "jwt_key_files: " + read.error().detail + "\n";
    }
    return out;
}

exit_code check_config(config const& made, command_context const& context) {
    auto const refused = refuse_to_serve(made.values, true);
    if (!made.problems.empty() || !refused.empty()) {
        context.err << to_text(made.problems) << refused;
        return exit_code::failed;
    }
    context.out << effective_toml(made);
    return exit_code::ok;
}

exit_code run_serve(config const& made, command_context const& context) {
    if (auto const refused = refuse_to_serve(made.values, false); !refused.empty()) {
        context.err << refused;
        return exit_code::configuration;
    }
    return context.serve(made.values);
}

exit_code run_doctor(config const& made, bool json, command_context const& context) {
    auto const found = examine(made.values);
    context.out << (json ? to_json(found) : to_text(found, context.color));
    return can_run(found) ? exit_code::ok : exit_code::failed;
}

}  // namespace

exit_code run_command(command_line const& line, command_context const& context) {
    if (line.what == command::version) {
        context.out << "kernel-broker " KERNEL_BROKER_VERSION "\n";
        return exit_code::ok;
    }
    if (line.what == command::run) {
        return run_code_command(line, context);
    }
    if (line.what == command::exec_notebook) {
        return exec_notebook_command(line, context);
    }
    auto const made = load_config(line, context.environment);
    if (line.what == command::check_config) {
        return check_config(made, context);
    }
    if (!made.problems.empty()) {
        context.err << to_text(made.problems);
        return exit_code::configuration;
    }
    switch (line.what) {
        case command::serve:
            return run_serve(made, context);
        case command::doctor:
            return run_doctor(made, line.json, context);
        case command::image_build:
            return image_build_command(made.values, line, context);
        case command::image_list:
            return image_list_command(made.values, line.json, context);
        case command::keys_add:
            return keys_add_command(made.values, line, context);
        case command::keys_list:
            return keys_list_command(made.values, line.json, context);
        case command::keys_revoke:
            return keys_revoke_command(made.values, line, context);
        case command::check_config:
        case command::run:
        case command::exec_notebook:
        case command::version:
            break;
    }
    return exit_code::usage;
}

}  // namespace broker
