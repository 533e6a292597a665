// SPDX-License-Identifier: Apache-2.0
// Stored files over a store that fails: that is never told as a file that is missing.
#include "http/librechat/facade.hpp"
#include "tests/support/service_stage.hpp"

#include <algorithm>

using namespace broker;
using namespace test;
using namespace http::librechat;

namespace {

/// Refuses all that is asked of it.
class refusing_store final : public version_store {
public:
    explicit refusing_store(content_store contents) : contents_(std::move(contents)) {}

    content_store const& contents() const noexcept override { return contents_; }
    result<std::vector<file_version>> add(std::vector<file_version>, std::vector<content_draft>,
                                          version_keep const&) override {
        return refused();
    }
    result<file_version> use(std::string const&, file_version_id const&, wall_time) override {
        return refused();
    }
    result<version_page> of_path(session_id const&, std::string const&, std::size_t,
                                 file_version_id const*) override {
        return refused();
    }
    result<std::vector<file_version>> newest(session_id const&,
                                             std::span<std::string const>) override {
        return refused();
    }
    result<std::vector<file_version>> of_session(std::string const&, session_id const&,
                                                 std::size_t) override {
        return refused();
    }
    result<void> remove(std::string const&, file_version_id const&) override { return refused(); }
    result<std::uint64_t> used_bytes(std::string const&) override { return refused(); }
    result<void> forget(session_id const&) override { return refused(); }
    result<std::uint64_t> prune(version_keep const&) override { return refused(); }

private:
    static failure refused() { return fail(errc::internal, "the store refuses"); }

    content_store contents_;
};

struct refusing_stage {
    fake_host host;
    service_stage stage{host};
    temporary_directory elsewhere;
    refusing_store store{*content_store::open(elsewhere / "contents")};
    file_versions versions{store, stage.file_pool, host.config, stage.clock};
    service_context context = stage.context_over(versions);
    broker::service service{context};
    facade calls{service, {}};

    int status(std::string const& method, std::string const& pattern) {
        auto const all = calls.endpoints();
        auto const at = std::find_if(all.begin(), all.end(), [&](auto const& one) {
            return one.route.method == method && one.route.pattern == pattern;
        });
        REQUIRE(at != all.end());
        auto const id = make_random_id();
        http::routing where;
        where.params = {{"sid", id}, {"fid", id}};
        http::request incoming;
        return stage.get(at->answer({incoming, where, "default"})).status;
    }
};

}  // namespace

TEST_CASE("a store that fails is not told as a missing file", "[librechat]") {
    refusing_stage s;
    CHECK(s.status("GET", "/sessions/{sid}/objects/{fid}") == 500);
    CHECK(s.status("DELETE", "/sessions/{sid}/objects/{fid}") == 500);
    CHECK(s.status("DELETE", "/files/{sid}/{fid}") == 500);
    CHECK(s.status("GET", "/files/{sid}") == 500);
}
