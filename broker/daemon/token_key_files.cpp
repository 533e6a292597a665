// SPDX-License-Identifier: Apache-2.0
// Contents are compared, not times: a file that was replaced within one tick of the clock counts.
// Never waits for a writer. Blocks.
#include "broker/daemon/token_key_files.hpp"

#include "broker/base/unique_fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace broker {
namespace {

constexpr std::size_t largest_file = std::size_t{256} << 10U;

failure failed(std::string const& path, std::string const& why) {
    return fail(errc::internal, fmt::format("{}: {}", path, why));
}

result<std::string> read_file(std::string const& path) {
    // O_NONBLOCK: opening a FIFO does not wait.
    unique_fd const file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0) {
        return failed(path, "it cannot be read: " + std::system_category().message(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return failed(path, "it is not a regular file");
    }
    std::string text(largest_file + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        auto const got = ::read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failed(path, "it cannot be read: " + std::system_category().message(errno));
        }
        if (got == 0) {
            break;
        }
        size += static_cast<std::size_t>(got);
    }
    if (size > largest_file) {
        return failed(path, "it is larger than 256 KiB, which no file of keys is");
    }
    text.resize(size);
    return text;
}

}  // namespace

token_key_files::look token_key_files::look_now() const {
    std::vector<http::api::token_keys::file> files;
    for (auto const& path : paths_) {
        auto text = read_file(path);
        if (!text) {
            return text.error().detail;
        }
        files.push_back({path, *std::move(text)});
    }
    return files;
}

result<std::optional<http::api::token_keys>> token_key_files::read() {
    auto now = look_now();
    if (now == last_) {
        return std::optional<http::api::token_keys>{};
    }
    last_ = std::move(now);
    if (auto const* const why = std::get_if<std::string>(&last_)) {
        return fail(errc::internal, *why);
    }
    auto keys =
        http::api::token_keys::read(std::get<std::vector<http::api::token_keys::file>>(last_));
    if (!keys) {
        return keys.error();
    }
    return std::optional{*std::move(keys)};
}

}  // namespace broker
