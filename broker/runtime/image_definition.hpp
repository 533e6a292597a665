// SPDX-License-Identifier: Apache-2.0
// The folder that an operator writes to say what an image is (`images/python`), read and checked.
// Never holds what a build found out; that is `image`. Values; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// What is asked for otherwise than the folder has it; empty: as the folder has it.
struct image_variant {
    std::string name;
    std::filesystem::path requirements;  // a file in the place of the folder's requirements.txt
};

struct image_definition {
    std::filesystem::path folder;
    std::filesystem::path requirements;  // the list of libraries, in the folder or elsewhere
    std::string name;
    std::string language;
    std::string debian_suite;                  // "bookworm"
    std::vector<std::string> debian_packages;  // with what they depend on, the whole root
    std::string python;                        // "3.11", which that suite has
    int glibc_minor = 0;                       // of that suite; bounds the wheels
    std::vector<std::string> kernel_argv;      // of `language`
    std::vector<std::string> kernel_env;       // of all its kernels
    /// Further languages, each with its kernel's command.
    std::map<std::string, std::vector<std::string>> kernels;
    /// Programs of ours that it holds, and where each is on this host.
    std::map<std::string, std::filesystem::path> programs;
    /// Digest over every file that goes into the image.
    std::string inputs;
    /// Digest over what decides which wheels are fetched.
    std::string wheel_inputs;
};

/// The files of the folder that go into the root while it is set up, and nothing else. Where
/// `image_definition::requirements` is another file, it goes in under the name requirements.txt.
inline constexpr char const* image_input_files[] = {
    "image.json", "requirements.txt", "constraints.txt", "setup",
    "start",      "start-program",    "plots.py"};

/// Where a program of ours is on this host, by its name.
using program_finder = std::function<std::filesystem::path(std::string const& name)>;

/// `invalid_field` with the file and the member that is wrong. An operator's file: unknown members
/// are refused, a slip must not pass in silence.
result<image_definition> read_image_definition(std::filesystem::path const& folder,
                                               image_variant const& variant = {},
                                               program_finder const& find_program = {});

/// Where the file that goes into the root as `name`, one of `image_input_files`, is read from.
std::filesystem::path input_path(image_definition const& of, std::string_view name);

/// The directory of the wheels of one list of libraries: `NAME-` and 16 hex digits of the inputs.
std::string wheels_name(image_definition const& of);

/// One of `image_name`, of whatever inputs. Another image's name may begin with this one's.
bool is_wheels_name(std::string_view directory, std::string_view image_name) noexcept;

/// The members of image.json alone.
result<image_definition> parse_image_definition(std::string_view text);

}  // namespace broker
