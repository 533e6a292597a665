// SPDX-License-Identifier: Apache-2.0
// What is kept of the files of a workspace, and what is told of those that are not. Never a real
// kernel.
#include "tests/support/plain_workspace.hpp"
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

struct kept_files {
    fake_host host;
    service_stage stage{host};
    plain_workspace files;
    std::vector<file_change> changes;

    void add(std::string path, file_change::kind what = file_change::kind::created) {
        changes.push_back({.path = std::move(path), .what = what});
    }
    result<void> keep() {
        return stage.get(
            stage.versions.keep(files.in, {"default", session_id::make(), std::nullopt}, changes));
    }
};

}  // namespace

TEST_CASE("each file that is not kept has its reason", "[service][files]") {
    kept_files s;
    s.files.in->size_bytes = 100;
    s.files.write("kept", "x");
    s.files.write("large", std::string(101, 'x'));
    s.add("kept");
    s.add("large");
    s.add("gone");
    s.add(std::string(workspace_path::max_bytes + 1, 'p'));
    s.add("removed", file_change::kind::deleted);
    REQUIRE(s.keep());
    CHECK(s.changes[0].version);
    CHECK(s.changes[0].not_kept.empty());
    CHECK(s.changes[1].not_kept == "it is larger than the disk of the session");
    CHECK(s.changes[2].not_kept == "it could not be read any more");
    CHECK(s.changes[3].not_kept == "its path is too long");
    CHECK(s.changes[4].not_kept.empty());
    for (std::size_t i = 1; i < s.changes.size(); ++i) {
        CHECK_FALSE(s.changes[i].version);
    }
}

TEST_CASE("what has no room is told with what is full", "[service][files]") {
    kept_files s;
    s.host.config.sessions.version_bytes_per_tenant = 10;
    s.files.write("a", "12345");
    s.files.write("b", "123456");
    s.add("a");
    s.add("b");
    auto const kept = s.keep();
    REQUIRE_FALSE(kept);
    CHECK(kept.error().code == errc::no_capacity);
    for (auto const& one : s.changes) {
        CHECK_FALSE(one.version);
        CHECK(one.not_kept == kept.error().detail);
        CHECK(one.not_kept.find("may take 10 bytes") != std::string::npos);
    }
}
