// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/monitor_record.hpp"

#include "broker/runtime/oci_launch.hpp"
#include "broker/runtime/process_facts.hpp"
#include "broker/runtime/runtime_finder.hpp"
#include "tests/support/catch.hpp"

#include <cstring>

using namespace broker;

namespace {

std::string written(monitor::record const& r) {
    char text[2048];
    return {text, monitor::format_record(r, text, sizeof text)};
}

}  // namespace

TEST_CASE("what a monitor writes is read back whole", "[monitor]") {
    monitor::record r;
    r.at = monitor::stage::ended;
    r.session = "sssssssssssssssssssss";
    std::strcpy(r.boot_id, "b-1");
    r.monitor_pid = 10;
    r.monitor_start = 1234567890123ULL;
    r.container_pid = 11;
    r.container_start = 5;
    r.oom_kills = 1;
    r.pids_denied = 2;
    auto const open = parse_monitor_record(written(r));
    REQUIRE(open.has_value());
    CHECK_FALSE(open->wait_status.has_value());
    r.saw_end = true;
    r.wait_status = 137 << 8;
    std::strcpy(r.failure, "say \"x\\y\"\n\xff!");
    monitor::keep_plain(r.failure);
    auto const read = parse_monitor_record(written(r));
    REQUIRE(read.has_value());
    CHECK(read->at == monitor::stage::ended);
    CHECK(read->session == "sssssssssssssssssssss");
    CHECK(read->boot_id == "b-1");
    CHECK(read->monitor_pid == 10);
    CHECK(read->monitor_start == 1234567890123ULL);
    CHECK(read->wait_status == 137 << 8);
    CHECK(read->oom_kills == 1);
    CHECK(read->pids_denied == 2);
    CHECK(read->failure == "say 'x y'  !");
    // Of another boot, so nobody lives.
    CHECK_FALSE(read->monitor());
    CHECK_FALSE(read->container());
}

TEST_CASE("a text that no monitor wrote is no record", "[monitor]") {
    auto const whole = written({});
    REQUIRE(parse_monitor_record(whole).has_value());
    for (std::size_t n = 0; n + 2 < whole.size(); ++n) {
        CHECK_FALSE(parse_monitor_record(whole.substr(0, n)).has_value());
    }
    for (char const* text : {"[]", "null", "{}", R"({"format":2})", R"({"format":"1"})",
                             R"({"format":1,"stage":"odd"})"}) {
        CHECK_FALSE(parse_monitor_record(text).has_value());
    }
}

TEST_CASE("the start time is found whatever a process calls itself", "[facts]") {
    std::string const tail = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987 20 21\n";
    CHECK(parse_start_time("42 (sh)" + tail) == 987U);
    CHECK(parse_start_time("42 (a) b (c)) )" + tail) == 987U);
    CHECK(parse_start_time("42 (sh) S 1 2") == std::nullopt);
    CHECK(parse_start_time("") == std::nullopt);
}

TEST_CASE("limits and status are read by their columns", "[facts]") {
    auto limits = parse_limits(
        "Limit                     Soft Limit           Hard Limit           Units     \n"
        "Max open files            1024                 2048                 files     \n"
        "Max nice priority         0                    0                    \n");
    CHECK(limits["Max open files"] == rlimit_fact{"1024", "2048"});
    CHECK(limits["Max nice priority"] == rlimit_fact{"0", "0"});
    auto status = parse_status("Name:\tx: y\nUid:\t1\t2\t3\t4\nGroups:\t \n");
    CHECK(status["Name"] == "x: y");
    CHECK(status["Uid"] == "1 2 3 4");
    CHECK(status["Groups"].empty());
}

TEST_CASE("old runtimes are warned about, new and unknown ones are not", "[runtime]") {
    CHECK(parse_version("crun version 1.8.1\ncommit: x") == "1.8.1");
    CHECK(parse_version("runc version 1.1.5+ds1\n") == "1.1.5");
    CHECK(parse_version("nonsense").empty());
    CHECK(version_warning({"crun", "", "1.8.1"}).has_value());
    CHECK(version_warning({"crun", "", "1.27.9"}).has_value());
    CHECK_FALSE(version_warning({"crun", "", "1.28"}).has_value());
    CHECK(version_warning({"runc", "", "1.3.5"}).has_value());
    CHECK_FALSE(version_warning({"runc", "", "1.4.0"}).has_value());
    CHECK_FALSE(version_warning({"runsc", "", "2022"}).has_value());
}

TEST_CASE("a runtime's words are told without paths of the host", "[runtime]") {
    CHECK(without_paths("open `/var/lib/x/y`: No such file") == "open `(path) No such file");
    CHECK(without_paths("and/or is fine") == "and/or is fine");
}
