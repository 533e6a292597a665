// SPDX-License-Identifier: Apache-2.0
// The header of a Jupyter message: who wrote it, when, and what kind it is.
// Never holds anything but scalars: ipykernel hashes the items of a parent header, and a list in it
// breaks every print of the cell. Values; no threads.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kernelproto {

struct header {
    std::string msg_id;
    std::string session;
    std::string username;
    std::string date;
    std::string msg_type;
    std::string version;

    /// What a kernel sends as the parent of a message that nobody asked for: `{}`.
    bool empty() const noexcept { return msg_id.empty(); }

    friend bool operator==(header const&, header const&) = default;
};

/// `msg_id` and `msg_type` must be there and not empty; the other fields may be missing but must
/// be strings; unknown fields are skipped, whatever they hold.
result<header> parse_header(frame const& bytes);

/// As `parse_header`; also takes an object without `msg_id`, whose header is empty. `msg_type` may
/// be missing, as kernels write the parent again in their own way.
result<header> parse_parent_header(frame const& bytes);

std::string print_header(header const& head);

/// Microseconds since 1970 of an ISO 8601 date and time (`2026-01-02T03:04:05.678901Z`, fraction
/// of any length, offset `Z`, `+hh:mm` or none: UTC). Nothing for other text.
std::optional<std::int64_t> date_microseconds(std::string_view date) noexcept;

/// The opposite, with six digits and `Z`.
std::string print_date(std::int64_t microseconds);

}  // namespace kernelproto
