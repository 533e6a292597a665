// SPDX-License-Identifier: Apache-2.0
// Makes an image from its folder: Debian packages, wheels, `setup`, digest, name. No registry.
// Never leaves anything that could be taken for an image: the digest's directory appears whole, by
// rename, and what an interrupted build left goes with the next. One build at a time for an images
// directory (others wait). Blocks for about a minute; any one thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/runtime/image_definition.hpp"
#include "broker/runtime/image_process.hpp"
#include "broker/runtime/image_store.hpp"

#include <filesystem>

namespace broker {

struct image_build {
    image built;
    /// Nothing had changed since the last build, so nothing was done.
    bool reused = false;
    /// The wheels it was installed from; the Dockerfile beside the definition takes the same.
    std::filesystem::path wheels;
};

class image_builder {
public:
    /// `images_dir` as for `image_store`; made when missing. Each line of progress goes to
    /// `progress`. `find_program` is asked for the programs that a definition names.
    image_builder(std::filesystem::path images_dir, line_sink progress,
                  program_finder find_program = {})
        : dir_(std::move(images_dir)),
          progress_(std::move(progress)),
          find_program_(std::move(find_program)) {}

    /// `again`: also when nothing changed (newer Debian packages). Needs root, mmdebstrap, unshare,
    /// pip, and what the host's apt and pip fetch from. The failure's detail is for the terminal.
    /// An image has one name: content that is there under another is refused.
    result<image_build> build(std::filesystem::path const& folder, bool again = false,
                              image_variant const& variant = {});

private:
    std::filesystem::path dir_;
    line_sink progress_;
    program_finder find_program_;
};

}  // namespace broker
