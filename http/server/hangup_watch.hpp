// SPDX-License-Identifier: Apache-2.0
// Tells that the client has closed while nobody reads from its connection.
// Never takes a byte off the socket, and never waits on it unless somebody wants to be told.
// On the loop; lives as long as its request is served, and its socket longer.
#pragma once

#include "http/proto/message.hpp"
#include "http/server/connection_io.hpp"
#include "http/server/request_body.hpp"

#include <functional>
#include <memory>

namespace http {

class hangup_watch final : public peer_watch {
public:
    hangup_watch(connection_io::socket_type& socket, request_body const& body)
        : socket_(socket), body_(body) {}
    ~hangup_watch() override { stop(); }

    void on_hangup(std::function<void()> gone) override;

    /// Nobody is told any more, and no wait is left that would see the next request's bytes.
    void stop();

private:
    struct state;

    connection_io::socket_type& socket_;
    request_body const& body_;
    std::shared_ptr<state> state_;  // made when somebody asks
};

}  // namespace http
