// SPDX-License-Identifier: Apache-2.0
#include "broker/service/workspace_files.hpp"

#include "broker/service/file_hashing.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/plain_workspace.hpp"

#include <sys/socket.h>

#include <utility>
#include <vector>

using namespace broker;
using test::plain_workspace;

namespace {

workspace_path path(std::string const& text) { return *workspace_path::from_text(text); }

std::vector<std::string> paths_of(file_page const& page) {
    std::vector<std::string> paths;
    for (auto const& file : page.files) {
        paths.push_back(file.path);
    }
    return paths;
}

file_page list(plain_workspace const& w, file_query const& query = {}) {
    hash_cache hashes;
    auto page = list_files(*w.in, query, hashes);
    REQUIRE(page.has_value());
    return std::move(*page);
}

errc open_error(plain_workspace const& w, std::string const& name) {
    hash_cache hashes;
    auto const opened = open_file(*w.in, path(name), hashes);
    REQUIRE(opened.has_error());
    return opened.error().code;
}

}  // namespace

TEST_CASE("a listing shows regular files with size, hash and time", "[service][files]") {
    plain_workspace w;
    w.write("b", "abc");
    w.make("a");
    w.write("a/x", "");
    w.outside.link("../canary", "data/link");
    auto const page = list(w);
    REQUIRE(paths_of(page) == std::vector<std::string>{"a/x", "b"});
    CHECK(page.files[1].size_bytes == 3);
    CHECK(to_hex(page.files[1].sha256.value()) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(page.files[1].modified_ns > 1'600'000'000'000'000'000);
    CHECK_FALSE(page.next_cursor);
    CHECK(page.complete);
}

TEST_CASE("pages follow each other without gap or double, with changes in between",
          "[service][files]") {
    plain_workspace w;
    for (int i = 0; i < 10; ++i) {
        w.write("f" + std::to_string(i), "x");
    }
    auto page = list(w, {.prefix = {}, .limit = 4, .cursor = {}});
    CHECK(paths_of(page) == std::vector<std::string>{"f0", "f1", "f2", "f3"});
    REQUIRE(page.next_cursor);
    REQUIRE(unlink((w.outside / "data/f3").c_str()) == 0);
    w.write("f1a", "x");
    w.write("f3a", "x");
    page = list(w, {.prefix = {}, .limit = 4, .cursor = *page.next_cursor});
    CHECK(paths_of(page) == std::vector<std::string>{"f3a", "f4", "f5", "f6"});
    page = list(w, {.prefix = {}, .limit = 4, .cursor = *page.next_cursor});
    CHECK(paths_of(page) == std::vector<std::string>{"f7", "f8", "f9"});
    CHECK_FALSE(page.next_cursor);
    CHECK(paths_of(list(w, {.prefix = "f3", .limit = 4, .cursor = {}})) ==
          std::vector<std::string>{"f3a"});
}

TEST_CASE("cursors that we did not give are refused", "[service][files]") {
    plain_workspace w;
    hash_cache hashes;
    for (std::string const cursor : {"x", "zz", "6", "2e2e", "2f", "00", "612f2f62", "6G"}) {
        CAPTURE(cursor);
        auto const page = list_files(*w.in, {.prefix = {}, .limit = 1, .cursor = cursor}, hashes);
        REQUIRE(page.has_error());
        CHECK(page.error().code == errc::invalid_field);
    }
}

TEST_CASE("names that are not UTF-8 are listed, fetched and deleted", "[service][files]") {
    plain_workspace w;
    std::string const odd = "caf\xe9 \r\n\xff";
    w.write(odd, "x");
    REQUIRE(paths_of(list(w)) == std::vector<std::string>{odd});
    hash_cache hashes;
    auto const fetched = open_file(*w.in, *workspace_path::from_url(to_url(odd)), hashes);
    REQUIRE(fetched.has_value());
    CHECK(test::read_all(fetched->file.get()) == "x");
    CHECK(delete_file(*w.in, path(odd), {}, hashes).has_value());
    CHECK(list(w).files.empty());
}

TEST_CASE("what is not a file of the session is not found, and not deleted", "[service][files]") {
    plain_workspace w;
    w.make("folder");
    w.outside.link("../canary", "data/link");
    w.outside.link("..", "data/up");
    REQUIRE(mkfifo((w.outside / "data/fifo").c_str(), 0644) == 0);
    hash_cache hashes;
    for (auto const* name :
         {"folder", "link", "up/canary", "fifo", "missing", "missing/below", "link/below"}) {
        CAPTURE(name);
        CHECK(open_error(w, name) == errc::file_not_found);
        auto const gone = delete_file(*w.in, path(name), {}, hashes);
        REQUIRE(gone.has_error());
        CHECK(gone.error().code == errc::file_not_found);
    }
    CHECK(w.outside.read("canary") == "secret");
    CHECK(w.kind("folder") == S_IFDIR);
}

TEST_CASE("a file that root or another session owns is neither listed nor given out",
          "[service][files]") {
    plain_workspace w;
    w.write("file", "x");
    ++w.in->owner;
    CHECK(list(w).files.empty());
    CHECK(open_error(w, "file") == errc::file_not_found);
}

TEST_CASE("the etag names the content: same bytes same etag, other bytes another",
          "[service][files]") {
    plain_workspace w;
    hash_cache hashes;
    auto const etag = [&](std::string const& bytes) {
        w.write("file", bytes);
        return open_file(*w.in, path("file"), hashes)->etag;
    };
    auto const one = etag("one");
    CHECK(one.size() == 66);
    CHECK(etag("two") != one);
    CHECK(etag("one") == one);
}

TEST_CASE("deleting with an etag takes only the file that has it", "[service][files]") {
    plain_workspace w;
    w.write("file", "one");
    hash_cache hashes;
    auto const etag = open_file(*w.in, path("file"), hashes)->etag;
    file_condition const has_it = [&etag](file_state const& now) {
        return now.etag == etag;
    };
    auto const gone = [&](file_condition const& condition) {
        return delete_file(*w.in, path("file"), condition, hashes);
    };
    w.write("file", "two");
    CHECK(gone(has_it).error().code == errc::precondition_failed);
    w.write("file", "one");
    CHECK(gone(has_it).has_value());
    CHECK(w.kind("file") == 0);
    CHECK(gone(has_it).error().code == errc::precondition_failed);
    CHECK(gone([](file_state const&) { return true; }).error().code == errc::file_not_found);
}

TEST_CASE("a sparse giant is listed without being read", "[service][files]") {
    plain_workspace w;
    w.in->size_bytes = 1U << 20;
    w.write("giant", "");
    REQUIRE(truncate((w.outside / "data/giant").c_str(), off_t{1} << 40) == 0);
    auto const page = list(w);
    REQUIRE(page.files.size() == 1);
    CHECK(page.files[0].size_bytes == std::uint64_t{1} << 40);
    CHECK_FALSE(page.files[0].sha256);
    hash_cache hashes;
    auto const opened = open_file(*w.in, path("giant"), hashes);
    REQUIRE(opened.has_value());
    CHECK(opened->etag.starts_with("\"i"));
    auto const look = take_snapshot(*w.in, nullptr, hashes);
    REQUIRE(look.has_value());
    CHECK(look->entries.size() == 1);
}
