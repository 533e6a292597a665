// SPDX-License-Identifier: Apache-2.0
// The body of one request, pulled off the connection piece by piece.
// Never reads before it is asked to, nor more than the buffer of the connection holds.
// Lives as long as its request is served; one coroutine at a time.
#pragma once

#include "http/proto/message.hpp"
#include "http/server/connection_io.hpp"
#include "http/server/request_parser.hpp"

#include <chrono>
#include <cstdint>

namespace http {

class request_body final : public body_reader {
public:
    /// `awaits_continue`: the client sends nothing before it has seen 100 (Continue).
    request_body(connection_io& io, request_parser& parser, bool awaits_continue,
                 std::chrono::milliseconds patience)
        : io_(io), parser_(parser), awaits_continue_(awaits_continue), patience_(patience) {}

    std::optional<std::uint64_t> announced() const override { return parser_.length(); }
    void limit(std::uint64_t bytes) override { limit_ = bytes; }
    broker::task<boost::system::result<std::string_view, body_error>> next() override;

    /// The whole body has been read.
    bool finished() const { return parser_.done() && failed_ == nullptr; }

    /// Finished, and nothing that came after it is buffered.
    bool is_last() const { return finished() && io_.buffered().size() == pending_; }

    /// Reads over what is left if that is little and on its way; false if the connection has to
    /// close instead.
    bool can_skip() const;
    broker::task<bool> skip();

private:
    using outcome = boost::system::result<std::string_view, body_error>;
    outcome fail(body_error why);
    broker::task<bool> fill();

    connection_io& io_;
    request_parser& parser_;
    bool awaits_continue_;
    std::chrono::milliseconds patience_;
    std::uint64_t limit_ = UINT64_MAX;
    std::uint64_t seen_ = 0;
    std::size_t pending_ = 0;  // bytes of the last piece, still in the buffer
    body_error error_ = body_error::broken;
    body_error const* failed_ = nullptr;  // &error_ once it has failed
};

}  // namespace http
