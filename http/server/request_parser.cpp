// SPDX-License-Identifier: Apache-2.0
// The callbacks of Beast's parser. Never allocates for the body. One thread at a time.
#include "http/server/request_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/impl/basic_parser.hpp>

namespace http {
namespace {

std::string_view to_std(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

request_parser::request_parser() {
    // The guard bounds the head, the body reader the body, each with a limit of the route.
    base::header_limit(64 * 1024);
    base::body_limit(boost::none);
    base::eager(false);
}

bool request_parser::head(std::string_view bytes, request& into) {
    request_ = &into;
    code ec;
    auto const used = base::put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
    if (!ec && !base::is_header_done()) {
        base::put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    }
    request_ = nullptr;
    return !ec && base::is_header_done();
}

std::optional<std::uint64_t> request_parser::length() const {
    auto const announced = base::content_length();
    return announced ? std::optional<std::uint64_t>(*announced) : std::nullopt;
}

request_parser::step request_parser::body(std::string_view bytes) {
    step out;
    piece_ = {};
    code ec;
    out.consumed = base::put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
    out.piece = piece_;
    out.need_more = ec == boost::beast::http::error::need_more;
    out.broken = ec && !out.need_more;
    return out;
}

void request_parser::on_request_impl(verb, view method, view target, int version, code&) {
    version_ = version;
    request_->method = to_std(method);
    request_->path = to_std(target);
}

void request_parser::on_field_impl(field, view name, view value, code&) {
    if (request_ != nullptr) {  // trailers are read over
        request_->headers.add(std::string(to_std(name)), std::string(to_std(value)));
    }
}

std::size_t request_parser::on_body_impl(view body, code&) {
    piece_ = to_std(body);
    return body.size();
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, view body, code&) {
    piece_ = to_std(body);
    return body.size();
}

}  // namespace http
