// SPDX-License-Identifier: Apache-2.0
// A file as a block device of the host. Never left behind: a device frees itself when its last user
// (a mount, a descriptor) is gone, even if this process dies. Blocks; any thread.
#pragma once

#include "broker/base/unique_fd.hpp"

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <string>

namespace broker {

struct loop_device {
    std::string path;
    unique_fd hold;          // keeps it until it is mounted
    bool was_there = false;  // the file was attached already, and may be mounted
};

/// The device that already shows this file, if any, else a new one. Two devices for one file would
/// be two file systems that do not know of each other, so a file is never attached twice.
boost::system::result<loop_device> attach_loop(int image);

}  // namespace broker
