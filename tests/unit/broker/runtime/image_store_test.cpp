// SPDX-License-Identifier: Apache-2.0
// The image store on a directory of its own: what is found, and what is never taken for an image.
// One thread.
#include "broker/runtime/image_store.hpp"

#include "broker/base/ids.hpp"
#include "broker/runtime/image_manifest.hpp"
#include "broker/runtime/image_record.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>

using namespace broker;
namespace fs = std::filesystem;

namespace {

struct folder {
    fs::path path = fs::temp_directory_path() / ("kb-images-" + make_random_id());
    folder() { fs::create_directories(path / "names"); }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder() { fs::remove_all(path); }
};

void write(fs::path const& path, std::string const& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
}

/// Puts a small image where the builder would.
image add(folder const& at, std::string const& name) {
    auto const making = at.path / "making" / "rootfs";
    write(making / "etc/name", name);
    image made;
    made.name = name;
    made.language = "python";
    made.digest = *digest_of_root(making);
    made.kernel_argv = {"/usr/bin/tini", "--", "python3"};
    made.kernel_env = {"HOME=/tmp"};
    made.kernels = {{"bash", {"/usr/bin/tini", "--", "bash-kernel"}}};
    made.libraries = {{"numpy", "2.4.6"}};
    made.created_at = "2026-01-02T03:04:05.678Z";
    made.base = "a test";
    made.inputs = std::string(64, 'a');
    made.rootfs = at.path / made.digest / "rootfs";
    write(at.path / "making" / "image.json", to_json(made));
    fs::rename(at.path / "making", at.path / made.digest);
    write(at.path / "names" / name, made.digest + "\n");
    return made;
}

}  // namespace

TEST_CASE("an image is found by its name and by its digest") {
    folder const at;
    auto const made = add(at, "python");
    image_store const store(at.path);
    for (auto const& found : {store.find("python"), store.open(made.digest)}) {
        REQUIRE(found.has_value());
        CHECK(found->digest == made.digest);
        CHECK(found->kernel_argv == made.kernel_argv);
        CHECK(found->kernel_env == made.kernel_env);
        CHECK(found->kernels == made.kernels);
        CHECK(found->libraries == made.libraries);
        CHECK(found->rootfs == made.rootfs);
        CHECK(store.verify(*found).has_value());
    }
}

TEST_CASE("an image names its languages and has a kernel of each") {
    folder const at;
    auto const found = image_store(at.path).find(add(at, "python").name);
    REQUIRE(found.has_value());
    CHECK(found->languages() == "python, bash");
    CHECK(*found->kernel_of("python") == found->kernel_argv);
    CHECK(found->kernel_of("bash")->back() == "bash-kernel");
    CHECK(found->kernel_of("cobol") == nullptr);
    CHECK(found->kernel_of("") == nullptr);
}

TEST_CASE("an image that was built when there was one language is one still") {
    folder const at;
    auto made = add(at, "python");
    made.kernels.clear();
    auto const text = to_json(made);
    CHECK(text.find("kernels") == std::string::npos);
    write(at.path / made.digest / "image.json", text);
    auto const found = image_store(at.path).find("python");
    REQUIRE(found.has_value());
    CHECK(found->languages() == "python");
}

TEST_CASE("a missing image is told with the command that builds it") {
    folder const at;
    auto const missing = image_store(at.path).find("python");
    REQUIRE(!missing);
    CHECK(missing.error().code == errc::image_unavailable);
    CHECK(missing.error().detail.find("kernel-broker image build images/python") !=
          std::string::npos);
    CHECK(image_store(at.path / "nothing here").list().empty());
}

TEST_CASE("names and digests that are paths are refused") {
    folder const at;
    add(at, "python");
    image_store const store(at.path);
    for (auto const* name : {"", "..", ".", "../names/python", "a/b", "Python", "py thon"}) {
        CHECK(!store.find(name));
    }
    for (auto const* digest : {"", "..", "names", "../x"}) {
        CHECK(!store.open(digest));
    }
}

TEST_CASE("the list holds what is whole, sorted by name") {
    folder const at;
    add(at, "ruby");
    add(at, "python");
    write(at.path / "names" / "broken", std::string(64, 'b') + "\n");
    write(at.path / "names" / "alias", image_store(at.path).find("ruby")->digest + "\n");
    auto const all = image_store(at.path).list();
    REQUIRE(all.size() == 2);
    CHECK(all[0].name == "python");
    CHECK(all[1].name == "ruby");
}

TEST_CASE("a root that was changed after the build does not verify") {
    folder const at;
    auto const made = add(at, "python");
    image_store const store(at.path);
    write(made.rootfs / "etc/name", "pythom");
    auto const verified = store.verify(*store.find("python"));
    REQUIRE(!verified);
    CHECK(verified.error().code == errc::image_unavailable);
}

TEST_CASE("a description that is damaged is no image") {
    folder const at;
    auto const made = add(at, "python");
    auto const file = at.path / made.digest / "image.json";
    auto other = made;
    other.digest = std::string(64, 'c');
    auto no_argv = made;
    no_argv.kernel_argv.clear();
    auto no_command = made;
    no_command.kernels["bash"].clear();
    for (auto const& text :
         {std::string(), std::string("[1]"), std::string("{\"name\": 1}"),
          to_json(made).substr(0, 100), to_json(other), to_json(no_argv), to_json(no_command)}) {
        write(file, text);
        CHECK(!image_store(at.path).find("python"));
    }
}
