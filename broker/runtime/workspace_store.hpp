// SPDX-License-Identifier: Apache-2.0
// Where the files of sessions live on the host: a place per session with its own size limit.
// Never touches what is not below its directory, and never gives out a path for reading or
// writing files: those go through the descriptors (base/beneath). Every call blocks and is made on
// the pool; calls for different sessions may run at once, calls for one session come one by one.
#pragma once

#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace broker {

/// A workspace that can be used now. Its descriptors keep the file system busy: whoever unmounts or
/// removes it lets go of them first.
struct workspace {
    std::string mount;  // host directory to show as /mnt/data; for `sandbox_spec` only
    uid_t owner = 0;    // of every file in it
    unique_fd data;     // the same directory (O_PATH), mode 0700, owned by `owner`
    /// A directory beside it on the same mount, root only and never shown to a sandbox: uploads
    /// wait here. Emptied by `open`.
    unique_fd staging;
    std::uint64_t size_bytes = 0;  // of the file system; 0: no limit of its own
};

/// A workspace on the host, with or without a row.
struct found_workspace {
    session_id session;
    bool mounted = false;
};

/// One sentence each; `usable` false means every `create` fails with `runtime_unavailable`.
struct workspace_report {
    std::string quota;  // ext4, none
    bool usable = false;
    std::vector<std::string> problems;  // why it is not usable, and how to mend it
    std::vector<std::string> warnings;
};

class workspace_store {
public:
    virtual ~workspace_store() = default;
    workspace_store() = default;
    workspace_store(workspace_store const&) = delete;
    workspace_store& operator=(workspace_store const&) = delete;

    /// Tries it out when it is not known to work.
    virtual workspace_report report() = 0;

    /// An empty workspace. Fails when the session has one; on failure nothing is left.
    /// `no_capacity`: the host's disk is full or no loop device is free.
    virtual result<workspace> create(session_id const& session, uid_t owner,
                                     std::uint64_t disk_bytes) = 0;

    /// Takes up an existing one, mounted or not. `file_not_found`: there is none.
    virtual result<workspace> open(session_id const& session, uid_t owner) = 0;

    /// Puts it away until the next `open`; its sandboxes have ended before. Idempotent.
    virtual result<void> unmount(session_id const& session) = 0;

    /// Everything of it is gone afterwards, whatever tree was built inside. Idempotent.
    virtual result<void> remove(session_id const& session) = 0;

    /// Bytes in use on the host's account.
    virtual result<std::uint64_t> used_bytes(workspace const& of) = 0;

    /// All in this directory, half-made ones included.
    virtual result<std::vector<found_workspace>> list() = 0;

    /// Prepares what `create` copies from: once, after start. Failing is harmless: `create` then
    /// does the work itself.
    virtual result<void> refill() = 0;
};

struct workspace_settings {
    std::string directory;                            // absolute, root only, of this broker alone
    std::uint64_t stock_bytes = 1ULL << 30;           // the size that is always kept ready
    std::size_t stock_count = 4;                      // how many sizes are kept, this one included
    std::uint64_t host_reserve_bytes = 256ULL << 20;  // below this much free disk `create` refuses
};

/// Each an ext4 file system of its own in a sparse file on a loop device (`workspace_quota =
/// "ext4"`). Sparse: the sum of all limits may be more than the disk; a full host disk gives I/O
/// errors inside the sessions that write, and `no_capacity` to new ones.
result<std::unique_ptr<workspace_store>> make_loop_workspaces(workspace_settings settings);

/// Plain directories without any size limit (`workspace_quota = "none"`, which must be chosen).
result<std::unique_ptr<workspace_store>> make_directory_workspaces(workspace_settings settings);

}  // namespace broker
