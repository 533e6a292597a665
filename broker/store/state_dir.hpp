// SPDX-License-Identifier: Apache-2.0
// The directory in which a broker keeps everything that outlives it, locked for one broker.
// Never uses a directory that another user could write to, and never removes anything in it.
// One owner; the lock lives as long as the object and ends with the process.
#pragma once

#include "broker/base/result.hpp"
#include "broker/base/time.hpp"
#include "broker/base/unique_fd.hpp"

#include <string>

namespace broker {

class state_dir {
public:
    /// Makes what is missing of the layout (all 0700), checks the owner, takes the lock. Fails with
    /// a sentence that names the holder when another broker has it.
    static result<state_dir> open(std::string path, wall_time now);

    std::string const& path() const noexcept { return path_; }
    /// Random id of this installation; part of the names of its cgroups.
    std::string const& instance() const noexcept { return instance_; }

    std::string database() const { return path_ + "/broker.db"; }
    std::string images() const { return path_ + "/images"; }
    std::string sandboxes() const { return path_ + "/sandboxes"; }
    std::string workspaces() const { return path_ + "/workspaces"; }
    std::string results() const { return path_ + "/results"; }
    std::string versions() const { return path_ + "/versions"; }

private:
    state_dir(std::string path, std::string instance, unique_fd lock);

    std::string path_;
    std::string instance_;
    unique_fd lock_;
};

}  // namespace broker
