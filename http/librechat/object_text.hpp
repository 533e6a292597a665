// SPDX-License-Identifier: Apache-2.0
// Stored files as LibreChat's clients read them, in the four depths that they ask for.
// Never anything that a client did not send or make. Pure; any thread.
#pragma once

#include "broker/store/version_store.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace http::librechat {

enum class listing_detail { simple, summary, full, normalized };

/// `detail=` of a query; anything else than one of the four words is `simple`.
listing_detail detail_in(std::string_view query);

/// In a folder that begins with a dot, or of what tools leave for themselves: nobody asks for it in
/// a chat.
bool is_by_the_way(std::string_view path);

/// A JSON array. What a program has left by the way is not in it, what a client has sent is.
std::string render_listing(std::vector<broker::file_version> const& files, listing_detail detail);

/// One file, for the look whether it is still there: `originalFilename` is its whole path.
std::string render_object(broker::file_version const& file);

std::string render_deleted(std::string const& session, std::string const& id);

/// By the last part of a name.
std::string_view content_type_of(std::string_view path);

}  // namespace http::librechat
