// SPDX-License-Identifier: Apache-2.0
// The images that are built on this host, by name: root file system, kernel command, libraries.
// Never builds or changes one: a directory named by its digest is complete or not there, and stays
// as it is. Reads files at each call and keeps nothing; any thread.
#pragma once

#include "broker/base/result.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

/// What `image.json` beside the root says, and where the root is.
struct image {
    std::string name;
    std::string language;
    std::string digest;                    // 64 hex digits, of the root's content
    std::vector<std::string> kernel_argv;  // the kernel of `language`, under its init
    /// Further languages of the same root: their kernels, under their init.
    std::map<std::string, std::vector<std::string>> kernels;
    std::vector<std::string> kernel_env;           // NAME=value
    std::map<std::string, std::string> libraries;  // name -> version
    std::string created_at;                        // RFC 3339
    std::string base;                              // for people: "Debian bookworm, Python 3.11"
    std::string inputs;                            // digest of the definition it was built from
    std::filesystem::path rootfs;

    /// The kernel of that language; nullptr when the image has none.
    std::vector<std::string> const* kernel_of(std::string_view of_language) const;
    /// For people: "python, bash, py", its own first.
    std::string languages() const;
};

class image_store {
public:
    /// `images_dir` holds `<digest>/{rootfs,image.json}` and `names/<name>`; it need not exist.
    explicit image_store(std::filesystem::path images_dir) : dir_(std::move(images_dir)) {}

    /// The image that the name stands for now. `image_unavailable` with a sentence that says how to
    /// build it.
    result<image> find(std::string_view name) const;

    /// An image by its digest, for a session that was started with it. `image_unavailable`.
    result<image> open(std::string_view digest) const;

    /// Every name with its image, sorted by name; a name whose image is broken is left out.
    std::vector<image> list() const;

    /// Reads the whole root again and compares: `image_unavailable` when it is not what was built.
    /// Takes seconds.
    result<void> verify(image const& which) const;

    std::filesystem::path const& dir() const noexcept { return dir_; }

private:
    std::filesystem::path dir_;
};

}  // namespace broker
