// SPDX-License-Identifier: Apache-2.0
// Looks images up by name and by digest. Never believes a name or a digest before its form is
// checked: both become parts of a path. Any thread.
#include "broker/runtime/image_store.hpp"

#include "broker/runtime/image_manifest.hpp"
#include "broker/runtime/image_record.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

namespace broker {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read_file(fs::path const& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return std::nullopt;
    }
    std::string text{std::istreambuf_iterator<char>(file), {}};
    return file.bad() ? std::nullopt : std::optional(std::move(text));
}

/// What builds it: an image has the name of its definition unless it was given another.
std::string how_to_build(std::string_view name) {
    auto const text = std::string(name);
    return "as root: kernel-broker image build images/" + text +
           ", or, of another definition: kernel-broker image build DIR --name " + text;
}

failure not_built(std::string_view name) {
    return fail(errc::image_unavailable, "there is no kernel image \"" + std::string(name) +
                                             "\" on this host; build it, " + how_to_build(name));
}

}  // namespace

std::vector<std::string> const* image::kernel_of(std::string_view of_language) const {
    if (of_language == language) {
        return &kernel_argv;
    }
    auto const found = kernels.find(std::string(of_language));
    return found == kernels.end() ? nullptr : &found->second;
}

std::string image::languages() const {
    auto all = language;
    for (auto const& [further, argv] : kernels) {
        all += ", " + further;
    }
    return all;
}

result<image> image_store::find(std::string_view name) const {
    if (!is_image_name(name)) {
        return fail(errc::image_unavailable, "no kernel image can have that name");
    }
    auto digest = read_file(dir_ / "names" / name);
    if (!digest) {
        return not_built(name);
    }
    digest->erase(digest->find_last_not_of('\n') + 1);
    auto found = open(*digest);
    if (found && found->name != name) {
        return not_built(name);
    }
    return found;
}

result<image> image_store::open(std::string_view digest) const {
    auto const gone = [] {
        return fail(errc::image_unavailable,
                    "a kernel image that was built on this host is gone or broken; build it again, "
                    "as root: "
                    "kernel-broker image build images/python");
    };
    if (!is_image_digest(digest)) {
        return gone();
    }
    auto const text = read_file(dir_ / digest / "image.json");
    if (!text) {
        return gone();
    }
    auto found = image_from_json(*text);
    if (!found) {
        return found;
    }
    found->rootfs = dir_ / digest / "rootfs";
    std::error_code error;
    if (found->digest != digest || !fs::is_directory(found->rootfs, error)) {
        return gone();
    }
    return found;
}

std::vector<image> image_store::list() const {
    std::vector<image> all;
    std::error_code error;
    for (auto at = fs::directory_iterator(dir_ / "names", error);
         !error && at != fs::directory_iterator(); at.increment(error)) {
        if (auto found = find(at->path().filename().native())) {
            all.push_back(std::move(*found));
        }
    }
    std::sort(all.begin(), all.end(),
              [](image const& a, image const& b) { return a.name < b.name; });
    return all;
}

result<void> image_store::verify(image const& which) const {
    auto const digest = digest_of_root(which.rootfs);
    if (!digest) {
        return digest.error();
    }
    if (*digest != which.digest) {
        return fail(errc::image_unavailable,
                    "the kernel image \"" + which.name +
                        "\" was changed after it was built; build it again, " +
                        how_to_build(which.name));
    }
    return {};
}

}  // namespace broker
