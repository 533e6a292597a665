// SPDX-License-Identifier: Apache-2.0
// Reads /proc and /sys, and asks system calls whether they exist by harmless calls.
// Never writes, loads a module, or waits. Any thread.
#include "broker/daemon/host_facts.hpp"

#include "broker/base/unique_fd.hpp"
#include "broker/core/settings.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace broker {
namespace {

fact text_of(char const* path) {
    std::ifstream in{path};
    if (!in) {
        return std::nullopt;
    }
    std::string text{std::istreambuf_iterator<char>{in}, {}};
    while (text.ends_with('\n')) {
        text.pop_back();
    }
    return text;
}

bool has_openat2() {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    unique_fd const fd{static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how)))};
    return static_cast<bool>(fd);
}

bool has_pidfd_open() {
    unique_fd const fd{static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))};
    return static_cast<bool>(fd);
}

bool has_vsock() {
    unique_fd const fd{::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    return static_cast<bool>(fd);
}

bool has_loop_control() {
    unique_fd const fd{::open("/dev/loop-control", O_RDWR | O_CLOEXEC)};
    return static_cast<bool>(fd);
}

std::vector<std::string> find_programs() {
    std::vector<std::string> found;
    for (char const* name : {"mkfs.ext4", "mmdebstrap", "python3", "unshare"}) {
        for (std::string const folder : {"/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"}) {
            if (::access((folder + name).c_str(), X_OK) == 0) {
                found.emplace_back(name);
                break;
            }
        }
    }
    return found;
}

/// The state directory, or the nearest directory above it that exists.
std::string existing_above(std::string const& wanted) {
    std::filesystem::path path{wanted};
    std::error_code error;
    while (!std::filesystem::is_directory(path, error) && path.has_relative_path()) {
        path = path.parent_path();
    }
    return path.string();
}

/// Some kernels do not mount securityfs; AppArmor and SELinux are seen by other files too.
fact find_lsm() {
    if (auto list = text_of("/sys/kernel/security/lsm")) {
        return list;
    }
    std::string names;
    if (text_of("/sys/module/apparmor/parameters/enabled").value_or("") == "Y") {
        names = "apparmor";
    }
    if (::access("/sys/fs/selinux/enforce", F_OK) == 0) {
        names += names.empty() ? "selinux" : ",selinux";
    }
    return names;
}

void read_texts(host_facts& out) {
    out.filesystems = text_of("/proc/filesystems");
    out.meminfo = text_of("/proc/meminfo");
    out.swaps = text_of("/proc/swaps");
    out.core_pattern = text_of("/proc/sys/kernel/core_pattern");
    out.io_uring_disabled = text_of("/proc/sys/kernel/io_uring_disabled");
    out.unprivileged_bpf_disabled = text_of("/proc/sys/kernel/unprivileged_bpf_disabled");
    out.protected_symlinks = text_of("/proc/sys/fs/protected_symlinks");
    out.protected_hardlinks = text_of("/proc/sys/fs/protected_hardlinks");
    out.max_user_namespaces = text_of("/proc/sys/user/max_user_namespaces");
    out.smt = text_of("/sys/devices/system/cpu/smt/active");
    out.lsm = find_lsm();
}

}  // namespace

host_facts read_host(settings const& of) {
    host_facts out;
    out.root = ::geteuid() == 0;
    utsname name{};
    ::uname(&name);
    out.kernel = static_cast<char const*>(name.release);
    out.openat2 = has_openat2();
    out.pidfd_open = has_pidfd_open();
    out.vsock = has_vsock();
    out.loop_control = has_loop_control();
    read_texts(out);
    out.programs = find_programs();
    out.processors = static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN));
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    out.open_files = files.rlim_max;
    out.disk_path = existing_above(of.state_dir);
    struct statvfs disk {};
    if (::statvfs(out.disk_path.c_str(), &disk) == 0) {
        out.disk_free_bytes = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    }
    return out;
}

}  // namespace broker
