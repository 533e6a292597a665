// SPDX-License-Identifier: Apache-2.0
// Command lines as values. Never goes through a shell with a word of the definition in it.
// Pure; any thread.
#include "broker/runtime/image_commands.hpp"

#include <fmt/format.h>

#include <set>

namespace broker {
namespace {

/// Mounts made in it end with it; `slave`: what the host unmounts is not kept busy here. A PID
/// namespace, so that killing it kills all of it.
command_line const own_namespaces = {"unshare", "--mount", "--propagation", "slave",
                                     "--pid",   "--fork",  "--kill-child"};

/// $1: root, $2: wheels. Devices are the host's by bind mount, which works where mknod does not.
constexpr char const* setup_script = R"(set -eu
root=$1
mkdir -p "$root/.build/wheels"
mount --bind "$2" "$root/.build/wheels"
mount -o remount,bind,ro "$root/.build/wheels"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
for device in null zero full random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir -m 1777 "$root/dev/shm"
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8 \
    /bin/sh /.build/setup /.build/wheels
)";

template <class OnLine>
void each_line(std::string_view text, OnLine on_line) {
    while (!text.empty()) {
        auto const end = text.find('\n');
        on_line(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
}

std::vector<std::string_view> fields_of(std::string_view line, char separator) {
    std::vector<std::string_view> fields;
    for (;;) {
        auto const end = line.find(separator);
        fields.push_back(line.substr(0, end));
        if (end == std::string_view::npos) {
            return fields;
        }
        line = line.substr(end + 1);
    }
}

}  // namespace

command_line apt_sources_command() {
    // --no-release-info: also what apt has not fetched yet.
    return {"apt-get",
            "--no-release-info",
            "indextargets",
            "--format",
            "$(TARGET_OF)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
            "Created-By: Packages"};
}

std::string debian_sources(std::string_view answer, std::string_view suite) {
    std::set<std::string> lines;
    each_line(answer, [&](std::string_view line) {
        auto const fields = fields_of(line, '|');
        if (fields.size() != 4 || fields[0] != "deb" || fields[3] != "main") {
            return;
        }
        auto const release = fields[2];
        if (release != suite && release != fmt::format("{}-updates", suite) &&
            release != fmt::format("{}-security", suite)) {
            return;
        }
        lines.insert(fmt::format("deb {} {} main\n", fields[1], release));
    });
    std::string all;
    for (auto const& line : lines) {
        all += line;
    }
    return all;
}

command_line apt_options_command() {
    return {"apt-config", "dump", "--format", "%F \"%v\";%n", "Acquire"};
}

std::string apt_options(std::string_view answer) {
    // What is not about how to fetch: file lists, change logs, compression of the host's own lists.
    static constexpr std::string_view others[] = {"IndexTargets",     "Changelogs",  "Languages",
                                                  "CompressionTypes", "GzipIndexes", "cdrom"};
    std::string all;
    each_line(answer, [&](std::string_view line) {
        bool keep = line.starts_with("Acquire::") && !line.ends_with(" \"\";");
        for (auto const other : others) {
            keep = keep && !line.substr(9).starts_with(other);
        }
        if (keep) {
            all.append(line).append("\n");
        }
    });
    // Passwords of private mirrors, in apt's own files.
    all +=
        "Dir::Etc::netrc \"/etc/apt/auth.conf\";\nDir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n";
    return all;
}

command_line download_command(image_definition const& definition, std::string const& host_python,
                              std::string_view machine, std::filesystem::path const& to) {
    std::string digits = definition.python;
    std::erase(digits, '.');
    command_line line = {host_python,
                         "-m",
                         "pip",
                         "download",
                         "--quiet",
                         "--disable-pip-version-check",
                         "--only-binary",
                         ":all:",
                         "--implementation",
                         "cp",
                         "--python-version",
                         definition.python,
                         "--abi",
                         "cp" + digits,
                         "--abi",
                         "abi3",
                         "--abi",
                         "none"};
    auto const platform = [&](std::string_view name) {
        line.push_back("--platform");
        line.push_back(fmt::format("{}_{}", name, machine));
    };
    for (int minor = definition.glibc_minor; minor >= 5; --minor) {
        platform(fmt::format("manylinux_2_{}", minor));  // PEP 600
        if (minor == 17) {
            platform("manylinux2014");
        } else if (minor == 12) {
            platform("manylinux2010");
        } else if (minor == 5) {
            platform("manylinux1");
        }
    }
    for (auto const& rest :
         {std::string("--dest"), to.native(), std::string("--requirement"),
          definition.requirements.native(), std::string("--constraint"),
          (definition.folder / "constraints.txt").native(), std::string("pip")}) {
        line.push_back(rest);
    }
    return line;
}

command_line bootstrap_command(image_definition const& definition,
                               std::filesystem::path const& sources,
                               std::filesystem::path const& options,
                               std::filesystem::path const& to) {
    command_line line = own_namespaces;
    line.insert(line.end(), {"--mount-proc", "mmdebstrap", "--mode=root", "--variant=essential",
                             "--format=directory", "--aptopt=" + options.native()});
    for (auto const* path :
         {"/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/doc/*"}) {
        line.push_back(fmt::format("--dpkgopt=path-exclude={}", path));
    }
    line.emplace_back("--dpkgopt=path-include=/usr/share/doc/*/copyright");
    // The folders alone: openjdk's installation fails where it cannot link its manual pages.
    line.emplace_back("--dpkgopt=path-include=/usr/share/man/man[1-9]");
    for (auto const& package : definition.debian_packages) {
        line.push_back("--include=" + package);
    }
    line.insert(line.end(), {definition.debian_suite, to.native(), sources.native()});
    return line;
}

command_line setup_command(std::filesystem::path const& root, std::filesystem::path const& wheels) {
    command_line line = own_namespaces;
    line.insert(line.end(), {"--net", "--ipc", "--uts", "/bin/sh", "-c", setup_script, "setup",
                             root.native(), wheels.native()});
    return line;
}

}  // namespace broker
