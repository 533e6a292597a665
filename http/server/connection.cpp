// SPDX-License-Identifier: Apache-2.0
// The loop of one connection. Never spawns anything: a request costs no timer and no coroutine that
// outlives it. On the loop.
#include "http/server/connection.hpp"

#include "http/proto/head_guard.hpp"
#include "http/proto/http_date.hpp"
#include "http/proto/request_id.hpp"
#include "http/proto/target.hpp"
#include "http/server/request_parser.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <exception>

namespace http {
namespace {

/// Requests served in one go before other connections get their turn.
constexpr unsigned burst = 32;

/// Puts what the target says into the request; false if it is no target of ours.
bool take_target(request& incoming) {
    auto const raw = std::move(incoming.path);
    auto const parts = parse_target(raw);
    if (!parts) {
        return false;
    }
    incoming.path = parts->path;
    incoming.query = parts->query;
    auto const* const host = incoming.headers.find("Host");
    if (!parts->authority.empty()) {
        incoming.authority = parts->authority;
    } else if (host != nullptr) {
        incoming.authority = *host;
    }
    return true;
}

}  // namespace

std::string const& connection_shared::date() {
    if (auto const now = std::time(nullptr); now != date_of_) {
        date_of_ = now;
        date_ = format_http_date(now);
    }
    return date_;
}

connection::connection(connection_io::socket_type socket, std::string peer_address,
                       connection_shared& shared)
    : io_(std::make_shared<connection_io>(std::move(socket))),
      peer_address_(std::move(peer_address)),
      shared_(shared),
      writer_(*io_, shared.pool, shared.settings.write_time) {}

broker::task<> connection::run() {
    auto then = next::another;
    while (then == next::another) {
        then = co_await serve_one();
    }
    if (then == next::linger) {
        co_await linger();
    }
    io_->close();
}

broker::task<> connection::turn_away() {
    auto const then =
        co_await refuse_and_close(refusal::too_many_connections, "Try again in a moment.", {});
    if (then == next::linger) {
        co_await linger();
    }
    io_->close();
}

void connection::stop_soon() {
    if (idle_) {
        io_->interrupt();
    }
}

broker::task<connection::next> connection::serve_one() {
    std::size_t size = 0;
    auto const then = co_await read_head(size);
    if (then != next::another) {
        co_return then;
    }
    request incoming;
    request_parser parser;
    bool const understood = parser.head(io_->buffered().substr(0, size), incoming);
    io_->consume(size);
    if (!understood) {
        co_return co_await refuse_and_close(refusal::bad_request, "The header is malformed.", {});
    }
    incoming.request_id = choose_request_id(incoming.headers.find("X-Request-Id"),
                                            incoming.headers.count("X-Request-Id"));
    if (incoming.method == "CONNECT") {
        co_return co_await refuse_and_close(refusal::not_implemented, "CONNECT is not served.",
                                            std::move(incoming));
    }
    if (!take_target(incoming)) {
        co_return co_await refuse_and_close(refusal::bad_request,
                                            "The target must be a path, or an http URL.",
                                            std::move(incoming));
    }
    co_return co_await respond(incoming, parser);
}

void connection::skip_empty_line() {
    if (io_->buffered().starts_with("\r\n")) {
        io_->consume(2);  // RFC 9112 §2.2: some clients end a body with one too many
    }
}

/// Waits until a whole head is buffered, and tells its size.
broker::task<connection::next> connection::read_head(std::size_t& size) {
    auto const& limits = shared_.settings;
    head_guard guard(
        {limits.max_request_line_bytes, limits.max_header_bytes, limits.max_header_fields});
    skip_empty_line();
    if (io_->buffered().empty()) {
        if (shared_.stopping) {
            co_return next::close;
        }
        io_->shrink();
        // Who has asked nothing yet has not earned the patience for a client that may come back.
        io_->deadline_in(answered_ == 0 ? limits.header_time : limits.idle_time);
        idle_ = true;
        auto const read = co_await io_->read_more();
        idle_ = false;
        io_->no_deadline();
        if (read != connection_io::end::none) {
            co_return next::close;
        }
        skip_empty_line();
    }
    bool timed = false;
    for (;;) {
        switch (guard.scan(io_->buffered())) {
            case head_guard::outcome::complete:
                size = guard.size();
                io_->no_deadline();
                co_return next::another;
            case head_guard::outcome::broken:
                co_return co_await refuse_and_close(guard.why(), guard.sentence(), {});
            case head_guard::outcome::need_more:
                break;
        }
        if (io_->full()) {
            co_return co_await refuse_and_close(refusal::header_too_large,
                                                "The header is longer than this server takes.", {});
        }
        if (!std::exchange(timed, true)) {
            io_->deadline_in(limits.header_time);
        }
        auto const read = co_await io_->read_more();
        if (read == connection_io::end::timed_out) {
            co_return co_await refuse_and_close(refusal::request_timeout,
                                                "The header did not arrive in time.", {});
        }
        if (read != connection_io::end::none) {
            co_return next::close;
        }
    }
}

broker::task<response> connection::ask_handler(request& incoming) {
    std::string thrown;
    try {
        co_return co_await shared_.handler.handle(incoming);
    } catch (boost::system::system_error const& e) {
        if (e.code() == boost::asio::error::operation_aborted) {
            throw;  // the server is being ended, not the handler broken
        }
        thrown = e.what();
    } catch (std::exception const& e) {
        thrown = e.what();
    }
    if (shared_.events.failed) {
        shared_.events.failed("handler", incoming.request_id + ": " + thrown);
    }
    co_return refuse(refusal::internal, "The broker's log has the reason under this request id.");
}

/// False if the connection has to close: also for a source that threw, whose head has been sent.
broker::task<bool> connection::send(request const& incoming, response const& answer,
                                    response_facts const& facts, hangup_watch& watch) {
    bool const head_only = incoming.method == "HEAD";
    if (!std::holds_alternative<stream_body>(answer.body)) {
        watch.stop();
        co_return co_await writer_.send(answer, facts, head_only);
    }
    std::string thrown;
    try {
        co_return co_await writer_.send_stream(answer, facts, head_only, watch);
    } catch (boost::system::system_error const& e) {
        if (e.code() == boost::asio::error::operation_aborted) {
            throw;
        }
        thrown = e.what();
    } catch (std::exception const& e) {
        thrown = e.what();
    }
    if (shared_.events.failed) {
        shared_.events.failed("stream", incoming.request_id + ": " + thrown);
    }
    co_return false;
}

broker::task<connection::next> connection::respond(request& incoming, request_parser& parser) {
    auto const since = connection_io::clock::now();
    bool const http_1_0 = parser.version() == 10;
    bool const expects = !http_1_0 && !parser.done() && incoming.headers.count("Expect") != 0 &&
                         io_->buffered().empty();
    request_body body(*io_, parser, expects, shared_.settings.body_time);
    hangup_watch watch(io_->socket(), body);
    incoming.body = &body;
    incoming.peer = &watch;
    incoming.peer_address = peer_address_;
    incoming.unix_socket = shared_.unix_socket;
    auto const answer = co_await ask_handler(incoming);
    if (!answer.reason.empty() && shared_.events.failed) {
        shared_.events.failed("request", incoming.request_id + ": " + answer.reason);
    }

    // Without chunks only the end of the connection ends what has no length.
    bool const framed = !http_1_0 || !std::holds_alternative<stream_body>(answer.body);
    bool const keep =
        framed && parser.keep_alive() && !answer.close && !shared_.stopping && body.can_skip();
    response_facts const facts{shared_.date(), incoming.request_id, {}, keep, http_1_0};
    bool const sent = co_await send(incoming, answer, facts, watch);
    report(incoming, answer.status, since);
    if (!sent) {
        co_return next::close;
    }
    if (!keep) {
        co_return body.finished() && io_->buffered().empty() ? next::close : next::linger;
    }
    if (!co_await body.skip()) {
        co_return next::close;
    }
    if (++answered_ % burst == 0 && !io_->buffered().empty()) {
        co_await boost::asio::post(co_await boost::asio::this_coro::executor, broker::use_task);
    }
    co_return next::another;
}

void connection::report(request const& incoming, int status,
                        connection_io::clock::time_point since) const {
    if (shared_.events.answered) {
        auto const took = std::chrono::duration_cast<std::chrono::microseconds>(
            connection_io::clock::now() - since);
        shared_.events.answered(incoming.method, incoming.path, status, incoming.request_id, took);
    }
}

/// For what never became a request; `about` is empty if no head was understood.
broker::task<connection::next> connection::refuse_and_close(refusal why, std::string sentence,
                                                            request about) {
    if (about.request_id.empty()) {
        about.request_id = choose_request_id(nullptr, 0);
    }
    auto const answer = refuse(why, std::move(sentence));
    response_facts const facts{shared_.date(), about.request_id, {}, false, false};
    bool const sent = co_await writer_.send(answer, facts, false);
    report(about, answer.status, connection_io::clock::now());
    co_return sent ? next::linger : next::close;
}

/// Closing with unread bytes makes the system send a reset that can overtake the answer; so what
/// the client still sends is read over for a moment.
broker::task<> connection::linger() {
    boost::system::error_code ignored;
    io_->socket().shutdown(connection_io::socket_type::shutdown_send, ignored);
    io_->deadline_in(shared_.settings.linger_time);
    auto read = connection_io::end::none;
    while (read == connection_io::end::none) {
        io_->consume(io_->buffered().size());
        read = co_await io_->read_more();
    }
}

}  // namespace http
