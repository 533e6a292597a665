// SPDX-License-Identifier: Apache-2.0
// Reads /proc/meminfo and the boot id. Never fails: what cannot be read has a stated value.
#include "broker/base/host.hpp"

#include <fstream>
#include <limits>
#include <string>

namespace broker {

std::uint64_t available_memory_bytes() {
    std::ifstream file("/proc/meminfo");
    for (std::string name; file >> name;) {
        std::uint64_t kibibytes = 0;
        if (name == "MemAvailable:" && file >> kibibytes) {
            return kibibytes * 1024;
        }
        file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return std::numeric_limits<std::uint64_t>::max();
}

std::string boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace broker
