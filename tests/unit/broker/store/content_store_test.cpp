// SPDX-License-Identifier: Apache-2.0
#include "broker/store/content_store.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

using namespace broker;
using ::test::temporary_directory;

namespace {

struct stored_contents {
    content_store open() {
        auto opened = content_store::open(path);
        REQUIRE(opened);
        return std::move(*opened);
    }
    std::size_t files() const {
        std::size_t count = 0;
        for (auto const& one : std::filesystem::recursive_directory_iterator(path)) {
            count += one.is_regular_file() ? 1U : 0U;
        }
        return count;
    }

    temporary_directory dir;
    std::string path = dir.path() + "/versions";
    content_store store = open();
};

content_draft draft_of(content_store const& in, std::string_view text) {
    auto draft = in.begin();
    REQUIRE(draft);
    REQUIRE(draft->write(text));
    return std::move(*draft);
}

std::vector<content_draft> only(content_draft one) {
    std::vector<content_draft> list;
    list.push_back(std::move(one));
    return list;
}

sha256_digest keep(content_store& in, std::string_view text) {
    auto draft = draft_of(in, text);
    auto const key = draft.finish();
    REQUIRE(key);
    CHECK(key->size_bytes == text.size());
    REQUIRE(in.keep(only(std::move(draft))));
    return key->sha256;
}

std::string text_of(content_store const& in, sha256_digest const& digest) {
    auto const file = in.read(digest);
    if (!file) {
        CHECK(file.error().code == errc::file_not_found);
        return "file_not_found";
    }
    std::string text(4096, '\0');
    auto const got = ::pread(file->get(), text.data(), text.size(), 0);
    REQUIRE(got >= 0);
    text.resize(static_cast<std::size_t>(got));
    return text;
}

sha256_digest digest_of(std::string_view text) {
    sha256 hash;
    hash.add(text);
    return hash.finish();
}

}  // namespace

TEST_CASE("what is kept can be read by its digest, also by the next broker", "[store][content]") {
    stored_contents s;
    auto const a = keep(s.store, "abc");
    auto const none = keep(s.store, "");
    CHECK(a == digest_of("abc"));
    CHECK(text_of(s.store, a) == "abc");
    CHECK(text_of(s.open(), a) == "abc");
    CHECK(text_of(s.open(), none).empty());
    CHECK(text_of(s.store, digest_of("other")) == "file_not_found");
}

TEST_CASE("the same content is stored once, and stays what it was for who reads it",
          "[store][content]") {
    stored_contents s;
    auto const first = keep(s.store, "abc");
    auto const reading = s.store.read(first);
    CHECK(keep(s.store, "abc") == first);
    CHECK(s.files() == 1);
    struct stat before {};
    struct stat now {};
    auto const again = s.store.read(first);
    REQUIRE(::fstat(reading->get(), &before) == 0);
    REQUIRE(::fstat(again->get(), &now) == 0);
    CHECK(before.st_ino == now.st_ino);
}

TEST_CASE("a draft is nothing until it is kept, and leaves nothing behind", "[store][content]") {
    stored_contents s;
    {
        auto draft = draft_of(s.store, "abc");
        CHECK(draft.finish());
        CHECK(text_of(s.store, digest_of("abc")) == "file_not_found");
        auto moved = std::move(draft);
        CHECK(s.files() == 1);
        moved = draft_of(s.store, "other");
        CHECK(s.files() == 1);
    }
    CHECK(s.files() == 0);
}

TEST_CASE("what a broker was writing when it was killed is removed by the next",
          "[store][content]") {
    stored_contents s;
    auto const kept = keep(s.store, "kept");
    std::ofstream(s.path + "/incoming/left") << "half";
    CHECK(s.files() == 2);
    auto const again = s.open();
    CHECK(s.files() == 1);
    CHECK(text_of(again, kept) == "kept");
}

TEST_CASE("what was cut off under its name is replaced", "[store][content]") {
    stored_contents s;
    auto const digest = keep(s.store, "whole");
    auto const hex = to_hex(digest);
    std::filesystem::resize_file(s.path + "/" + hex.substr(0, 2) + "/" + hex.substr(2), 2);
    CHECK(text_of(s.store, digest) == "wh");
    CHECK(keep(s.store, "whole") == digest);
    CHECK(text_of(s.store, digest) == "whole");
}

TEST_CASE("what is removed is gone, and can be kept again", "[store][content]") {
    stored_contents s;
    auto const a = keep(s.store, "abc");
    auto const b = keep(s.store, "b");
    CHECK(*s.store.remove({a, digest_of("never")}) == 3);
    CHECK(text_of(s.store, a) == "file_not_found");
    CHECK(text_of(s.store, b) == "b");
    keep(s.store, "abc");
    CHECK(text_of(s.store, a) == "abc");
}

TEST_CASE("every content is found at the boot", "[store][content]") {
    stored_contents s;
    std::map<sha256_digest, std::uint64_t> wanted;
    for (std::string text; text.size() < 50; text += 'x') {
        wanted[keep(s.store, text)] = text.size();
    }
    std::map<sha256_digest, std::uint64_t> found;
    std::ofstream(s.path + "/not one of ours") << "x";
    auto const draft = draft_of(s.store, "on its way");
    REQUIRE(s.store.for_each([&](content_key const& key) { found[key.sha256] = key.size_bytes; }));
    CHECK(found == wanted);
}

TEST_CASE("of a file its bytes are taken, and its holes stay holes", "[store][content]") {
    stored_contents s;
    auto const path = s.dir.path() + "/file";
    constexpr std::uint64_t size = std::uint64_t{64} << 20;
    unique_fd const file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::ftruncate(file.get(), static_cast<off_t>(size)) == 0);
    REQUIRE(::pwrite(file.get(), "begin", 5, 0) == 5);
    REQUIRE(::pwrite(file.get(), "middle", 6, 33 << 20) == 6);
    auto draft = s.store.begin();
    CHECK(draft->write_file(file.get(), size).value());
    auto const key = draft->finish();
    REQUIRE(key);
    CHECK(key->size_bytes == size);
    CHECK(key->sha256 == sha256_of_file(file.get(), size));
    REQUIRE(s.store.keep(only(std::move(*draft))));
    auto const kept = s.store.read(key->sha256);
    struct stat info {};
    REQUIRE(::fstat(kept->get(), &info) == 0);
    CHECK(info.st_size == static_cast<off_t>(size));
    CHECK(info.st_blocks * 512 < 2 << 20);
    CHECK(sha256_of_file(kept->get(), size) == key->sha256);
    SECTION("one that ends earlier is told") {
        auto other = s.store.begin();
        CHECK_FALSE(other->write_file(file.get(), size + 1).value());
        REQUIRE(::ftruncate(file.get(), 3) == 0);
        CHECK_FALSE(s.store.begin()->write_file(file.get(), size).value());
        auto shorter = s.store.begin();
        CHECK(shorter->write_file(file.get(), 3).value());
        CHECK(shorter->finish()->sha256 == digest_of("beg"));
    }
}
