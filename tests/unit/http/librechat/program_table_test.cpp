// SPDX-License-Identifier: Apache-2.0
// Programs that wait for their clients, over fakes. Never a real kernel.
#include "http/librechat/program_table.hpp"

#include "tests/support/service_stage.hpp"

using namespace broker;
using namespace test;
using namespace http::librechat;

namespace {

struct waiting_programs {
    fake_host host;
    service_stage stage{host};
    program_table table{stage.context.clock};

    std::shared_ptr<program_run> begin() {
        auto const run = stage.get(stage.api.begin_run("default", "python", {}));
        REQUIRE(run);
        auto const made = std::make_shared<program_run>(stage.api, "default",
                                                        std::vector<named_tool>{}, exec_result{});
        made->begin(*run, std::chrono::seconds(1));
        table.add(made);
        return made;
    }
    std::shared_ptr<program_run> find(program_run const& one) {
        return table.find("default", one.token());
    }
    std::size_t sessions() { return host.store.sessions()->size(); }
};

}  // namespace

TEST_CASE("a program that waits is its tenant's, and one that works is nobody's",
          "[librechat][program]") {
    waiting_programs s;
    auto const one = s.begin();
    CHECK(s.find(*one) == nullptr);
    s.table.settle(one);
    CHECK(s.find(*one) == one);
    CHECK(s.table.find("other", one->token()) == nullptr);
    one->on_request();
    CHECK(s.find(*one) == nullptr);
}

TEST_CASE("a program whose client does not come back ends after ten minutes",
          "[librechat][program]") {
    waiting_programs s;
    auto const one = s.begin();
    auto const works = s.begin();
    s.table.settle(one);
    s.stage.ahead = std::chrono::seconds(590);
    s.table.reap();
    CHECK(s.find(*one) == one);
    // Each time that it waits counts by itself.
    one->on_request();
    s.table.settle(one);
    s.stage.ahead = std::chrono::seconds(1180);
    s.table.reap();
    CHECK(s.find(*one) == one);
    CHECK(s.sessions() == 2);
    s.stage.ahead = std::chrono::seconds(1191);
    s.table.reap();
    CHECK(s.find(*one) == nullptr);
    CHECK(one->whose_turn() == program_run::turn::nobody);
    CHECK(works->whose_turn() == program_run::turn::program);
    s.stage.until([&] { return s.sessions() == 1; });
    works->give_up();
    s.stage.until([&] { return s.sessions() == 0; });
}

TEST_CASE("a program that waits when the broker ends has a last word", "[librechat][program]") {
    waiting_programs s;
    auto const one = s.begin();
    auto const works = s.begin();
    s.table.settle(one);
    s.table.drain();
    s.stage.until([&] { return s.sessions() == 1; });
    CHECK(works->whose_turn() == program_run::turn::program);
    REQUIRE(s.find(*one) == one);
    one->on_request();
    CHECK(s.stage.get(one->take_answers({})));
    auto const told = s.stage.get(one->go_on());
    REQUIRE(told);
    CHECK(told->find(R"("status":"error")") != std::string::npos);
    CHECK(told->find("shutting down") != std::string::npos);
    s.table.settle(one);
    CHECK(s.find(*one) == nullptr);
    works->give_up();
}
