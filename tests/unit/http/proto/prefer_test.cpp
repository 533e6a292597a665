// SPDX-License-Identifier: Apache-2.0
#include "http/proto/prefer.hpp"

#include "tests/support/catch.hpp"

using std::chrono::seconds;

namespace {

http::fields prefer(std::initializer_list<char const*> values) {
    http::fields out;
    for (auto const* const value : values) {
        out.add("prefer", value);
    }
    return out;
}

http::preferences read(std::initializer_list<char const*> values) {
    return http::parse_prefer(prefer(values)).value();
}

}  // namespace

TEST_CASE("respond-async and wait are read in every form the RFC has", "[http][prefer]") {
    CHECK_FALSE(read({}).respond_async);
    CHECK_FALSE(read({}).wait);
    CHECK_FALSE(read({""}).respond_async);
    for (auto const* const both :
         {"respond-async, wait=10", "wait=10,respond-async", "Respond-Async , WAIT = \"10\"",
          ",respond-async,,wait=10,", "respond-async;;a=b; c ;, wait=10; x=\"1,2\"",
          "respond-async=\"\", wait=010", "respond-async=, wait=10"}) {
        INFO(both);
        CHECK(read({both}).respond_async);
        CHECK(read({both}).wait == seconds(10));
    }
    CHECK(read({"wait=0"}).wait == seconds(0));
    CHECK_FALSE(read({"wait=0"}).respond_async);
    CHECK(read({"wait=99999999999999999999"}).wait == seconds(std::int64_t{1} << 31));
}

TEST_CASE("several Prefer fields are one list, and the first of a name counts", "[http][prefer]") {
    CHECK(read({"wait=1", "respond-async"}).respond_async);
    CHECK(read({"wait=1", "respond-async"}).wait == seconds(1));
    CHECK(read({"wait=1, Wait=2", "wait=abc"}).wait == seconds(1));
    CHECK(read({"respond-async, respond-async=1"}).respond_async);
}

TEST_CASE("preferences that are not known are passed over", "[http][prefer]") {
    auto const got = read({"return=minimal; foo=\"a \\\" , wait=3\", handling=lenient", "x=\"\""});
    CHECK_FALSE(got.respond_async);
    CHECK_FALSE(got.wait);
    CHECK_FALSE(read({"return=minimal; wait=3"}).wait);
}

TEST_CASE("a known preference that cannot be read is refused", "[http][prefer]") {
    for (auto const* const bad :
         {"wait", "wait=", "wait=\"\"", "wait=abc", "wait=-1", "wait=+1", "wait=1.5", "wait=1s",
          "wait=\" 1\"", "wait=abc, wait=1", "respond-async=1", "respond-async=true"}) {
        INFO(bad);
        auto const got = http::parse_prefer(prefer({bad}));
        REQUIRE(got.has_error());
        CHECK(got.error().code == broker::errc::invalid_field);
    }
}

TEST_CASE("what is no list of preferences is refused", "[http][prefer]") {
    for (auto const* const bad : {"=1", "\"respond-async\"", "a b", "a=\"b", "a=b c", "a; =b",
                                  "a; b=\"", ";", "wait=1 respond-async", "a=\"b\"c", "a=b=c"}) {
        INFO(bad);
        CHECK(http::parse_prefer(prefer({bad})).has_error());
    }
}
