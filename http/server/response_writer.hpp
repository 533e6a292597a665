// SPDX-License-Identifier: Apache-2.0
// Sends a response: head and text in one packet where they fit, files and streams piece by piece.
// Never holds more than 64 KiB of a file or one piece of a stream, nor reads a disk on the loop.
// Lives with its connection; one response at a time.
#pragma once

#include "http/proto/message.hpp"
#include "http/proto/response_head.hpp"
#include "http/server/connection_io.hpp"
#include "http/server/hangup_watch.hpp"

#include <chrono>
#include <string>

namespace http {

class response_writer {
public:
    response_writer(connection_io& io, boost::asio::thread_pool& pool,
                    std::chrono::milliseconds patience)
        : io_(io), pool_(pool), patience_(patience) {}

    /// A text or a file; `facts.length` is filled in here. False if the connection has to close:
    /// the client took nothing for too long or left, or a file was shorter than it was said to be.
    broker::task<bool> send(response const& answer, response_facts facts, bool head_only);

    /// A stream; likewise. The source has come to its end or been stopped when this returns, throws
    /// or is cancelled; `watch` ends with it. Throws what the source throws.
    broker::task<bool> send_stream(response const& answer, response_facts const& facts,
                                   bool head_only, hangup_watch& watch);

private:
    broker::task<bool> send_file(file_body const& body);

    connection_io& io_;
    boost::asio::thread_pool& pool_;
    std::chrono::milliseconds patience_;
    std::string head_;  // kept for its capacity
};

}  // namespace http
