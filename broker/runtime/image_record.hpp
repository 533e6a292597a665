// SPDX-License-Identifier: Apache-2.0
// `image.json`, the small document beside each root: what is in the root and how its kernel starts.
// Never trusted further than its types: a document that is not exactly this is no image. Values;
// any thread.
#pragma once

#include "broker/base/result.hpp"
#include "broker/runtime/image_store.hpp"

#include <string>
#include <string_view>

namespace broker {

/// Everything but `rootfs`, which is a matter of place.
std::string to_json(image const& which);

/// Takes what `to_json` makes; members it does not know are passed over. `image_unavailable` with
/// the member that is wrong.
result<image> image_from_json(std::string_view text);

/// 64 lower-case hex digits.
bool is_image_digest(std::string_view text) noexcept;

/// A name that can be a file name: `[a-z0-9][a-z0-9._-]{0,62}`.
bool is_image_name(std::string_view text) noexcept;

}  // namespace broker
