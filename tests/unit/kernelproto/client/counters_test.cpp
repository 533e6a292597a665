// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/counters.hpp"

#include "kernelproto/client/errc.hpp"
#include "tests/support/catch.hpp"

using namespace kernelproto;

TEST_CASE("every reason to refuse bytes has a number of its own", "[client][counters]") {
    connection_counters counted;
    for (std::size_t code = 1; code <= wire_errc_count; ++code) {
        auto const why = static_cast<wire_errc>(code);
        CHECK(make_error_code(why).message() != "unknown protocol error");
        counted.count_invalid(why);
        CHECK(counted.invalid_for(why) == 1);
    }
    CHECK(make_error_code(static_cast<wire_errc>(wire_errc_count + 1)).message() ==
          "unknown protocol error");
    CHECK(counted.invalid == wire_errc_count);
}

TEST_CASE("what is no protocol error is invalid without a reason", "[client][counters]") {
    connection_counters counted;
    counted.count_invalid(client_errc::timed_out);
    counted.count_invalid({});
    CHECK(counted.invalid == 2);
    for (auto const each : counted.invalid_by) {
        CHECK(each == 0);
    }
}

TEST_CASE("drops are told in words, and nothing when nothing was lost", "[client][counters]") {
    connection_counters counted;
    counted.received = 7;
    counted.surplus = 3;
    CHECK(describe_drops(counted).empty());
    counted.late = 1;
    counted.discarded = 5;
    counted.count_invalid(wire_errc::bad_signature);
    counted.count_invalid(wire_errc::bad_signature);
    counted.count_invalid(wire_errc::no_delimiter);
    CHECK(describe_drops(counted) ==
          "3 invalid (1 message without <IDS|MSG> delimiter, 2 signature missing or wrong), "
          "5 discarded, 1 late");
}
