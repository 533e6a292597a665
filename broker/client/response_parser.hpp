// SPDX-License-Identifier: Apache-2.0
// The bytes of one HTTP response become its status, the fields a client looks at, and its body.
// Never reads anything itself, and never keeps body bytes: they are handed on as views.
// One per response; one thread at a time.
#pragma once

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace broker::client {

struct response_head {
    unsigned status = 0;
    std::string location;
    std::string content_type;
};

class response_parser final : private boost::beast::http::basic_parser<false> {
    using base = boost::beast::http::basic_parser<false>;

public:
    using body_sink = std::function<void(std::string_view)>;

    explicit response_parser(body_sink on_body);

    /// False: this is not HTTP, or a head above 64 KiB. Bytes may come in any pieces.
    bool on_bytes(std::string_view bytes);
    /// The connection was closed. False: before the response was complete.
    bool on_end();

    bool has_head() const { return base::is_header_done(); }
    bool done() const { return base::is_done(); }
    response_head const& head() const noexcept { return head_; }

private:
    using verb = boost::beast::http::verb;
    using field = boost::beast::http::field;
    using view = boost::beast::string_view;
    using code = boost::beast::error_code;

    void on_request_impl(verb, view, view, int, code&) override {}
    void on_response_impl(int status, view reason, int version, code& ec) override;
    void on_field_impl(field name, view, view value, code& ec) override;
    void on_header_impl(code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, code&) override {}
    std::size_t on_body_impl(view body, code&) override;
    void on_chunk_header_impl(std::uint64_t, view, code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, view body, code&) override;
    void on_finish_impl(code&) override {}

    body_sink on_body_;
    std::string pending_;  // what the parser needs more bytes after
    response_head head_;
};

}  // namespace broker::client
