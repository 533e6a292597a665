// SPDX-License-Identifier: Apache-2.0
// loop(4) by ioctl: get a free number, configure it in one call, with autoclear from the start.
// Never detaches a device of others. Any thread, any process: a lost race for a number is tried
// again with the next.
#include "broker/runtime/loop_device.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace broker {
namespace {

/// As the ext4 block: whole pages go through, and mounting needs no change of block size.
constexpr std::uint32_t block_bytes = 4096;
constexpr int tries_for_a_number = 64;

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

/// How the loop driver writes a device number (the kernel's "huge" encoding).
std::uint64_t encoded(dev_t device) {
    std::uint64_t const low = minor(device);
    std::uint64_t const high = major(device);
    return (low & 0xffU) | (high << 8U) | ((low & ~std::uint64_t{0xff}) << 12U);
}

bool shows(int device, struct stat const& image) {
    loop_info64 info{};
    return ioctl(device, LOOP_GET_STATUS64, &info) == 0 && info.lo_inode == image.st_ino &&
           info.lo_device == encoded(image.st_dev);
}

struct close_stream {
    void operator()(DIR* stream) const { closedir(stream); }
};

std::optional<loop_device> find_attached(struct stat const& image) {
    std::unique_ptr<DIR, close_stream> const blocks{opendir("/sys/block")};
    while (dirent const* entry =
               blocks ? readdir(blocks.get()) : nullptr) {  // NOLINT(concurrency-mt-unsafe)
        std::string const name{entry->d_name};
        if (!name.starts_with("loop") ||
            access(("/sys/block/" + name + "/loop").c_str(), F_OK) != 0) {
            continue;
        }
        auto path = "/dev/" + name;
        unique_fd device{open(path.c_str(), O_RDWR | O_CLOEXEC)};
        if (device && shows(device.get(), image)) {
            return loop_device{std::move(path), std::move(device), true};
        }
    }
    return std::nullopt;
}

}  // namespace

boost::system::result<loop_device> attach_loop(int image) {
    struct stat status {};
    if (fstat(image, &status) != 0) {
        return last_error();
    }
    if (auto found = find_attached(status)) {
        return std::move(*found);
    }
    unique_fd const control{open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
    if (!control) {
        return last_error();
    }
    for (int tries = 0; tries < tries_for_a_number; ++tries) {
        int const number = ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) {
            return last_error();
        }
        auto path = "/dev/loop" + std::to_string(number);
        unique_fd device{open(path.c_str(), O_RDWR | O_CLOEXEC)};
        if (!device) {
            return last_error();
        }
        loop_config config{};
        config.fd = static_cast<std::uint32_t>(image);
        config.block_size = block_bytes;
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        if (ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) {
            return loop_device{std::move(path), std::move(device), false};
        }
        if (errno != EBUSY) {
            return last_error();
        }
    }
    errno = EBUSY;
    return last_error();
}

}  // namespace broker
