// SPDX-License-Identifier: Apache-2.0
// Outputs that are kept as their log only: what readers see while they are made, and what a disk
// that fails in between leaves.
#include "tests/support/service_stage.hpp"

#include <boost/asio/post.hpp>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <future>

using namespace broker;
using namespace test;

namespace {

kernelproto::event print(std::string text) {
    return kernelproto::stream_text{kernelproto::stream_text::stream::stdout_stream,
                                    std::move(text), 0, 0};
}

execution_ticket begun(service_stage& stage) {
    execution_options options{.code = "1"};
    options.collect_files = false;
    auto got =
        stage.wait(stage.begin(stage.api.submit({"default", "a"}, std::move(options), true)));
    REQUIRE(got.has_value());
    stage.until([&] { return stage.sent(); });
    return *got;
}

std::string const long_text(std::size_t{3} << 20, 'x');

bool has_it(result<std::string> const& text) {
    return text && text->find(long_text) != std::string::npos;
}

/// A disk that takes no file above so many bytes.
struct full_disk {
    explicit full_disk(rlim_t bytes) {
        ::signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &before);
        rlimit const now{bytes, before.rlim_max};
        setrlimit(RLIMIT_FSIZE, &now);
    }
    ~full_disk() { setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before{};
};

/// Both threads of the pool have other work until `go`.
struct busy_pool {
    explicit busy_pool(service_stage& stage) {
        auto const gone = go.get_future().share();
        for (int i = 0; i < 2; ++i) {
            boost::asio::post(stage.pool, [gone] { gone.wait(); });
        }
    }
    std::promise<void> go;
};

}  // namespace

TEST_CASE("outputs do not vanish while an execution is concluded", "[service][outputs]") {
    fake_host host;
    service_stage stage(host);
    auto const ticket = begun(stage);
    // A disk that takes its time: nobody reads this pipe yet.
    auto const path = host.results / (ticket.id.str() + ".events");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    auto const what = ticket.live.what;
    what->collector->take(print(long_text));
    stage.settle();
    stage.kernel().reply();
    stage.settle();  // taken, and waits for the log
    CHECK(what->view.state == execution_state::running);
    auto const text = stage.begin(stage.api.text_of(ticket));
    stage.settle();
    if (*text) {
        auto const& now = **text;
        REQUIRE(now.has_value());
        CAPTURE(now->substr(0, 300));
        CHECK(now->find("\"state\":\"running\"") != std::string::npos);
        CHECK(now->find("\"stdout\":\"\"") == std::string::npos);
    }
    // Let it end.
    unique_fd const drain(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    std::string bytes(1 << 16, '\0');
    stage.until([&] {
        while (::read(drain.get(), bytes.data(), bytes.size()) > 0) {
        }
        return ticket.has_ended();
    });
}

TEST_CASE("a disk that fails during the last write of a log costs no answer",
          "[service][outputs]") {
    fake_host host;
    service_stage stage(host);
    auto const ticket = begun(stage);
    busy_pool pool(stage);
    auto const what = ticket.live.what;
    what->collector->take(print(long_text));
    stage.settle();
    stage.kernel().reply();
    stage.settle();
    full_disk const full(std::size_t{1} << 20);
    pool.go.set_value();
    stage.until([&] { return ticket.has_ended(); });
    REQUIRE(what->log->broken());
    auto const text = stage.get(stage.api.text_of(ticket));
    if (!text) {
        CAPTURE(text.error().detail);
        CHECK(text.has_value());
    }
    CHECK(has_it(text));
    auto const again = stage.get(stage.api.find_execution("default", ticket.id));
    REQUIRE(again.has_value());
    auto const later = stage.get(stage.api.text_of(*again));
    if (!later) {
        CAPTURE(later.error().detail);
        CHECK(later.has_value());
    }
}

TEST_CASE("so does it of outputs below a mebibyte", "[service][outputs]") {
    fake_host host;
    service_stage stage(host);
    auto const ticket = begun(stage);
    busy_pool pool(stage);
    std::string const text(std::size_t{500} << 10, 'x');
    ticket.live.what->collector->take(print(text));
    stage.settle();
    stage.kernel().reply();
    stage.settle();
    full_disk const full(std::size_t{100} << 10);
    pool.go.set_value();
    stage.until([&] { return ticket.has_ended(); });
    REQUIRE(ticket.live.what->log->broken());
    CHECK(stage.get(stage.api.text_of(ticket))->find(text) != std::string::npos);
    auto const again = stage.get(stage.api.find_execution("default", ticket.id));
    REQUIRE(again.has_value());
    auto const later = stage.get(stage.api.text_of(*again));
    CHECK(later.has_value());
}

TEST_CASE("a disk that cannot take `end` costs no answer", "[service][outputs]") {
    fake_host host;
    service_stage stage(host);
    auto const ticket = begun(stage);
    auto const what = ticket.live.what;
    what->collector->take(print(long_text));
    stage.settle();
    std::optional<full_disk> full;
    host.store.on_verb = [&](std::string const& verb) {
        if (verb == "finish_execution") {
            full.emplace(what->log->bytes());
        }
    };
    stage.kernel().reply();
    stage.until([&] { return ticket.has_ended(); });
    CHECK(what->log->broken());
    auto const text = stage.get(stage.api.text_of(ticket));
    CHECK(has_it(text));
    auto const again = stage.get(stage.api.find_execution("default", ticket.id));
    CHECK(has_it(stage.get(stage.api.text_of(*again))));
}

TEST_CASE("what was kept does not change with the settings", "[service][outputs]") {
    fake_host host;
    execution_id id;
    {
        service_stage stage(host);
        auto const ticket = begun(stage);
        ticket.live.what->collector->take(print(long_text));
        stage.kernel().reply();
        stage.until([&] { return ticket.has_ended(); });
        id = ticket.id;
        CHECK(has_it(stage.get(stage.api.text_of(ticket))));
    }
    host.config.executions.output.max_bytes = std::size_t{1} << 20;
    service_stage stage(host);
    auto const again = stage.get(stage.api.find_execution("default", id));
    REQUIRE(again.has_value());
    auto const text = stage.get(stage.api.text_of(*again));
    REQUIRE(text.has_value());
    CHECK(text->find("\"truncated\":false") != std::string::npos);
    CHECK(has_it(text));
}
