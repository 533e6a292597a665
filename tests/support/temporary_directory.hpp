// SPDX-License-Identifier: Apache-2.0
// A directory of one test, in memory where there is /dev/shm, with short words for filling it.
// Never left behind. One test, any thread.
#pragma once

#include "broker/base/beneath.hpp"
#include "broker/base/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace test {

class temporary_directory {
public:
    temporary_directory() {
        REQUIRE(mkdtemp(path_.data()) != nullptr);
        fd_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(fd_);
    }
    temporary_directory(temporary_directory const&) = delete;
    temporary_directory& operator=(temporary_directory const&) = delete;
    ~temporary_directory() {
        (void)broker::beneath::remove_tree_contents(fd_.get());
        rmdir(path_.c_str());
    }

    int fd() const { return fd_.get(); }
    std::string const& path() const { return path_; }
    std::string operator/(std::string const& name) const { return path_ + "/" + name; }

    void make(std::string const& name) const {
        REQUIRE(mkdirat(fd_.get(), name.c_str(), 0755) == 0);
    }
    void write(std::string const& name, std::string const& bytes) const {
        std::ofstream file(*this / name, std::ios::binary | std::ios::trunc);
        file << bytes;
        file.close();
        REQUIRE(file);
    }
    std::string read(std::string const& name) const {
        std::ifstream file(*this / name, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void link(std::string const& target, std::string const& name) const {
        REQUIRE(symlinkat(target.c_str(), fd_.get(), name.c_str()) == 0);
    }
    /// What bears the name itself, not what it points to.
    mode_t kind(std::string const& name) const {
        struct stat status {};
        return fstatat(fd_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0
                   ? status.st_mode & S_IFMT
                   : 0;
    }

private:
    std::string path_ = (access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") +
                        std::string("/kernel-broker-test-XXXXXX");
    broker::unique_fd fd_;
};

/// Everything that can be read from an open file.
inline std::string read_all(int fd) {
    std::string bytes;
    char buffer[4096];
    for (ssize_t got = 0;
         (got = pread(fd, buffer, sizeof buffer, static_cast<off_t>(bytes.size()))) > 0;) {
        bytes.append(buffer, static_cast<std::size_t>(got));
    }
    return bytes;
}

}  // namespace test
