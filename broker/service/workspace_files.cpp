// SPDX-License-Identifier: Apache-2.0
// Listing, reading and deleting: each name is opened below the workspace's descriptor, and what is
// told of a file is told of what was opened. Never keeps a descriptor longer than its call. Any
// thread.
#include "broker/service/workspace_files.hpp"

#include "broker/base/beneath.hpp"
#include "broker/base/beneath_walk.hpp"
#include "broker/runtime/workspace_parts.hpp"
#include "broker/service/file_hashing.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

namespace broker {
namespace {

constexpr std::size_t longest_page = 1000;
constexpr std::uint64_t bytes_hashed_a_page = std::uint64_t{2} << 30;

failure file_failure(boost::system::error_code error) {
    if (error.value() == ENOENT) {
        return fail(errc::file_not_found, "there is no file of that path in the session");
    }
    return host_failure("reading a workspace", error.value());
}

/// The cursor is the last path of the page before, in hexadecimal: any byte, no escaping in a URL.
std::string cursor_of(std::string_view path) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (char const c : path) {
        auto const byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4U];
        text += digits[byte & 15U];
    }
    return text;
}

int digit_value(char c) {
    constexpr std::string_view digits = "0123456789abcdef";
    auto const at = digits.find(c);
    return at == digits.npos ? -1 : static_cast<int>(at);
}

result<std::string> path_of_cursor(std::string_view cursor) {
    failure const foreign =
        fail(errc::invalid_field, "'cursor' is not one that a listing of this session gave");
    std::string path;
    for (std::size_t i = 0; i + 1 < cursor.size(); i += 2) {
        int const high = digit_value(cursor[i]);
        int const low = digit_value(cursor[i + 1]);
        if (high < 0 || low < 0) {
            return foreign;
        }
        path += static_cast<char>(high * 16 + low);
    }
    if (cursor.size() % 2 != 0 || (!path.empty() && !workspace_path::from_text(path))) {
        return foreign;
    }
    return path;
}

file_info info_of(std::string path, hashed_file const& file) {
    return {.path = std::move(path),
            .size_bytes = file.identity.size,
            .sha256 = file.sha256,
            .modified_ns = file.identity.mtime_ns};
}

}  // namespace

result<file_page> list_files(workspace const& in, file_query const& query, hash_cache& hashes) {
    auto after = path_of_cursor(query.cursor);
    if (!after) {
        return after.error();
    }
    auto const limit = std::clamp<std::size_t>(query.limit, 1, longest_page);
    std::vector<std::string> paths;
    beneath::walk_range const range{.prefix = query.prefix, .after = std::move(*after)};
    auto const walked =
        beneath::walk_files(in.data.get(), range, [&](beneath::walked_file const& file) {
            if (file.status.st_uid == in.owner && file.path.size() <= workspace_path::max_bytes) {
                paths.push_back(file.path);
            }
            return paths.size() <= limit;
        });
    if (!walked) {
        return file_failure(walked.error());
    }
    file_page page;
    page.complete = !walked->complete_until && !walked->too_deep;
    if (paths.size() > limit) {
        paths.pop_back();
        page.next_cursor = cursor_of(paths.back());
    }
    std::uint64_t budget = bytes_hashed_a_page;
    for (auto& path : paths) {
        auto const opened = beneath::open_file(in.data.get(), path, in.owner);
        if (opened) {  // else it has just vanished
            page.files.push_back(
                info_of(std::move(path), hash_open_file(in, opened->get(), hashes, budget)));
        }
    }
    return page;
}

result<opened_file> open_file(workspace const& in, workspace_path const& path, hash_cache& hashes) {
    auto opened = beneath::open_file(in.data.get(), path.str(), in.owner);
    if (!opened) {
        return file_failure(opened.error());
    }
    auto budget = hash_budget(in);
    auto const hashed = hash_open_file(in, opened->get(), hashes, budget);
    opened_file file;
    file.file = std::move(*opened);
    file.info = info_of(path.str(), hashed);
    file.etag = etag_of(hashed);
    return file;
}

result<void> delete_file(workspace const& in, workspace_path const& path,
                         file_condition const& condition, hash_cache& hashes) {
    if (condition) {
        auto const there = open_file(in, path, hashes);
        if (!there && there.error().code != errc::file_not_found) {
            return there.error();
        }
        if (!condition(there ? file_state{there->etag, there->info.modified_ns} : file_state{})) {
            return fail(errc::precondition_failed,
                        "the file is not in the state that the condition asks for");
        }
    }
    if (auto const removed = beneath::remove_file(in.data.get(), path.str(), in.owner); !removed) {
        return file_failure(removed.error());
    }
    return {};
}

}  // namespace broker
