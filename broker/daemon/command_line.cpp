// SPDX-License-Identifier: Apache-2.0
// The only unit that sees CLI11: commands, their options and their help.
// Never lets an exception of it out. No state between calls.
#include "broker/daemon/command_line.hpp"

#include "broker/daemon/exit_code.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <sstream>

namespace broker {
namespace {

constexpr auto about =
    "Runs code that people and models wrote, each session in a container of its "
    "own.\nServes HTTP; settings come from one file, the environment and flags.";

constexpr auto main_examples =
    "Examples:\n"
    "  kernel-broker doctor                        what this host can do, and how to mend it\n"
    "  kernel-broker image build images/python     make the image that sessions run\n"
    "  kernel-broker serve                         serve on 127.0.0.1:8000\n"
    "  kernel-broker keys add alice                make an API key; it is printed once\n"
    "  kernel-broker serve --listen 0.0.0.0:8000   serve others too: needs a key\n"
    "  kernel-broker run -c 'print(6 * 7)'         run code on a broker that serves\n";

constexpr auto config_notes =
    "Settings: a flag wins over the environment, the environment over the file, the file over\n"
    "the default. `kernel-broker check-config` shows them all; docs/configuration.md explains "
    "them.";

/// Empty: a time limit can be this. CLI11 would tell the largest number there is.
std::string time_problem(std::string const& text) {
    double value = 0;
    auto const* const end = text.data() + text.size();
    auto const [used, error] = std::from_chars(text.data(), end, value);
    bool const good = error == std::errc{} && used == end && std::isfinite(value) && value > 0;
    return good ? std::string{} : "write seconds, above 0, not \"" + text + "\"";
}

/// An empty name would stand for the definition's own.
std::string no_name_problem(std::string const& text) {
    return text.empty() ? "an image has a name" : std::string{};
}

std::string exit_notes() {
    std::string text = "\nExit status:\n";
    for (auto const& meaning : exit_code_meanings) {
        text += fmt::format("  {:>3}  {}\n", status_of(meaning.code), meaning.text);
    }
    return text;
}

constexpr auto client_notes =
    "The broker is the one of --url, else of KERNEL_BROKER_URL, else http://127.0.0.1:8000. The "
    "key\nis that of --key, which others on this host can see, else of KERNEL_BROKER_API_KEY.\n"
    "Ctrl-C interrupts the code; a second one leaves.";

constexpr auto run_notes =
    "\n\nExit status: that of the code: 0, 1 after an exception, n after sys.exit(n), 124 at the "
    "time\nlimit, 130 interrupted, 137 killed, 128+s died of signal s. 125: no broker answered, it "
    "refused,\nor how the code ended is not known. 2: the command line is wrong.";

constexpr auto notebook_notes =
    "\n\nExit status: 0 all cells ran; 1 a cell raised, died or met its time limit; 125 no broker\n"
    "answered, it refused, or a file could not be read or written; 130 interrupted; 2 the command\n"
    "line is wrong.";

void add_named(CLI::App& app, command_line& out, char const* flag, char const* key,
               char const* help) {
    app.add_option_function<std::string>(
           flag, [&out, key](std::string const& value) { out.settings.emplace_back(key, value); },
           help)
        ->type_name("VALUE");
}

void add_settings(CLI::App& app, command_line& out) {
    app.add_option("-c,--config", out.config_path,
                   "Configuration file (TOML); default /etc/kernel-broker/config.toml if it exists")
        ->type_name("FILE");
    app.add_option_function<std::vector<std::string>>(
           "--set",
           [&out](std::vector<std::string> const& items) {
               for (auto const& item : items) {
                   auto const equals = item.find('=');
                   if (equals == std::string::npos || equals == 0) {
                       throw CLI::ValidationError("--set", "write KEY=VALUE, not \"" + item + "\"");
                   }
                   out.settings.emplace_back(item.substr(0, equals), item.substr(equals + 1));
               }
           },
           "Any setting of the file; may be given many times")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    add_named(app, out, "--listen", "listen", "As --set listen=VALUE");
    add_named(app, out, "--state-dir", "state_dir", "As --set state_dir=VALUE");
    app.footer(config_notes);
}

struct program {
    explicit program(command_line& line);

