// SPDX-License-Identifier: Apache-2.0
// One client after another at the same kernel: what the later one hears of what the earlier one
// asked for.
#include "tests/support/kernel_stage.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace kernelproto;
using namespace tests;

namespace {

kernel_script only(std::string const& code, script steps) {
    kernel_script what;
    what.on_code[code] = std::move(steps);
    return what;
}

/// Runs "a" up to its first output, and lets go of it as a process that ends does.
void leave_running(kernel_stage& s) {
    REQUIRE(s.ready());
    boost::asio::co_spawn(s.loop(), s.running("a"),
                          [](std::exception_ptr, execution_end const&) {});
    REQUIRE(s.until([&] { return !s.events.empty(); }));
    s.events.clear();
}

/// What came of a wait, once it did.
std::shared_ptr<std::optional<result<kernel_info>>> begin_adopt(kernel_stage& s) {
    auto info = std::make_shared<std::optional<result<kernel_info>>>();
    boost::asio::co_spawn(
        s.loop(),
        kernel_driver::become_usable(s.driver, readiness::mode::adopted,
                                     in(std::chrono::seconds{20})),
        [info](std::exception_ptr, result<kernel_info> how) { *info = std::move(how); });
    return info;
}

}  // namespace

TEST_CASE("what a kernel answers goes to whoever bears the asker's identity", "[link][identity]") {
    auto const [later, heard] = GENERATE(table<std::string, std::uint64_t>(
        {{"the broker", 1}, {"another", 0}, {"", 0}, {std::string(255, 'x'), 0}}));
    kernel_stage s{only("a", {stream("x"), hold{}, reply_ok()})};
    s.identity = "the broker";
    s.renew();
    leave_running(s);
    s.identity = later;
    s.renew();
    int const before = s.kernel->nudges();
    auto const adopted = begin_adopt(s);
    REQUIRE(s.until([&] { return s.kernel->nudges() > before; }));
    s.kernel->go();
    REQUIRE(s.until([&] { return adopted->has_value(); }));
    CHECK((*adopted)->has_value());
    CHECK(s.driver->counters().foreign_parent == heard);
}

TEST_CASE("an identity that ZMTP forbids is refused", "[link][identity]") {
    kernel_stage s;
    for (auto const& wrong : {std::string(256, 'x'), std::string(1, '\0'), std::string("\0x", 2)}) {
        auto options = s.options();
        options.identity = wrong;
        CHECK_THROWS_AS(create_kernel_connection(s.loop(), options, nullptr), std::logic_error);
    }
}
