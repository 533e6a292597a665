// SPDX-License-Identifier: Apache-2.0
// The command line as a value: which command, and what was said to it.
// Never acts, prints or reads anything: help and errors are returned as text. Any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace broker {

enum class command {
    serve,
    check_config,
    doctor,
    image_build,
    image_list,
    keys_add,
    keys_list,
    keys_revoke,
    run,
    exec_notebook,
    version,
};

/// What was said to the commands that talk to a broker.
struct client_words {
    std::optional<std::string> session;
    std::optional<std::string> url;
    std::optional<std::string> key;
    std::optional<double> timeout_s;
    std::optional<std::string> code;  // run -c
    std::string file;                 // run: a path or "-"; exec-notebook: what is read
    std::string into;                 // exec-notebook: what is written
    std::string save_dir = ".";       // run
    bool input = false;               // run
    bool allow_errors = false;        // exec-notebook
    bool quiet = false;               // exec-notebook
};

struct command_line {
    command what = command::serve;
    std::optional<std::string> config_path;
    /// Settings given as flags, in order: `--listen X` is {"listen", X} as `--set listen=X` is.
    std::vector<std::pair<std::string, std::string>> settings;
    bool json = false;               // doctor, image list, keys list, run
    std::string directory;           // image build
    std::string requirements;        // image build; empty: the definition's own
    std::string image_name;          // image build; empty: the definition's own
    bool again = false;              // image build
    std::string name;                // of a key
    std::string tenant = "default";  // keys add
    client_words client;             // run, exec-notebook
};

/// The command line asked for text, or was wrong.
struct command_line_end {
    int status = 0;
    std::string out;
    std::string err;
};

/// `arguments` are those after the program's name.
std::variant<command_line, command_line_end> parse_command_line(
    std::vector<std::string> const& arguments);

/// Help of the program or of one command ("serve", "keys add"); what docs/cli.md shows.
std::string command_help(std::string const& name);

}  // namespace broker
