// SPDX-License-Identifier: Apache-2.0
// The callbacks of Beast's parser for responses. Never throws on what a server sends.
// One thread at a time.
#include "broker/client/response_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/impl/basic_parser.hpp>

#include <utility>

namespace broker::client {
namespace {

std::string_view to_std(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

response_parser::response_parser(body_sink on_body) : on_body_(std::move(on_body)) {
    base::header_limit(64 * 1024);
    base::body_limit(boost::none);  // whoever takes the body bounds it
    base::eager(true);
}

bool response_parser::on_bytes(std::string_view bytes) {
    pending_ += bytes;
    std::size_t used = 0;
    while (used < pending_.size() && !base::is_done()) {
        code ec;
        auto const step = base::put(
            boost::asio::const_buffer(pending_.data() + used, pending_.size() - used), ec);
        used += step;
        if (ec == boost::beast::http::error::need_more) {
            break;
        }
        if (ec) {
            return false;
        }
        if (step == 0) {
            break;
        }
    }
    pending_.erase(0, used);
    return true;
}

bool response_parser::on_end() {
    if (!base::is_header_done()) {
        return false;
    }
    code ec;
    if (!base::is_done()) {
        base::put_eof(ec);
    }
    return !ec && base::is_done();
}

void response_parser::on_response_impl(int status, view, int, code&) {
    head_.status = status < 0 ? 0 : static_cast<unsigned>(status);
}

void response_parser::on_field_impl(field name, view, view value, code&) {
    if (base::is_header_done()) {
        return;  // trailers are read over
    }
    if (name == field::location) {
        head_.location = to_std(value);
    } else if (name == field::content_type) {
        head_.content_type = to_std(value);
    }
}

std::size_t response_parser::on_body_impl(view body, code&) {
    on_body_(to_std(body));
    return body.size();
}

std::size_t response_parser::on_chunk_body_impl(std::uint64_t, view body, code&) {
    on_body_(to_std(body));
    return body.size();
}

}  // namespace broker::client
