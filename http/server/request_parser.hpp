// SPDX-License-Identifier: Apache-2.0
// Beast's parser with our own types behind it: fields go straight into a request, body bytes are
// handed on as views. Never sees a head that the guard has not passed, and never keeps trailers.
// One per request; one thread at a time.
#pragma once

#include "http/proto/message.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace http {

class request_parser final : private boost::beast::http::basic_parser<true> {
    using base = boost::beast::http::basic_parser<true>;

public:
    request_parser();

    /// Parses a whole head into `into`, which is not kept. False if Beast refuses it.
    bool head(std::string_view bytes, request& into);

    bool keep_alive() const { return base::keep_alive(); }
    int version() const noexcept { return version_; }  // 10 or 11
    bool chunked() const { return base::chunked(); }
    bool done() const { return base::is_done(); }
    /// Of Content-Length; absent if chunked or without a body.
    std::optional<std::uint64_t> length() const;

    struct step {
        std::size_t consumed = 0;
        std::string_view piece;  // body bytes, a view into what was given
        bool need_more = false;
        bool broken = false;
    };
    /// One step into the body: a piece of it, or nothing yet.
    step body(std::string_view bytes);

private:
    using verb = boost::beast::http::verb;
    using field = boost::beast::http::field;
    using view = boost::beast::string_view;
    using code = boost::beast::error_code;

    void on_request_impl(verb, view method, view target, int version, code& ec) override;
    void on_response_impl(int, view, int, code&) override {}
    void on_field_impl(field, view name, view value, code& ec) override;
    void on_header_impl(code&) override { request_ = nullptr; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, code&) override {}
    std::size_t on_body_impl(view body, code&) override;
    void on_chunk_header_impl(std::uint64_t, view, code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t remain, view body, code&) override;
    void on_finish_impl(code&) override {}

    int version_ = 11;
    request* request_ = nullptr;  // while its head is being parsed
    std::string_view piece_;
};

}  // namespace http
