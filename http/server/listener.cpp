// SPDX-License-Identifier: Apache-2.0
// Accepting, and the orderly end of it. Never spins on an error that stays. On the loop.
#include "http/server/listener.hpp"

#include "broker/base/task_group.hpp"
#include "http/server/bound_socket.hpp"
#include "http/server/connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <list>

namespace http {

struct listener::state : std::enable_shared_from_this<listener::state> {
    state(boost::asio::io_context& loop, bound_socket socket, connection_shared s)
        : where(std::move(socket.where)),
          acceptor(std::move(socket.acceptor)),
          owned(std::move(socket.owned)),
          shared(std::move(s)),
          group(loop.get_executor(), [this](std::exception_ptr) { failed("connection", "threw"); }),
          retry(loop) {
        shared.unix_socket = std::holds_alternative<unix_endpoint>(where);
    }

    void failed(std::string_view what, std::string_view detail) const {
        if (shared.events.failed) {
            shared.events.failed(what, detail);
        }
    }

    broker::task<> accept_all();
    broker::task<> accepted(connection_io::socket_type socket);
    broker::task<> turned_away(connection_io::socket_type socket);
    void admit(connection_io::socket_type socket);

    endpoint where;
    bound_socket::acceptor_type acceptor;
    owned_socket_file owned;
    connection_shared shared;
    broker::task_group group;
    boost::asio::steady_timer retry;
    std::list<connection*> open;
    std::size_t leaving = 0;  // turned away, and not gone yet
    bool full = false;
};

namespace {

/// Out of descriptors or memory: nothing is gained by trying again at once.
constexpr std::chrono::milliseconds back_off{100};

/// To so many at once it is told that there are too many; what comes above is closed without a
/// word.
constexpr std::size_t most_leaving = 64;

bool passes_by_itself(boost::system::error_code const& ec) {
    return ec == boost::asio::error::connection_aborted || ec == boost::asio::error::interrupted ||
           ec == boost::asio::error::connection_reset || ec == boost::system::errc::protocol_error;
}

void no_delay(connection_io::socket_type& socket, endpoint const& where) {
    if (std::holds_alternative<tcp_endpoint>(where)) {
        boost::system::error_code ignored;
        socket.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
    }
}

}  // namespace

broker::task<> listener::state::accept_all() {
    auto const self = shared_from_this();
    bool told = false;
    while (acceptor.is_open()) {
        connection_io::socket_type socket(acceptor.get_executor());
        auto const [ec] = co_await acceptor.async_accept(socket, broker::no_throw);
        if (ec == boost::asio::error::operation_aborted || !acceptor.is_open()) {
            co_return;
        }
        if (!ec) {
            told = false;
            admit(std::move(socket));
        } else if (!passes_by_itself(ec)) {
            if (!std::exchange(told, true)) {
                failed("accept", ec.message());
            }
            retry.expires_after(back_off);
            co_await retry.async_wait(broker::no_throw);
        }
    }
}

broker::task<> listener::state::accepted(connection_io::socket_type socket) {
    auto const self = shared_from_this();
    no_delay(socket, where);
    auto peer = peer_address(socket);
    connection served(std::move(socket), std::move(peer), shared);
    auto const entry = open.insert(open.end(), &served);
    struct leave {
        std::list<connection*>& from;
        std::list<connection*>::iterator entry;
        ~leave() { from.erase(entry); }
    } const left{open, entry};
    if (shared.stopping) {
        co_return;
    }
    co_await served.run();
}

broker::task<> listener::state::turned_away(connection_io::socket_type socket) {
    auto const self = shared_from_this();
    struct leave {
        std::size_t& count;
        ~leave() { --count; }
    } const left{leaving};
    connection refused(std::move(socket), {}, shared);
    co_await refused.turn_away();
}

void listener::state::admit(connection_io::socket_type socket) {
    if (open.size() < shared.settings.max_connections) {
        full = false;
        group.spawn(accepted(std::move(socket)));
        return;
    }
    if (!std::exchange(full, true) && shared.events.full) {
        shared.events.full(open.size());
    }
    if (leaving < most_leaving) {
        ++leaving;
        group.spawn(turned_away(std::move(socket)));
    }
}

listener::listener(std::shared_ptr<state> s) : state_(std::move(s)) {}
listener::~listener() = default;

broker::result<std::unique_ptr<listener>> listener::open(boost::asio::io_context& loop,
                                                         boost::asio::thread_pool& pool,
                                                         endpoint where, handler& handler,
                                                         server_settings settings,
                                                         server_events events) {
    auto bound = bind_and_listen(loop, std::move(where));
    if (!bound) {
        return bound.error();
    }
    connection_shared shared(pool, handler, settings, std::move(events));
    auto made = std::make_shared<state>(loop, std::move(*bound), std::move(shared));
    return std::unique_ptr<listener>(new listener(std::move(made)));
}

void listener::start() { state_->group.spawn(state_->accept_all()); }

broker::task<> listener::stop(std::chrono::steady_clock::duration grace) {
    auto const self = state_;
    self->shared.stopping = true;
    boost::system::error_code ignored;
    self->acceptor.close(ignored);
    self->retry.cancel();
    self->owned.remove();
    for (auto* const served : self->open) {
        served->stop_soon();
    }
    boost::asio::steady_timer enough(self->retry.get_executor(), grace);
    enough.async_wait([weak = std::weak_ptr(self)](boost::system::error_code const& ec) {
        if (auto const alive = weak.lock(); alive && !ec) {
            alive->group.cancel();
        }
    });
    co_await self->group.join();
    enough.cancel();
}

endpoint const& listener::where() const noexcept { return state_->where; }
std::size_t listener::connections() const noexcept { return state_->open.size(); }

}  // namespace http
