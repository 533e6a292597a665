// SPDX-License-Identifier: Apache-2.0
// The limit of descriptors, in this process. Never leaves it changed.
#include "broker/base/descriptors.hpp"

#include "broker/base/unique_fd.hpp"
#include "tests/support/catch.hpp"

#include <fcntl.h>

#include <cerrno>

namespace {

class limit_guard {
public:
    limit_guard() { getrlimit(RLIMIT_NOFILE, &before); }
    limit_guard(limit_guard const&) = delete;
    limit_guard& operator=(limit_guard const&) = delete;
    ~limit_guard() { setrlimit(RLIMIT_NOFILE, &before); }

    void soft(rlim_t wanted) const {
        rlimit const limit{wanted, before.rlim_max};
        REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    }
    rlimit before{};
};

}  // namespace

TEST_CASE("the soft limit is raised to the hard one and programs get the old one",
          "[base][descriptors]") {
    limit_guard const guard;
    guard.soft(200);
    CHECK(broker::raise_descriptor_limit() == 0);
    rlimit now{};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &now) == 0);
    CHECK(now.rlim_cur == guard.before.rlim_max);
    CHECK(now.rlim_max == guard.before.rlim_max);
    CHECK(broker::descriptor_limit_of_programs().rlim_cur == 200);
    CHECK(broker::descriptor_limit_of_programs().rlim_max == guard.before.rlim_max);
}

TEST_CASE("free descriptors are those below the limit that are not open", "[base][descriptors]") {
    limit_guard const guard;
    guard.soft(100);
    auto const before = broker::free_descriptors();
    REQUIRE(before > 1);
    REQUIRE(before < 100);
    {
        broker::unique_fd const one{open("/dev/null", O_RDONLY | O_CLOEXEC)};
        CHECK(broker::free_descriptors() == before - 1);
        guard.soft(static_cast<rlim_t>(one.get()) + 1);
        CHECK(broker::free_descriptors() == 0);
    }
    guard.soft(100);
    CHECK(broker::free_descriptors() == before);
}

TEST_CASE("a shortage is told from other errors", "[base][descriptors]") {
    CHECK(broker::is_shortage(EMFILE));
    CHECK(broker::is_shortage(ENFILE));
    CHECK(broker::is_shortage(ENOMEM));
    CHECK_FALSE(broker::is_shortage(ENOENT));
    CHECK_FALSE(broker::is_shortage(0));
}
