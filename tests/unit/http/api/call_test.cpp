// SPDX-License-Identifier: Apache-2.0
#include "http/api/call.hpp"

#include "http/api/render.hpp"
#include "tests/support/catch.hpp"

#include <boost/asio/post.hpp>

#include <future>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
using http::api::read_json;

/// A body that is there at once.
class text_body final : public http::body_reader {
public:
    explicit text_body(std::string text) : text_(std::move(text)) {}
    std::optional<std::uint64_t> announced() const override { return text_.size(); }
    void limit(std::uint64_t) override {}
    broker::task<boost::system::result<std::string_view, http::body_error>> next() override {
        co_return std::exchange(given_, true) ? std::string_view{} : std::string_view(text_);
    }

private:
    std::string text_;
    bool given_ = false;
};

struct outcome {
    int status = 0;
    bool on_loop = false;  // it was there while the pool could do nothing
};

/// Runs what `work` makes of a pool whose only thread is taken until the loop has nothing to do.
template <class Work>
outcome run(Work work) {
    asio::io_context loop;
    asio::thread_pool pool(1);
    std::promise<void> idle;
    asio::post(pool, [busy = idle.get_future().share()] { busy.wait(); });
    outcome seen;
    asio::co_spawn(loop, work(pool),
                   [&](std::exception_ptr const&, int status) { seen.status = status; });
    loop.poll();
    seen.on_loop = seen.status != 0;
    idle.set_value();
    loop.restart();
    loop.run();
    return seen;
}

/// 200 when a document came out.
outcome read(std::string body, std::vector<std::string> const& types) {
    text_body source(std::move(body));
    http::request incoming;
    for (auto const& type : types) {
        incoming.headers.add("Content-Type", type);
    }
    incoming.body = &source;
    return run([&](asio::thread_pool& pool) -> broker::task<int> {
        auto const read = co_await read_json(incoming, 1U << 30, pool);
        auto const* const refused = std::get_if<http::response>(&read);
        co_return refused == nullptr ? 200 : refused->status;
    });
}

outcome answer(std::size_t bytes) {
    broker::execution ended;
    ended.output.stdout_text.assign(bytes, 'x');
    return run([&](asio::thread_pool& pool) -> broker::task<int> {
        auto const made =
            co_await http::api::execution_response(pool, ended, http::api::render_run);
        co_return made.status;
    });
}

std::string array_of(std::size_t bytes) { return "[\"" + std::string(bytes, 'x') + "\"]"; }

}  // namespace

TEST_CASE("a large body is parsed and a large answer written beside the loop", "[http][call]") {
    auto const small = read(array_of(1000), {"application/json"});
    CHECK((small.status == 200 && small.on_loop));
    auto const large = read(array_of(300'000), {"application/json"});
    CHECK((large.status == 200 && !large.on_loop));
    auto const broken = read(array_of(300'000) + "x", {"application/json"});
    CHECK((broken.status == 400 && !broken.on_loop));
    CHECK(answer(1000).on_loop);
    auto const written = answer(2'000'000);
    CHECK((written.status == 200 && !written.on_loop));
}

TEST_CASE("JSON is UTF-8 and says so once", "[http][call]") {
    for (auto const* const good : {"application/json", "Application/JSON; charset=UTF-8",
                                   "application/json;charset=\"utf8\"", "application/json; v=1"}) {
        INFO(good);
        CHECK(read("{}", {good}).status == 200);
    }
    for (auto const* const bad : {"application/json; charset=latin1", "application/json; charset",
                                  "text/json", "application/json, text/plain"}) {
        INFO(bad);
        CHECK(read("{}", {bad}).status == 415);
    }
    CHECK(read("{}", {}).status == 415);
    CHECK(read("{}", {"application/json", "application/json"}).status == 415);
}
