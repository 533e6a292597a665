// SPDX-License-Identifier: Apache-2.0
#include "broker/base/host.hpp"

#include "tests/support/catch.hpp"

TEST_CASE("the host tells its free memory and its boot", "[base][host]") {
    CHECK(broker::available_memory_bytes() > 0);
    CHECK(broker::available_memory_bytes() < (std::uint64_t{1} << 50));
    CHECK(broker::boot_id().size() == 36);
    CHECK(broker::boot_id() == broker::boot_id());
}
