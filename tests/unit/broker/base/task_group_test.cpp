// SPDX-License-Identifier: Apache-2.0
#include "broker/base/task_group.hpp"

#include "tests/support/catch.hpp"

#include <stdexcept>

namespace {

broker::task<> wait_for(std::shared_ptr<broker::async_event> event, int& ended) {
    co_await event->wait();
    ++ended;
}

broker::task<> fails() {
    throw std::runtime_error("broken");
    co_return;
}

broker::task<> join_then(broker::task_group& group, bool& joined) {
    co_await group.join();
    joined = true;
}

}  // namespace

TEST_CASE("an event wakes every waiter, and a late one at once", "[base][async_event]") {
    boost::asio::io_context loop;
    broker::task_group group(loop.get_executor(), nullptr);
    auto const event = std::make_shared<broker::async_event>(loop.get_executor());
    int ended = 0;
    group.spawn(wait_for(event, ended));
    group.spawn(wait_for(event, ended));
    loop.poll();
    CHECK(ended == 0);
    event->raise();
    loop.poll();
    CHECK(ended == 2);
    group.spawn(wait_for(event, ended));
    loop.restart();
    loop.poll();
    CHECK(ended == 3);
}

TEST_CASE("join returns when the last coroutine has ended", "[base][task_group]") {
    boost::asio::io_context loop;
    broker::task_group group(loop.get_executor(), nullptr);
    broker::task_group outer(loop.get_executor(), nullptr);
    auto const event = std::make_shared<broker::async_event>(loop.get_executor());
    int ended = 0;
    bool joined = false;
    group.spawn(wait_for(event, ended));
    outer.spawn(join_then(group, joined));
    loop.poll();
    CHECK_FALSE(joined);
    event->raise();
    loop.poll();
    CHECK(joined);
}

TEST_CASE("cancel ends coroutines that wait", "[base][task_group]") {
    boost::asio::io_context loop;
    broker::task_group group(loop.get_executor(), nullptr);
    auto const event = std::make_shared<broker::async_event>(loop.get_executor());
    int ended = 0;
    group.spawn(wait_for(event, ended));
    loop.poll();
    REQUIRE(group.size() == 1);
    group.cancel();
    loop.poll();
    CHECK(group.size() == 0);
    CHECK(ended == 0);  // what it waited for did not happen
}

TEST_CASE("an exception reaches the group's handler", "[base][task_group]") {
    boost::asio::io_context loop;
    int heard = 0;
    broker::task_group group(loop.get_executor(), [&heard](std::exception_ptr) { ++heard; });
    group.spawn(fails());
    loop.poll();
    CHECK(heard == 1);
    CHECK(group.size() == 0);
}

TEST_CASE("offloaded work runs on the pool and its value comes back", "[base][async]") {
    boost::asio::io_context loop;
    boost::asio::thread_pool pool(1);
    broker::task_group group(loop.get_executor(), nullptr);
    int got = 0;
    auto work = [](boost::asio::thread_pool& where, int& out) -> broker::task<> {
        out = co_await broker::offload(where, [] { return 42; });
    };
    group.spawn(work(pool, got));
    loop.run();
    CHECK(got == 42);
}
