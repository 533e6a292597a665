// SPDX-License-Identifier: Apache-2.0
// Paths that follow from where this program is. Never remembers: a moved program is found again.
#include "broker/daemon/program_paths.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace broker {

std::string monitor_program() {
    namespace fs = std::filesystem;
    std::error_code error;
    auto const here = fs::read_symlink("/proc/self/exe", error).parent_path();
    auto const beside = here / "kernel-broker-monitor";
    for (auto const& place : {beside, here / "../libexec/kernel-broker/kernel-broker-monitor",
                              here / "../monitor/kernel-broker-monitor"}) {
        if (::access(place.c_str(), X_OK) == 0) {
            return place.lexically_normal().string();
        }
    }
    return beside.string();
}

std::string images_directory(settings const& of) {
    return of.image_dir.empty() ? of.state_dir + "/images" : of.image_dir;
}

}  // namespace broker
