// SPDX-License-Identifier: Apache-2.0
// Reads one file, at most a megabyte of it. Never follows an include: there is none.
#include "broker/daemon/config_load.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 20U;

struct file_read {
    std::optional<std::string> text;
    bool absent = false;
    std::string problem;  // when there is no text
};

file_read read_file(std::string const& path) {
    errno = 0;
    std::ifstream in{path, std::ios::binary};
    std::string text(largest_file + 1, '\0');
    if (in) {
        in.read(text.data(), static_cast<std::streamsize>(text.size()));
    }
    if (!in.is_open() || in.bad() || (in.fail() && !in.eof())) {
        int const cause = errno != 0 ? errno : EIO;
        return {{}, cause == ENOENT, "cannot be read: " + std::system_category().message(cause)};
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > largest_file) {
        return {{}, false, "is larger than a megabyte, which no configuration is"};
    }
    return {std::move(text), false, {}};
}

}  // namespace

config load_config(command_line const& line, named_texts const& environment) {
    config_inputs inputs;
    inputs.environment = environment;
    inputs.flags = line.settings;
    auto const variable =
        std::ranges::find(environment, "KERNEL_BROKER_CONFIG", &named_texts::value_type::first);
    bool named = true;
    if (line.config_path) {
        inputs.file_name = *line.config_path;
    } else if (variable != environment.end()) {
        inputs.file_name = variable->second;
    } else {
        inputs.file_name = default_config_path;
        named = false;
    }
    auto read = read_file(inputs.file_name);
    inputs.file_text = std::move(read.text);
    auto out = make_config(inputs);
    if (!inputs.file_text && (named || !read.absent)) {
        out.problems.insert(out.problems.begin(), {inputs.file_name, read.problem});
    }
    return out;
}

named_texts read_environment(char const* const* environment) {
    named_texts out;
    for (; environment != nullptr && *environment != nullptr; ++environment) {
        std::string_view const entry = *environment;
        if (auto const equals = entry.find('='); equals != std::string_view::npos) {
            out.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
        }
    }
    return out;
}

}  // namespace broker
