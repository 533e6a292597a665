// SPDX-License-Identifier: Apache-2.0
// File versions put into a workspace, for code that is to read them.
// Never replaces a folder, never leaves half a file, and never reads through a name. Blocks; made
// on the pool of file calls.
#pragma once

#include "broker/base/result.hpp"
#include "broker/core/workspace_path.hpp"
#include "broker/runtime/workspace_store.hpp"
#include "broker/service/workspace_upload.hpp"
#include "broker/store/version_store.hpp"

#include <memory>
#include <vector>

namespace broker {

struct input_file {
    file_version version;  // with a content
    workspace_path path;   // where code is to find it
};

/// In order: the last of one path stays. For each what is there now, or what kept it out:
/// `invalid_path` where a folder or file of another input is in its way, `workspace_full`,
/// `file_not_found`. One that is read-only cannot be written without changing its mode.
std::vector<result<stored_file>> place_files(std::shared_ptr<workspace const> in,
                                             content_store const& contents,
                                             std::vector<input_file> const& inputs);

}  // namespace broker
