// SPDX-License-Identifier: Apache-2.0
#include "broker/service/workspace_upload.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/plain_workspace.hpp"

#include <utility>
#include <vector>

using namespace broker;
using test::plain_workspace;

namespace {

result<workspace_upload> begin(plain_workspace const& w, std::string const& name,
                               file_condition const& wanted = {}) {
    return workspace_upload::begin(w.in, *workspace_path::from_text(name), wanted);
}

result<stored_file> put(plain_workspace const& w, std::string const& name, std::string const& bytes,
                        file_condition const& wanted = {}) {
    auto upload = begin(w, name, wanted);
    if (!upload) {
        return upload.error();
    }
    if (auto const written = upload->write(bytes); !written) {
        return written.error();
    }
    return upload->commit();
}

template <class T>
errc code(result<T> const& of) {
    return of ? errc::internal : of.error().code;
}

file_condition is(std::string etag) {
    return [etag = std::move(etag)](file_state const& now) {
        return now.etag == etag;
    };
}

file_condition const is_there = [](file_state const& now) {
    return !now.etag.empty();
};
file_condition const must_be_new = [](file_state const& now) {
    return now.etag.empty();
};

}  // namespace

TEST_CASE("an upload in pieces is one file, seen only when it is whole", "[service][files]") {
    plain_workspace w;
    auto upload = begin(w, "a/b/file");
    REQUIRE(upload.has_value());
    REQUIRE(upload->write("one").has_value());
    REQUIRE(upload->write("").has_value());
    REQUIRE(upload->write(" two").has_value());
    CHECK(w.kind("a") == 0);
    auto const stored = upload->commit();
    REQUIRE(stored.has_value());
    CHECK(stored->created);
    CHECK(stored->info.size_bytes == 7);
    CHECK(w.read("a/b/file") == "one two");
    hash_cache hashes;
    auto const opened = open_file(*w.in, *workspace_path::from_text("a/b/file"), hashes);
    REQUIRE(opened.has_value());
    CHECK(opened->etag == stored->etag);
    CHECK(opened->info.sha256 == stored->info.sha256);
    CHECK(opened->info.modified_ns == stored->info.modified_ns);
}

TEST_CASE("an upload that breaks off leaves neither file nor folder", "[service][files]") {
    plain_workspace w;
    w.write("old", "old");
    for (auto const* name : {"new/file", "old"}) {
        auto upload = begin(w, name);
        REQUIRE(upload.has_value());
        REQUIRE(upload->write("half").has_value());
    }
    CHECK(w.kind("new") == 0);
    CHECK(w.read("old") == "old");
    CHECK(w.staging_is_empty());
}

TEST_CASE("an upload replaces files, symlinks and FIFOs as names", "[service][files]") {
    plain_workspace w;
    w.write("file", "old");
    w.outside.link("../canary", "data/link");
    REQUIRE(mkfifo((w.outside / "data/fifo").c_str(), 0644) == 0);
    for (auto const* name : {"file", "link", "fifo"}) {
        CAPTURE(name);
        auto const stored = put(w, name, "new");
        REQUIRE(stored.has_value());
        CHECK_FALSE(stored->created);
        CHECK(w.kind(name) == S_IFREG);
        CHECK(w.read(name) == "new");
    }
    CHECK(w.outside.read("canary") == "secret");
    CHECK(w.staging_is_empty());
}

TEST_CASE("a hard link elsewhere keeps its bytes when its name is replaced", "[service][files]") {
    plain_workspace w;
    w.write("one", "old");
    REQUIRE(link((w.outside / "data/one").c_str(), (w.outside / "data/two").c_str()) == 0);
    REQUIRE(put(w, "one", "new").has_value());
    CHECK(w.read("two") == "old");
}

TEST_CASE("folders in the way are told before the body is read", "[service][files]") {
    plain_workspace w;
    w.make("folder");
    w.write("file", "x");
    w.outside.link("..", "data/up");
    CHECK(code(begin(w, "folder")) == errc::invalid_path);
    CHECK(code(begin(w, "file/below")) == errc::invalid_path);
    CHECK(code(begin(w, "up/file")) == errc::invalid_path);
    CHECK(w.outside.kind("file") == 0);
}

TEST_CASE("what must be new is stored only if it is, also when it comes up meanwhile",
          "[service][files]") {
    plain_workspace w;
    CHECK(put(w, "file", "one", must_be_new).has_value());
    CHECK(code(begin(w, "file", must_be_new)) == errc::precondition_failed);
    auto late = begin(w, "other", must_be_new);
    REQUIRE(late.has_value());
    w.write("other", "first");
    CHECK(code(late->commit()) == errc::precondition_failed);
    CHECK(w.read("other") == "first");
}

TEST_CASE("a condition lets only the content be replaced that it names", "[service][files]") {
    plain_workspace w;
    auto const etag = put(w, "file", "one")->etag;
    CHECK(code(begin(w, "file", is("\"other\""))) == errc::precondition_failed);
    CHECK(code(begin(w, "missing", is_there)) == errc::precondition_failed);
    auto const stored = put(w, "file", "two", is(etag));
    REQUIRE(stored.has_value());
    CHECK_FALSE(stored->created);
    CHECK(w.read("file") == "two");
    CHECK(put(w, "file", "three", is_there).has_value());
    CHECK(w.staging_is_empty());
}

TEST_CASE("of two uploads with the same condition one wins", "[service][files]") {
    plain_workspace w;
    auto const etag = put(w, "file", "start")->etag;
    auto one = begin(w, "file", is(etag));
    auto two = begin(w, "file", is(etag));
    REQUIRE((one.has_value() && two.has_value()));
    REQUIRE((one->write("one").has_value() && two->write("two").has_value()));
    CHECK(one->commit().has_value());
    CHECK(code(two->commit()) == errc::precondition_failed);
    CHECK(w.read("file") == "one");
    CHECK(w.staging_is_empty());
}

TEST_CASE("a condition sees when the file was modified", "[service][files]") {
    plain_workspace w;
    auto const first = put(w, "file", "one");
    REQUIRE(first.has_value());
    std::vector<std::int64_t> seen;
    auto const stored = put(w, "file", "two", [&seen](file_state const& now) {
        seen.push_back(now.modified_ns);
        return true;
    });
    CHECK(stored.has_value());
    CHECK(seen == std::vector<std::int64_t>(2, first->info.modified_ns));
}

TEST_CASE("stored files belong to the session and are readable by it", "[service][files]") {
    plain_workspace w;
    REQUIRE(put(w, "folder/file", "x").has_value());
    struct stat status {};
    REQUIRE(stat((w.outside / "data/folder/file").c_str(), &status) == 0);
    CHECK(status.st_uid == w.in->owner);
    CHECK((status.st_mode & 07777) == 0644);
    CHECK(status.st_nlink == 1);
}
