// SPDX-License-Identifier: Apache-2.0
// A directory that ends with its object. Never outside of the system's place for such.
// One owner.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace broker::test {

class temporary_dir {
public:
    temporary_dir() : path_((std::filesystem::temp_directory_path() / "kb-test-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::runtime_error("mkdtemp failed");
        }
    }
    temporary_dir(temporary_dir const&) = delete;
    temporary_dir& operator=(temporary_dir const&) = delete;
    ~temporary_dir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    std::string const& path() const noexcept { return path_; }

private:
    std::string path_;
};

}  // namespace broker::test