    CLI::App& add(CLI::App& below, char const* name, char const* help, command what) {
        auto* sub = below.add_subcommand(name, help);
        commands.emplace_back(sub, what);
        return *sub;
    }

    CLI::App app{about, "kernel-broker"};
    command_line& out;
    std::vector<std::pair<CLI::App*, command>> commands;

private:
    void add_image_commands();
    void add_key_commands();
    void add_run();
    void add_exec_notebook();
    void add_client_options(CLI::App& command, char const* timeout_help);
};

program::program(command_line& line) : out(line) {
    app.require_subcommand(1);
    app.footer(main_examples + exit_notes());
    app.get_formatter()->column_width(34);
    add_settings(
        add(app, "serve", "Serve HTTP until SIGTERM or SIGINT; sandboxes stay", command::serve),
        out);
    add_settings(add(app, "check-config", "Print the settings in effect and where each comes from",
                     command::check_config),
                 out);
    auto& doctor = add(app, "doctor", "Say what this host can and cannot do, and how to mend it",
                       command::doctor);
    add_settings(doctor, out);
    doctor.add_flag("--json", out.json, "One JSON object instead of text");
    add_image_commands();
    add_key_commands();
    add_run();
    add_exec_notebook();
    add(app, "version", "Print the version", command::version);
}

void program::add_image_commands() {
    auto* image = app.add_subcommand("image", "Build and list the images that sessions run");
    image->require_subcommand(1);
    auto& build = add(*image, "build", "Build an image from a definition; no registry is asked",
                      command::image_build);
    build
        .add_option("DIR", out.directory,
                    "Folder of a definition that names the image, such as images/python")
        ->required();
    auto* name = build
                     .add_option("--name", out.image_name,
                                 "Name of the image; default: the definition's own")
                     ->type_name("NAME")
                     ->check(no_name_problem, "");
    // Without a name of its own, another list would take the place of the image that sessions run.
    build
        .add_option("--requirements", out.requirements,
                    "List of libraries in the place of DIR/requirements.txt")
        ->type_name("FILE")
        ->needs(name);
    build.add_flag("--again", out.again, "Also when nothing changed: newer Debian packages");
    add_settings(build, out);
    auto& list = add(*image, "list", "List images with digest, date and number of libraries",
                     command::image_list);
    list.add_flag("--json", out.json, "One JSON object instead of text");
    add_settings(list, out);
}

void program::add_key_commands() {
    auto* keys = app.add_subcommand("keys", "API keys; works while the broker runs");
    keys->require_subcommand(1);
    auto& create = add(*keys, "add", "Make a key and print it, this once; only its hash is kept",
                       command::keys_add);
    create.add_option("NAME", out.name, "What the key is called in lists and logs")->required();
    create.add_option("--tenant", out.tenant, "Whose sessions it opens; default: default")
        ->type_name("TENANT");
    add_settings(create, out);
    auto& list = add(*keys, "list", "List keys by name, tenant, time and first characters",
                     command::keys_list);
    list.add_flag("--json", out.json, "One JSON object instead of text");
    add_settings(list, out);
    auto& revoke =
        add(*keys, "revoke", "Make a key worthless within a second", command::keys_revoke);
    revoke.add_option("NAME", out.name, "Name of the key")->required();
    add_settings(revoke, out);
}

void program::add_client_options(CLI::App& command, char const* timeout_help) {
    auto& client = out.client;
    command
        .add_option("--session", client.session,
                    "Session to run in, which stays; without it a new one, deleted at the end")
        ->type_name("ID");
    command.add_option("--url", client.url, "http://HOST:PORT or unix:/PATH")->type_name("URL");
    command.add_option("--key", client.key, "API key")->type_name("KEY");
    command.add_option("--timeout", client.timeout_s, timeout_help)
        ->type_name("SECONDS")
        ->check(time_problem, "");
}

void program::add_run() {
    auto& client = out.client;
    auto& run =
        add(app, "run", "Run code on a broker and show its output as it comes", command::run);
    auto* file = run.add_option("FILE", client.file, "File with the code; - is standard input");
    auto* code = run.add_option("-c", client.code, "The code itself")->type_name("CODE");
    code->excludes(file);
    add_client_options(run, "Time limit of the code; default: the broker's");
    run.add_flag("--input", client.input, "The code may ask for input, and is given lines");
    run.add_flag("--json", out.json, "Nothing but the ended execution as one JSON object");
    run.add_option("--save-dir", client.save_dir,
                   "Where images are saved, made if missing; default: here")
        ->type_name("DIR");
    run.footer(std::string{client_notes} + run_notes);
    run.callback([file, code] {
        if (file->count() + code->count() == 0) {
            throw CLI::RequiredError("FILE, - or -c CODE");
        }
    });
}

void program::add_exec_notebook() {
    auto& client = out.client;
    auto& notebook = add(app, "exec-notebook", "Run a notebook's cells on a broker, in order",
                         command::exec_notebook);
    notebook.add_option("IN", client.file, "Notebook (nbformat 4) to run")->required();
    notebook.add_option("OUT", client.into, "Where it is written with its outputs; may be IN")
        ->required();
    add_client_options(notebook, "Time limit of each cell; default: the broker's");
    notebook.add_flag("--allow-errors", client.allow_errors, "Go on after a cell that raised");
    notebook.add_flag("--quiet", client.quiet, "No progress on standard error");
    notebook.footer(std::string{client_notes} + notebook_notes);
}

/// Where a command was wanted and another word came: CLI11 would only say that one is required.
std::optional<std::string> unknown_word(CLI::App const& app) {
    auto const* last = &app;
    std::string path = app.get_name();
    for (auto below = last->get_subcommands(); !below.empty(); below = last->get_subcommands()) {
        last = below.back();
        path += " " + last->get_name();
    }
    auto const words = last->remaining();
    auto const commands = last->get_subcommands([](CLI::App const*) { return true; });
    if (words.empty() || commands.empty()) {
        return std::nullopt;
    }
    std::string known;
    for (auto const* one : commands) {
        known += (known.empty() ? "" : ", ") + one->get_name();
    }
    bool const option = words.front().starts_with('-');
    return fmt::format(
        "{}: there is no {} \"{}\"; the commands are: {}\n"
        "Run with --help for more information.\n",
        path, option ? "option" : "command", words.front(), known);
}

}  // namespace

std::variant<command_line, command_line_end> parse_command_line(
    std::vector<std::string> const& arguments) {
    command_line out;
    program cli{out};
    try {
        std::vector<std::string> reversed{arguments.rbegin(), arguments.rend()};
        cli.app.parse(reversed);
    } catch (CLI::RequiredError const& error) {
        std::ostringstream problem;
        (void)cli.app.exit(error, problem, problem);
        return command_line_end{
            status_of(exit_code::usage), {}, unknown_word(cli.app).value_or(problem.str())};
    } catch (CLI::ParseError const& error) {
        std::ostringstream text;
        std::ostringstream problem;
        bool const asked = cli.app.exit(error, text, problem) == 0;
        return command_line_end{status_of(asked ? exit_code::ok : exit_code::usage), text.str(),
                                problem.str()};
    }
    auto const found =
        std::ranges::find_if(cli.commands, [](auto const& entry) { return entry.first->parsed(); });
    out.what = found->second;
    return out;
}

std::string command_help(std::string const& name) {
    command_line ignored;
    program cli{ignored};
    CLI::App* app = &cli.app;
    std::string above;
    std::istringstream words{name};
    for (std::string word; words >> word;) {
        above += (above.empty() ? "" : " ") + app->get_name();
        app = app->get_subcommand(word);
    }
    return app->help(above);
}

}  // namespace broker
