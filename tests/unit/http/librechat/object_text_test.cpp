// SPDX-License-Identifier: Apache-2.0
#include "http/librechat/object_text.hpp"

#include "tests/support/catch.hpp"

using namespace broker;
using namespace http::librechat;

namespace {

file_version stored(std::string path) {
    file_version one;
    one.id = file_version_id("f");
    one.session = session_id("s");
    one.path = std::move(path);
    one.content = content_key{{}, 5};
    one.created_at = wall_time(std::chrono::milliseconds(1));
    return one;
}

std::string const no_hash(64, '0');

}  // namespace

TEST_CASE("the depth of a listing is one of four words", "[librechat]") {
    CHECK(detail_in("") == listing_detail::simple);
    CHECK(detail_in("detail=full&kind=user") == listing_detail::full);
    CHECK(detail_in("entity_id=a&detail=summary") == listing_detail::summary);
    CHECK(detail_in("detail=normalized") == listing_detail::normalized);
    CHECK(detail_in("detail=everything") == listing_detail::simple);
    CHECK(detail_in("%zz") == listing_detail::simple);
}

TEST_CASE("listings are as clients take them apart", "[librechat]") {
    std::vector<file_version> const files{stored("out/plot.v2.png"), stored(".env")};
    CHECK(render_listing({}, listing_detail::full) == "[]");
    CHECK(render_listing(files, listing_detail::simple) == R"(["s/f.png","s/f"])");
    CHECK(render_listing({files[1]}, listing_detail::summary) ==
          R"([{"name":"s/f","size":5,"lastModified":"1970-01-01T00:00:00.001Z","etag":")" +
              no_hash + R"("}])");
    CHECK(render_listing({files[0]}, listing_detail::full) ==
          R"([{"name":"s/f.png","size":5,"lastModified":"1970-01-01T00:00:00.001Z","etag":")" +
              no_hash +
              R"(","metadata":{"original-filename":"out/plot.v2.png","content-type":"image/png"},)"
              R"("contentType":"image/png","versionId":"f"}])");
    CHECK(render_listing({files[0]}, listing_detail::normalized) ==
          R"([{"id":"f","name":"out/plot.v2.png","storage_session_id":"s","session_id":"s",)"
          R"("size":5,"contentType":"image/png","lastModified":"1970-01-01T00:00:00.001Z"}])");
}

TEST_CASE("what a program left by the way is not listed", "[librechat]") {
    std::vector<file_version> files;
    for (auto const* path : {".cache/x", "a/.ptc/1", "node_modules/m.js", ".env", "a.b/c", "d"}) {
        files.push_back(stored(path));
        files.back().execution = execution_id("e");
        files.back().id = file_version_id(path);
    }
    CHECK(render_listing(files, listing_detail::simple) == R"(["s/.env","s/a.b/c","s/d"])");
    files = {stored(".github/sent.yml")};
    CHECK(render_listing(files, listing_detail::simple) == R"(["s/f.yml"])");
}

TEST_CASE("the original name of a file is its whole path", "[librechat]") {
    auto file = stored("a/b.CSV");
    file.read_only = true;
    CHECK(render_object(file) ==
          R"({"name":"s/f.CSV","size":5,"lastModified":"1970-01-01T00:00:00.001Z","etag":")" +
              no_hash +
              R"(","originalFilename":"a/b.CSV","contentType":"text/csv","readOnly":true})");
}
