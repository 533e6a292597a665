// SPDX-License-Identifier: Apache-2.0
// Reading what every facade reads. Never keeps more of a body than its limit. In the request's
// coroutine.
#include "http/api/call.hpp"

#include "broker/core/names.hpp"
#include "http/api/problem.hpp"
#include "http/proto/media_type.hpp"
#include "http/proto/percent.hpp"
#include "http/proto/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace http::api {
namespace {

/// What is parsed or written in less than a few milliseconds is done on the loop.
constexpr std::size_t large_body = std::size_t{256} << 10;
constexpr std::size_t large_answer = std::size_t{1} << 20;

/// What the kernels take, and what can be an argument of a program at all.
bool is_argument_list(std::vector<std::string> const& argv) {
    constexpr std::size_t max_words = 1024;
    constexpr std::size_t max_bytes = std::size_t{16} << 10;
    std::size_t bytes = 0;
    for (auto const& word : argv) {
        bytes += word.size();
        if (word.find('\0') != std::string::npos) {
            return false;
        }
    }
    return argv.size() <= max_words && bytes <= max_bytes;
}

}  // namespace

std::vector<std::string> call::tenants() const {
    return shared_tenant.empty() ? std::vector{tenant} : std::vector{tenant, shared_tenant};
}

broker::result<std::string> call::param(std::string_view name) const {
    auto decoded = decode_segment(where.raw(name));
    if (!decoded) {
        return broker::fail(broker::errc::invalid_path,
                            fmt::format("the percent-encoding of {{{}}} is broken", name));
    }
    return *std::move(decoded);
}

broker::result<broker::session_key> call::session() const {
    auto const name = param("id");
    if (!name || !broker::is_session_name(*name)) {
        return broker::fail(broker::errc::session_not_found, "there is no session of that id");
    }
    return broker::session_key{tenant, *name};
}

response body_refused(body_error why, std::uint64_t limit) {
    switch (why) {
        case body_error::too_large:
            return refuse(refusal::body_too_large,
                          fmt::format("the body is larger than {} bytes, the limit here", limit));
        case body_error::timeout:
            return refuse(refusal::request_timeout, "the body did not come in time");
        case body_error::broken:
            break;
    }
    return refuse(refusal::bad_request, "the body ended early or its chunks are broken");
}

broker::task<std::variant<std::string, response>> read_body(request& incoming,
                                                            std::uint64_t limit) {
    std::string body;
    if (incoming.body == nullptr) {
        co_return body;
    }
    incoming.body->limit(limit);
    if (auto const announced = incoming.body->announced(); announced && *announced > limit) {
        co_return body_refused(body_error::too_large, limit);
    }
    for (;;) {
        auto const piece = co_await incoming.body->next();
        if (!piece) {
            co_return body_refused(piece.error(), limit);
        }
        if (piece->empty()) {
            co_return body;
        }
        body.append(*piece);
    }
}

broker::task<std::variant<json_document, response>> read_json(request& incoming,
                                                              std::uint64_t limit,
                                                              boost::asio::thread_pool& pool) {
    auto const type = parse_media_type(incoming.headers.joined("Content-Type").value_or(""));
    if (!type || !is_json(*type)) {
        co_return refuse(refusal::unsupported_media_type,
                         "send the body as Content-Type: application/json, in UTF-8");
    }
    if (incoming.headers.find("Content-Encoding") != nullptr) {
        co_return refuse(refusal::unsupported_media_type, "send the body without Content-Encoding");
    }
    auto body = co_await read_body(incoming, limit);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    auto& text = std::get<std::string>(body);
    auto parsed = text.size() <= large_body
                      ? parse_json_request(text)
                      : co_await broker::offload(
                            pool, [large = std::move(text)] { return parse_json_request(large); });
    if (!parsed) {
        co_return refuse(refusal::invalid_json, parsed.error().sentence);
    }
    co_return *std::move(parsed);
}

broker::result<std::multimap<std::string, std::string>> read_query(
    request const& incoming, std::initializer_list<std::string_view> known,
    std::string_view repeatable) {
    auto entries = parse_query(incoming.query);
    if (!entries) {
        return broker::fail(broker::errc::invalid_field,
                            "the query is not made of percent-encoded UTF-8 names and values");
    }
    std::multimap<std::string, std::string> query;
    for (auto& [name, value] : *entries) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return broker::fail(broker::errc::unknown_field,
                                fmt::format("there is no query parameter \"{}\" here", name));
        }
        if (name != repeatable && query.contains(name)) {
            return broker::fail(broker::errc::invalid_field,
                                fmt::format("the query parameter \"{}\" is given twice", name));
        }
        query.emplace(std::move(name), std::move(value));
    }
    return query;
}

broker::result<std::size_t> page_limit(std::multimap<std::string, std::string> const& query,
                                       std::size_t fallback) {
    auto const at = query.find("limit");
    if (at == query.end()) {
        return fallback;
    }
    std::size_t value = 0;
    auto const* const end = at->second.data() + at->second.size();
    auto const [stop, error] = std::from_chars(at->second.data(), end, value);
    if (error != std::errc{} || stop != end || value < 1 || value > 1000) {
        return broker::fail(broker::errc::invalid_field, "limit: a whole number from 1 to 1000");
    }
    return value;
}

std::optional<response> refuse_forms(request const& incoming) {
    for (auto const* header : {"Prefer", "Idempotency-Key"}) {
        if (incoming.headers.find(header) != nullptr) {
            return to_response(broker::fail(broker::errc::invalid_field,
                                            std::string(header) +
                                                " is taken by "
                                                "POST /v1/sessions/{id}/executions only"));
        }
    }
    return std::nullopt;
}

bool is_librechat(request const& incoming) {
    auto const* const agent = incoming.headers.find("User-Agent");
    return incoming.headers.find("User-Id") != nullptr ||
           (agent != nullptr && agent->starts_with("LibreChat/"));
}

std::optional<response> refuse_other_types(request const& incoming) {
    auto const accept = incoming.headers.joined("Accept");
    if (accept && accept_quality(*accept, "application", "json") == 0) {
        return refuse(refusal::not_acceptable, "this route answers application/json");
    }
    return std::nullopt;
}

std::string read_language(object_reader& fields) {
    auto const language = fields.text("language");
    if (language && language->empty()) {
        fields.reject("language", "must not be empty");
    }
    return language.value_or("");
}

std::vector<std::string> read_argv(object_reader& fields) {
    auto argv = fields.list("argv").value_or(std::vector<std::string>{});
    if (!is_argument_list(argv)) {
        fields.reject("argv", "must hold at most 1024 words of 16 KiB together, none with a NUL");
    }
    return argv;
}

response json_response(int status, std::string body) {
    response answer;
    answer.status = status;
    answer.headers.add("Content-Type", "application/json");
    answer.body = std::move(body);
    return answer;
}

broker::task<response> execution_response(boost::asio::thread_pool& pool, broker::execution ended,
                                          std::string (*render)(broker::execution const&)) {
    auto const& output = ended.output;
    auto const bytes = output.stdout_text.size() + output.stderr_text.size() +
                       output.outputs_json.size() + output.displays_json.size();
    if (bytes <= large_answer) {
        co_return json_response(200, render(ended));
    }
    co_return json_response(200, co_await broker::offload(pool, [large = std::move(ended), render] {
                                return render(large);
                            }));
}

response empty_response(int status) {
    response answer;
    answer.status = status;
    return answer;
}

}  // namespace http::api
