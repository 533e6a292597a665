// SPDX-License-Identifier: Apache-2.0
// The folder that an operator writes to say what an image is (`images/python`), read and checked.
// Never holds what a build found out; that is `image`. Values; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

struct image_definition {
    std::filesystem::path folder;
    std::string name;
    std::string language;
    std::string debian_suite;                  // "bookworm"
    std::vector<std::string> debian_packages;  // with what they depend on, the whole root
    std::string python;                        // "3.11", which that suite has
    int glibc_minor = 0;                       // of that suite; bounds the wheels
    std::vector<std::string> kernel_argv;
    std::vector<std::string> kernel_env;
    /// Digest over every file of the folder that goes into the image.
    std::string inputs;
    /// Digest over what decides which wheels are fetched.
    std::string wheel_inputs;
};

/// The files of the folder that go into the root while it is set up, and nothing else.
inline constexpr char const* image_input_files[] = {"image.json", "requirements.txt",
                                                    "constraints.txt", "setup", "start"};

/// `invalid_field` with the file and the member that is wrong. An operator's file: unknown members
/// are refused, a slip must not pass in silence.
result<image_definition> read_image_definition(std::filesystem::path const& folder);

/// The members of image.json alone.
result<image_definition> parse_image_definition(std::string_view text);

}  // namespace broker
