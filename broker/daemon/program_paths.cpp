// SPDX-License-Identifier: Apache-2.0
// Paths that follow from where this program is. Never remembers: a moved program is found again.
#include "broker/daemon/program_paths.hpp"

#include <unistd.h>

#include <filesystem>
#include <system_error>

namespace broker {

namespace {

/// `in_build_tree`: its folder there, from the folder of this program.
std::string find_own(std::string const& name, std::filesystem::path const& in_build_tree) {
    namespace fs = std::filesystem;
    std::error_code error;
    auto const here = fs::read_symlink("/proc/self/exe", error).parent_path();
    auto const beside = here / name;
    for (auto const& place :
         {beside, here / "../libexec/kernel-broker" / name, here / in_build_tree / name}) {
        if (::access(place.c_str(), X_OK) == 0) {
            return place.lexically_normal().string();
        }
    }
    return beside.string();
}

}  // namespace

std::string monitor_program() { return find_own("kernel-broker-monitor", "../monitor"); }

std::string image_program(std::string const& name) {
    return find_own(name, "../../images/" + name);
}

std::string images_directory(settings const& of) {
    return of.image_dir.empty() ? of.state_dir + "/images" : of.image_dir;
}

}  // namespace broker
