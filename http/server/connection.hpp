// SPDX-License-Identifier: Apache-2.0
// One connection from its first byte to its last: requests are read, judged, handed to the handler
// and answered in order. Never hands on a request whose end could be read in two ways.
// Lives on the loop, owned by the coroutine that runs it; what it refers to outlives it.
#pragma once

#include "http/proto/message.hpp"
#include "http/proto/refusal.hpp"
#include "http/server/connection_io.hpp"
#include "http/server/hangup_watch.hpp"
#include "http/server/request_body.hpp"
#include "http/server/response_writer.hpp"
#include "http/server/server_settings.hpp"

#include <ctime>
#include <memory>
#include <string>

namespace http {

/// What all connections of a listener share.
struct connection_shared {
    connection_shared(boost::asio::thread_pool& p, http::handler& h, server_settings s,
                      server_events e)
        : pool(p), handler(h), settings(s), events(std::move(e)) {}

    boost::asio::thread_pool& pool;
    http::handler& handler;
    server_settings settings;
    server_events events;
    bool unix_socket = false;  // what the listener is
    bool stopping = false;     // every answer is the last of its connection

    /// The Date field, made once a second.
    std::string const& date();

private:
    std::time_t date_of_ = -1;
    std::string date_;
};

class connection {
public:
    connection(connection_io::socket_type socket, std::string peer_address,
               connection_shared& shared);
    connection(connection const&) = delete;
    connection& operator=(connection const&) = delete;

    /// Serves until either side ends it. Closes the socket.
    broker::task<> run();

    /// Instead of `run`, when there are too many: answers 503 before anything is read.
    broker::task<> turn_away();

    /// Between two requests: ends now. Else: ends after the answer that is being made.
    void stop_soon();

private:
    enum class next { another, close, linger };

    broker::task<next> serve_one();
    broker::task<next> read_head(std::size_t& size);
    broker::task<next> respond(request& incoming, request_parser& parser);
    broker::task<response> ask_handler(request& incoming);
    broker::task<bool> send(request const& incoming, response const& answer,
                            response_facts const& facts, hangup_watch& watch);
    broker::task<next> refuse_and_close(refusal why, std::string sentence, request about);
    broker::task<> linger();
    void skip_empty_line();
    void report(request const& incoming, int status, connection_io::clock::time_point since) const;

    std::shared_ptr<connection_io> io_;
    std::string peer_address_;
    connection_shared& shared_;
    response_writer writer_;
    bool idle_ = false;
    unsigned answered_ = 0;
};

}  // namespace http
