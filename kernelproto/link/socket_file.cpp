// SPDX-License-Identifier: Apache-2.0
// openat2(2) with every restriction it has, fstat(2), and connect(2) through /proc/self/fd.
// Never opens the object itself: O_PATH cannot block on a FIFO or wake a device. Stateless.
#include "kernelproto/link/socket_file.hpp"

#include "kernelproto/link/link_errc.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace kernelproto {
namespace {

link_errc from_errno(int error) {
    switch (error) {
        case ENOENT:
            return link_errc::missing;
        case ELOOP:
        case EXDEV:
        case ENOTDIR:
            return link_errc::escapes;
        default:
            return link_errc::no_resources;
    }
}

}  // namespace

result<owned_fd> open_socket_file(int directory, std::string const& name, uid_t owner) {
    open_how how{};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    owned_fd file{
        static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how))};
    if (!file) {
        return from_errno(errno);
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) {
        return link_errc::no_resources;
    }
    if (!S_ISSOCK(info.st_mode)) {
        return link_errc::not_a_socket;
    }
    if (info.st_uid != owner) {
        return link_errc::foreign_owner;
    }
    return file;
}

owned_fd socket_for_kernel() {
#ifdef SO_PASSRIGHTS
    constexpr int pass_rights = SO_PASSRIGHTS;
#else
    constexpr int pass_rights = 83;  // headers are older than the systems that we run on
#endif
    owned_fd made{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (made) {
        int const no = 0;
        (void)::setsockopt(made.get(), SOL_SOCKET, pass_rights, &no, sizeof no);
    }
    return made;
}

result<void> probe_socket_file(owned_fd const& file) {
    owned_fd const probe = socket_for_kernel();
    if (!probe) {
        return link_errc::no_resources;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string const path = path_of(file);
    std::memcpy(address.sun_path, path.data(), path.size());  // a few bytes of 108, zeroed above
    if (::connect(probe.get(), reinterpret_cast<sockaddr const*>(&address), sizeof address) != 0) {
        return link_errc::not_listening;
    }
    return {};
}

std::string path_of(owned_fd const& file) { return "/proc/self/fd/" + std::to_string(file.get()); }

}  // namespace kernelproto
