// SPDX-License-Identifier: Apache-2.0
#include "http/server/connection_io.hpp"

#include "tests/support/catch.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include <string>

using http::connection_io;
using http::slow_reader;
using std::chrono::seconds;

namespace {

namespace asio = boost::asio;

/// How often others on the loop had their turn while `pieces` times `bytes` were written to a peer
/// that has room for all of it.
int turns_of_others(std::size_t turn, int pieces, std::size_t bytes) {
    asio::io_context loop;
    asio::local::stream_protocol::socket near(loop);
    asio::local::stream_protocol::socket far(loop);
    asio::local::connect_pair(near, far);
    auto const io =
        std::make_shared<connection_io>(connection_io::socket_type(std::move(near)), turn);
    std::string const piece(bytes, 'x');
    int turns = 0;
    bool done = false;
    asio::co_spawn(
        loop,
        [](std::shared_ptr<connection_io> to, std::string const& what, int count,
           bool& ended) -> broker::task<> {
            for (int i = 0; i < count; ++i) {
                CHECK(co_await to->write(what, {}, seconds(60)) == connection_io::end::none);
            }
            ended = true;
        }(io, piece, pieces, done),
        asio::detached);
    std::function<void()> other = [&] {
        if (!done) {
            ++turns;
            asio::post(loop, other);
        }
    };
    asio::post(loop, other);
    loop.run();
    return turns;
}

}  // namespace

TEST_CASE("a peer that takes all at once does not keep others waiting", "[http][io]") {
    CHECK(turns_of_others(16 * 1024, 8, 8 * 1024) >= 3);
    CHECK(turns_of_others(16 * 1024, 1, 8 * 1024) == 0);
}

TEST_CASE("a reader that takes little is waited for once, not for ever", "[http][io]") {
    slow_reader reader(seconds(30));
    slow_reader::time_point const start{};
    CHECK(reader.wait(start) == start + seconds(30));
    reader.took(1);
    CHECK(reader.wait(start + seconds(29)) == start + seconds(30));
    reader.took(slow_reader::enough - 2);
    CHECK(reader.wait(start + seconds(29)) == start + seconds(30));
    reader.took(1);
    CHECK(reader.wait(start + seconds(29)) == start + seconds(59));
    CHECK(reader.wait(start + seconds(40)) == start + seconds(59));
}
