// SPDX-License-Identifier: Apache-2.0
// Reads, looks for the key, and puts the body back. In the request's coroutine.
#include "http/api/body_key.hpp"

#include "broker/core/json_slice.hpp"
#include "http/api/call.hpp"

#include <string>
#include <utility>

namespace http::api {
namespace {

/// Code of that size is what a model writes; more is not read for a stranger.
constexpr std::uint64_t longest_body = std::uint64_t{8} << 20;

/// What was read, once more. The caller's limits were kept at the first reading.
class read_body_again final : public body_reader {
public:
    explicit read_body_again(std::string text) : text_(std::move(text)) {}

    std::optional<std::uint64_t> announced() const override { return text_.size(); }
    broker::task<boost::system::result<std::string_view, body_error>> next() override {
        static constexpr std::size_t at_once = std::size_t{64} << 10;
        auto const piece = std::string_view(text_).substr(at_, at_once);
        at_ += piece.size();
        co_return piece;
    }
    void limit(std::uint64_t) override {}

private:
    std::string text_;
    std::size_t at_ = 0;
};

std::string key_in(std::string const& body) {
    for (auto const* name : {"LIBRECHAT_CODE_API_KEY", "apiKey"}) {
        if (auto key = broker::json_string_member(body, name); key && !key->empty()) {
            return *std::move(key);
        }
    }
    return {};
}

}  // namespace

broker::task<authenticator::verdict> judge_body_key(request& incoming, authenticator const& auth,
                                                    std::unique_ptr<body_reader>& again) {
    auto body = co_await read_body(incoming, longest_body);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    auto& text = std::get<std::string>(body);
    auto judged = auth.check_body_key(key_in(text));
    again = std::make_unique<read_body_again>(std::move(text));
    incoming.body = again.get();
    co_return judged;
}

}  // namespace http::api
