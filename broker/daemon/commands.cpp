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

#include <ostream>

namespace broker {
namespace {

exit_code check_config(config const& made, command_context const& context) {
    auto const exposed = refuse_exposure(made.values, has_any_key(made.values).value_or(true));
    if (!made.problems.empty() || exposed) {
        context.err << to_text(made.problems) << (exposed ? "listen: " + *exposed + "\n" : "");
        return exit_code::failed;
    }
    context.out << effective_toml(made);
    return exit_code::ok;
}

exit_code run_serve(config const& made, command_context const& context) {
    if (auto const why = refuse_exposure(made.values, has_any_key(made.values).value_or(false))) {
        context.err << "kernel-broker: " << *why << '\n';
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
