// SPDX-License-Identifier: Apache-2.0
// When a host is looked at again, with a clock and a host of the test's own. One thread.
#include "broker/runtime/examined_host.hpp"

#include "tests/support/catch.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace broker;
using std::chrono::seconds;

namespace {

struct bench {
    int examinations = 0;
    steady_time now{};
    bool usable = true;
    std::string runtime = "crun";
    runtime_report rest;                // of what is found
    std::function<void()> meanwhile{};  // happens while it is examined
    std::vector<std::string> told;
    examined_host host{[this] {
                           ++examinations;
                           if (meanwhile) {
                               meanwhile();
                           }
                           oci_examination found;
                           found.report = rest;
                           found.report.usable = usable;
                           found.report.name = runtime;
                           found.runtime.path = "/usr/bin/" + runtime;
                           return found;
                       },
                       [this] { return now; },
                       [this](runtime_report const& report) {
                           told.push_back(report.name);
                       }};
};

}  // namespace

TEST_CASE("whoever asks, a host is examined once in its time", "[runtime]") {
    bench b;
    for (int i = 0; i < 100; ++i) {
        CHECK(b.host.look()->report.usable);
    }
    CHECK(b.examinations == 1);
    b.now += examined_host::good_for;
    (void)b.host.look();
    (void)b.host.look();
    CHECK(b.examinations == 2);
    b.usable = false;
    b.now += examined_host::good_for;
    CHECK_FALSE(b.host.look()->report.usable);
    b.now += examined_host::bad_for - seconds{1};
    (void)b.host.look();
    CHECK(b.examinations == 3);
    b.now += seconds{1};
    (void)b.host.look();
    CHECK(b.examinations == 4);
}

TEST_CASE("a host that was mended or lost its runtime is used as it is now", "[runtime]") {
    bench b;
    b.usable = false;
    b.now += examined_host::good_for;
    CHECK_FALSE(b.host.look()->report.usable);
    CHECK_FALSE(b.host.last()->report.usable);
    b.usable = true;
    b.runtime = "runc";
    b.now += examined_host::bad_for;
    CHECK(b.host.look()->report.usable);
    CHECK(b.host.last()->runtime.path == "/usr/bin/runc");
}

TEST_CASE("after a failed start a host is looked at sooner", "[runtime]") {
    bench b;
    b.now += examined_host::bad_for;
    (void)b.host.look();
    CHECK(b.examinations == 1);
    b.host.doubt();
    (void)b.host.look();
    (void)b.host.look();
    CHECK(b.examinations == 2);
    SECTION("which it was: it is good for its time again") {
        b.now += examined_host::good_for - seconds{1};
        (void)b.host.look();
        CHECK(b.examinations == 2);
    }
    SECTION("no sooner than a bad one is") {
        b.host.doubt();
        b.now += examined_host::bad_for - seconds{1};
        (void)b.host.look();
        CHECK(b.examinations == 2);
    }
}

TEST_CASE("who asks while a host is examined is told what is known", "[runtime]") {
    bench b;
    bool asked = false;
    b.meanwhile = [&] {
        if (!std::exchange(asked, true)) {
            CHECK(b.host.look()->runtime.path == "/usr/bin/crun");
        }
    };
    b.runtime = "runc";
    b.now += examined_host::good_for;
    CHECK(b.host.look()->runtime.path == "/usr/bin/runc");
    CHECK(asked);
    CHECK(b.examinations == 2);
}

TEST_CASE("each change of what is found is told once", "[runtime]") {
    bench b;
    CHECK(b.told == std::vector<std::string>{"crun"});
    b.now += examined_host::good_for;
    (void)b.host.look();
    CHECK(b.told.size() == 1);
    b.runtime = "runc";
    b.now += examined_host::good_for;
    (void)b.host.look();
    CHECK(b.told == std::vector<std::string>{"crun", "runc"});
}

TEST_CASE("whatever of a report changes is told", "[runtime]") {
    bench b;
    SECTION("usable") { b.usable = false; }
    SECTION("version") { b.rest.version = "1.2"; }
    SECTION("cgroups") { b.rest.cgroups = "v2"; }
    SECTION("problems") { b.rest.problems = {"no loop devices"}; }
    SECTION("warnings") { b.rest.warnings = {"it swaps"}; }
    b.now += examined_host::good_for;
    (void)b.host.look();
    CHECK(b.told.size() == 2);
    b.now += examined_host::good_for;
    (void)b.host.look();
    CHECK(b.told.size() == 2);
}
