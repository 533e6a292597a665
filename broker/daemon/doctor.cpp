// SPDX-License-Identifier: Apache-2.0
// Every trial happens in a directory of its own beside the state, which is removed.
// Never in the state directory's own folders, which may belong to a running broker. Blocks.
#include "broker/daemon/doctor.hpp"

#include "broker/base/ids.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/daemon/host_judgement.hpp"
#include "broker/daemon/listen_address.hpp"
#include "broker/daemon/program_paths.hpp"
#include "broker/runtime/image_store.hpp"
#include "broker/runtime/oci_probe.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace broker {
namespace {

std::string why(int error) { return std::system_category().message(error); }

/// A directory that is gone when this ends, with what was mounted in it.
class trial_directory {
public:
    explicit trial_directory(std::string const& below)
        : path_(below + "/.kernel-broker-doctor.XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            problem_ = fmt::format("nothing can be written in {}: {}", below, why(errno));
            path_.clear();
        }
    }
    trial_directory(trial_directory const&) = delete;
    trial_directory& operator=(trial_directory const&) = delete;
    ~trial_directory() {
        if (!path_.empty()) {
            ::umount2((path_ + "/workspaces/mounts").c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
            std::error_code ignored;
            std::filesystem::remove_all(path_, ignored);
        }
    }

    std::string const& path() const noexcept { return path_; }
    std::string const& problem() const noexcept { return problem_; }

private:
    std::string path_;
    std::string problem_;
};

runtime_report try_runtime(settings const& of, std::string const& directory) {
    oci_options options;
    options.state_dir = directory;
    options.instance = make_random_id();
    options.runtime = of.sandbox.runtime;
    options.monitor_path = monitor_program();
    auto report = examine_host(options).report;
    clear_probes(options);
    return report;
}

workspace_report try_workspace(settings const& of, std::string const& directory) {
    workspace_settings where;
    where.directory = directory + "/workspaces";
    where.stock_count = 0;
    bool const loop = of.sandbox.workspace_quota != "none";
    auto made = loop ? make_loop_workspaces(where) : make_directory_workspaces(where);
    if (!made) {
        return {of.sandbox.workspace_quota, false, {made.error().detail}, {}};
    }
    return (*made)->report();
}

void look_at_image(settings const& of, host_facts& facts) {
    auto const found = image_store{images_directory(of)}.find(of.sandbox.image);
    if (found) {
        facts.image_about = fmt::format("{}: {}, {} libraries, built {}", found->name, found->base,
                                        found->libraries.size(), found->created_at);
    } else {
        facts.image_problem = found.error().detail;
    }
}

/// Empty when the address can be bound.
std::string try_tcp(listen_address const& where) {
    sockaddr_storage address{};
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    socklen_t size = sizeof(v4);
    if (::inet_pton(AF_INET, where.host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(where.port);
    } else {
        ::inet_pton(AF_INET6, where.host.c_str(), &v6.sin6_addr);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(where.port);
        size = sizeof(v6);
    }
    unique_fd const fd{::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    int const yes = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr const*>(&address), size) != 0) {
        return errno == EADDRINUSE ? "something listens there already" : why(errno);
    }
    return {};
}

/// Empty when nobody answers at the path.
std::string try_unix(listen_address const& where) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(&address.sun_path[0], where.unix_path.data(), where.unix_path.size());
    unique_fd const fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (::connect(fd.get(), reinterpret_cast<sockaddr const*>(&address), sizeof(address)) == 0 ||
        errno == EAGAIN) {
        return "something listens there already";
    }
    return {};
}

}  // namespace

findings examine(settings const& of) {
    auto facts = read_host(of);
    trial_directory const trial{facts.disk_path};
    if (trial.path().empty()) {
        facts.runtime.problems = {trial.problem()};
        facts.workspace.problems = {trial.problem()};
    } else {
        facts.runtime = try_runtime(of, trial.path());
        facts.workspace = try_workspace(of, trial.path());
    }
    look_at_image(of, facts);
    if (auto const where = parse_listen_address(of.server.listen)) {
        facts.listen_problem = where->unix_path.empty() ? try_tcp(*where) : try_unix(*where);
    }
    return judge_host(facts, of);
}

}  // namespace broker
