// SPDX-License-Identifier: Apache-2.0
// The commands of a build, and what is kept of the host's apt settings. One thread.
#include "broker/runtime/image_commands.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>

using namespace broker;

namespace {

image_definition python() {
    image_definition one;
    one.folder = "/src/images/python";
    one.requirements = "/src/images/python/requirements.txt";
    one.name = "python";
    one.debian_suite = "bookworm";
    one.debian_packages = {"python3", "tini"};
    one.python = "3.11";
    one.glibc_minor = 17;
    return one;
}

bool has(command_line const& line, std::string const& word) {
    return std::find(line.begin(), line.end(), word) != line.end();
}

bool has(command_line const& line, std::string const& option, std::string const& value) {
    for (auto at = line.begin(); at != line.end() && at + 1 != line.end(); ++at) {
        if (*at == option && *(at + 1) == value) {
            return true;
        }
    }
    return false;
}

}  // namespace

TEST_CASE(
    "the root's sources are the host's own for the suite, its updates and its security archive") {
    auto const sources = debian_sources(
        "deb|http://mirror.test/debian/|bookworm|main\n"
        "deb|http://mirror.test/debian/|bookworm|main\n"
        "deb|http://mirror.test/debian/|bookworm|contrib\n"
        "deb|http://mirror.test/debian/|bookworm-updates|main\n"
        "deb|http://mirror.test/debian/|bookworm-backports|main\n"
        "deb|http://mirror.test/security/|bookworm-security|main\n"
        "deb-src|http://mirror.test/debian/|bookworm|main\n"
        "deb|https://vendor.test/node/|nodistro|main\n"
        "half a line|\n"
        "deb|http://mirror.test/debian/|trixie|main\n",
        "bookworm");
    CHECK(sources ==
          "deb http://mirror.test/debian/ bookworm main\n"
          "deb http://mirror.test/debian/ bookworm-updates main\n"
          "deb http://mirror.test/security/ bookworm-security main\n");
    CHECK(debian_sources("deb|http://mirror.test/debian/|trixie|main\n", "bookworm").empty());
    CHECK(debian_sources("", "bookworm").empty());
}

TEST_CASE("of apt's settings those about fetching are kept") {
    auto const options = apt_options(
        "Acquire \"\";\n"
        "Acquire::http \"\";\n"
        "Acquire::http::Proxy \"http://proxy.test:3128\";\n"
        "Acquire::IndexTargets::deb::Packages::MetaKey \"x\";\n"
        "Acquire::Languages:: \"none\";\n"
        "Acquire::Check-Valid-Until \"false\";\n"
        "DPkg::Post-Invoke:: \"rm -rf /\";\n");
    CHECK(
        options.starts_with("Acquire::http::Proxy \"http://proxy.test:3128\";\n"
                            "Acquire::Check-Valid-Until \"false\";\n"
                            "Dir::Etc::netrc "));
    CHECK(options.find("IndexTargets") == std::string::npos);
    CHECK(options.find("DPkg") == std::string::npos);
}

TEST_CASE("wheels are for the image's Python and C library, never source, and pip comes along") {
    auto const line = download_command(python(), "/usr/bin/python3", "x86_64", "/state/wheels");
    CHECK(std::vector(line.begin(), line.begin() + 4) ==
          std::vector<std::string>{"/usr/bin/python3", "-m", "pip", "download"});
    CHECK(has(line, "--only-binary", ":all:"));
    CHECK(has(line, "--python-version", "3.11"));
    CHECK(has(line, "--abi", "cp311"));
    CHECK(has(line, "--platform", "manylinux_2_17_x86_64"));
    CHECK(has(line, "--platform", "manylinux2014_x86_64"));
    CHECK(has(line, "--platform", "manylinux1_x86_64"));
    CHECK_FALSE(has(line, "manylinux_2_18_x86_64"));
    auto const listed = "/src/images/python/requirements.txt";
    CHECK(has(line, "--requirement", listed));
    auto other = python();
    other.requirements = "/elsewhere/list.txt";
    auto const for_other = download_command(other, "/usr/bin/python3", "x86_64", "/state/wheels");
    CHECK(has(for_other, "--requirement", "/elsewhere/list.txt"));
    CHECK_FALSE(has(for_other, listed));
    CHECK(has(for_other, "--constraint", "/src/images/python/constraints.txt"));
    CHECK(has(line, "--constraint", "/src/images/python/constraints.txt"));
    CHECK(has(line, "--dest", "/state/wheels"));
    CHECK(line.back() == "pip");
}

TEST_CASE("whatever a build starts dies with it, and setup runs without network") {
    auto const bootstrap =
        bootstrap_command(python(), "/m/sources.list", "/m/apt.conf", "/m/rootfs");
    auto const setup = setup_command("/m/rootfs", "/w");
    for (auto const& line : {bootstrap, setup}) {
        CHECK(line.front() == "unshare");
        CHECK(has(line, "--pid"));
        CHECK(has(line, "--kill-child"));
        CHECK(has(line, "--mount"));
        CHECK(has(line, "--propagation", "slave"));
    }
    CHECK(has(setup, "--net"));
    CHECK_FALSE(has(bootstrap, "--net"));
    CHECK(has(bootstrap, "--include=python3"));
    CHECK(has(bootstrap, "--include=tini"));
    CHECK(std::vector(bootstrap.end() - 3, bootstrap.end()) ==
          std::vector<std::string>{"bookworm", "/m/rootfs", "/m/sources.list"});
    CHECK(std::vector(setup.end() - 2, setup.end()) == std::vector<std::string>{"/m/rootfs", "/w"});
}
