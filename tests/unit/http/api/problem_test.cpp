// SPDX-License-Identifier: Apache-2.0
#include "http/api/problem.hpp"

#include "tests/support/catch.hpp"

#include <set>

namespace {

using broker::errc;

struct row {
    errc code;
    int status;
    char const* name;
    bool waits;
};

constexpr row rows[] = {
    {errc::invalid_field, 400, "invalid_field", false},
    {errc::unknown_field, 400, "unknown_field", false},
    {errc::invalid_path, 400, "invalid_path", false},
    {errc::limit_too_high, 400, "limit_too_high", false},
    {errc::unsupported_language, 400, "unsupported_language", false},
    {errc::session_not_found, 404, "session_not_found", false},
    {errc::execution_not_found, 404, "execution_not_found", false},
    {errc::file_not_found, 404, "file_not_found", false},
    {errc::session_exists, 409, "session_exists", false},
    {errc::execution_expired, 410, "execution_expired", false},
    {errc::events_expired, 410, "events_expired", false},
    {errc::already_ended, 409, "already_ended", false},
    {errc::idempotency_mismatch, 422, "idempotency_mismatch", false},
    {errc::no_input_wanted, 409, "no_input_wanted", false},
    {errc::precondition_failed, 412, "precondition_failed", false},
    {errc::file_too_large, 413, "file_too_large", false},
    {errc::queue_full, 429, "queue_full", true},
    {errc::too_many_sessions, 429, "too_many_sessions", true},
    {errc::no_capacity, 503, "no_capacity", true},
    {errc::runtime_unavailable, 503, "runtime_unavailable", true},
    {errc::image_unavailable, 503, "image_unavailable", true},
    {errc::draining, 503, "draining", true},
    {errc::workspace_full, 507, "workspace_full", false},
    {errc::internal, 500, "internal", false},
};

}  // namespace

TEST_CASE("each code of the broker has its status and its name", "[http][problem]") {
    std::set<std::string> names;
    for (auto const& r : rows) {
        INFO(r.name);
        auto const what = http::api::describe({r.code, "the detail"});
        CHECK(what.status == r.status);
        CHECK(what.code == r.name);
        CHECK_FALSE(what.title.empty());
        CHECK(what.retry_after_s.has_value() == r.waits);
        CHECK(names.insert(std::string(what.code)).second);
        auto const answer = http::api::to_response({r.code, "the detail"});
        CHECK(answer.status == r.status);
        CHECK((answer.headers.find("Retry-After") != nullptr) == r.waits);
        CHECK(std::get<std::string>(answer.body).find("urn:kernel-broker:problem:") !=
              std::string::npos);
    }
    CHECK(names.size() == static_cast<std::size_t>(errc::internal) + 1);
}

TEST_CASE("the detail of an internal failure stays inside", "[http][problem]") {
    auto const answer = http::api::to_response({errc::internal, "/var/lib/secret: errno 5"});
    CHECK(std::get<std::string>(answer.body).find("secret") == std::string::npos);
    auto const other = http::api::to_response({errc::invalid_field, "say this"});
    CHECK(std::get<std::string>(other.body).find("\"detail\":\"say this\"") != std::string::npos);
}

TEST_CASE("405 names the methods, 416 the size", "[http][problem]") {
    CHECK(*http::api::method_not_allowed("GET, HEAD").headers.find("Allow") == "GET, HEAD");
    auto const range = http::api::range_not_satisfiable(100);
    CHECK(range.status == 416);
    CHECK(*range.headers.find("Content-Range") == "bytes */100");
}
