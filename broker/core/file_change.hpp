// SPDX-License-Identifier: Apache-2.0
// One file of a workspace that an execution made, changed or removed.
// Never an absolute path, and the path is bytes, not text: a name need not be UTF-8. Values.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/sha256.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

struct file_change {
    enum class kind : std::uint8_t { created, modified, deleted };

    std::string path;  // relative to the workspace, `/` between its parts
    kind what = kind::created;
    std::uint64_t size_bytes = 0;  // 0 when deleted
    /// Of what was kept of it, if that could be done.
    std::optional<file_version_id> version = std::nullopt;
    std::optional<sha256_digest> sha256 = std::nullopt;
    /// Why nothing was kept of it, in words for its client; empty otherwise.
    std::string not_kept = {};

    friend bool operator==(file_change const&, file_change const&) = default;
};

constexpr std::string_view to_string(file_change::kind what) noexcept {
    switch (what) {
        case file_change::kind::created:
            return "created";
        case file_change::kind::modified:
            return "modified";
        case file_change::kind::deleted:
            break;
    }
    return "deleted";
}

}  // namespace broker
