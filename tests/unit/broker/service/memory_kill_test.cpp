// SPDX-License-Identifier: Apache-2.0
// Whose fault it is that the kernel of the host killed a process for memory. Never a real kernel.
#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;

namespace {

struct killed_stage {
    fake_host host;
    service_stage stage{host};

    execution run(kernelproto::execute_reply::status how, std::uint64_t kills) {
        auto const call = stage.run("a");
        stage.until([&] { return stage.sent(); });
        host.runtime.killed_for_memory += kills;
        stage.ahead += std::chrono::seconds(1);  // long enough for memory to be filled
        kernelproto::execute_reply reply;
        reply.what = how;
        if (how == kernelproto::execute_reply::status::error) {
            reply.error = kernelproto::raised{};
        }
        stage.kernel().reply({kernelproto::end_cause::complete, std::move(reply)});
        auto ended = stage.wait(call);
        REQUIRE(ended);
        return *std::move(ended);
    }
};

using status = kernelproto::execute_reply::status;

}  // namespace

TEST_CASE("a kill for memory is the fault of the run that it happened in", "[service][memory]") {
    killed_stage s;
    CHECK(s.run(status::error, 1).killed_for_memory);
    CHECK_FALSE(s.run(status::error, 0).killed_for_memory);
    CHECK(s.run(status::error, 2).killed_for_memory);
}

TEST_CASE("a kill that a run survived is not blamed on the next error", "[service][memory]") {
    killed_stage s;
    CHECK_FALSE(s.run(status::ok, 1).killed_for_memory);
    CHECK_FALSE(s.run(status::error, 0).killed_for_memory);
}
