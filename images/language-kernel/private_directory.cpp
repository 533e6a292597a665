// SPDX-License-Identifier: Apache-2.0
// Files of code. Never follows a name that is there already: a folder is new each time. Blocks.
#include "images/language-kernel/private_directory.hpp"

#include "images/language-kernel/descriptor.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace language_kernel {
namespace {

namespace fs = std::filesystem;

std::string reason(std::string_view what, int error) {
    return std::string{what} + ": " + std::generic_category().message(error);
}

}  // namespace

private_directory::private_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here
    char const* const chosen = std::getenv("TMPDIR");
    path_ = (chosen != nullptr && *chosen == '/' ? std::string{chosen} : std::string{"/tmp"}) +
            "/language-kernel-XXXXXX";
    if (::mkdtemp(path_.data()) == nullptr) {
        throw std::system_error(errno, std::generic_category(), path_);
    }
    cell_ = path_ + "/cell";
}

private_directory::~private_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string private_directory::put(std::string_view name, std::string_view code) {
    clear();
    if ((::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST) ||
        ::mkdir(cell_.c_str(), 0700) != 0) {
        return reason("the directory for the code", errno);
    }
    return add(name, code);
}

std::string private_directory::add(std::string_view name, std::string_view text) {
    descriptor const file{
        ::open((fs::path{cell_} / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (!file || !write_whole(file.get(), text)) {
        return reason("the file for the code", errno);
    }
    return {};
}

void private_directory::clear() noexcept {
    std::error_code ignored;
    fs::remove_all(cell_, ignored);
}

}  // namespace language_kernel
