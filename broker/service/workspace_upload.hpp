// SPDX-License-Identifier: Apache-2.0
// One upload into a workspace: bytes go to a file without a name, and `commit` names it at once.
// Never leaves anything behind when it is dropped before `commit`, and never follows or touches
// what stands at the target. Every call blocks and is made on the pool, one at a time; holds no
// lock.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/sha256.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/core/hash_cache.hpp"
#include "broker/core/workspace_path.hpp"
#include "broker/service/workspace_files.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace broker {

struct stored_file {
    file_info info;
    file_identity identity;
    std::string etag;
    bool created = false;  // else something of that name was replaced
};

class workspace_upload {
public:
    /// Checks the condition a first time, so that a refused upload has not read the body.
    /// `invalid_path` when a directory bears the name, or a file one of the folders' names.
    /// `in` is held until the upload is gone.
    static result<workspace_upload> begin(std::shared_ptr<workspace const> in, workspace_path path,
                                          file_condition condition);

    /// `workspace_full` when the size limit is reached: the upload is to be dropped.
    result<void> write(std::string_view bytes);

    /// For whoever reads it as its owner; that can be changed there.
    void make_read_only();

    /// Checks the condition again, against what it replaces. Nothing can follow.
    result<stored_file> commit();

private:
    workspace_upload(std::shared_ptr<workspace const> in, workspace_path path,
                     file_condition condition, unique_fd file);

    /// True when nothing bore the name before.
    result<bool> give_name();
    result<bool> give_name_if_allowed();

    std::shared_ptr<workspace const> in_;
    workspace_path path_;
    file_condition condition_;
    unique_fd file_;
    sha256 hash_;
    std::uint64_t size_ = 0;
};

}  // namespace broker
