// SPDX-License-Identifier: Apache-2.0
// Flags first, then the environment, then loopback. Never lets a text into a request line or a
// header field that is not of its known form. One thread.
#include "broker/daemon/client_target.hpp"

#include "broker/base/ids.hpp"
#include "broker/base/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace broker {
namespace {

std::optional<std::string> variable(named_texts const& environment, std::string_view name) {
    auto const found = std::ranges::find(environment, name, &named_texts::value_type::first);
    return found == environment.end() ? std::nullopt : std::optional{found->second};
}

/// What the API takes as a session's name.
bool is_session_name(std::string_view name) {
    return !name.empty() && name.size() <= 128 && name != "." && name != ".." &&
           std::ranges::all_of(name, [](char c) {
               return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == ':' || c == '-';
           });
}

bool is_key(std::string_view key) {
    return std::ranges::all_of(key, [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

result<client_target> make_client_target(client_words const& words,
                                         named_texts const& environment) {
    client_target out;
    auto const url = words.url ? words.url : variable(environment, "KERNEL_BROKER_URL");
    auto parsed = client::parse_server_url(url.value_or("http://127.0.0.1:8000"));
    if (!parsed) {
        return parsed.error();
    }
    out.to.url = *std::move(parsed);
    auto const key = words.key ? words.key : variable(environment, "KERNEL_BROKER_API_KEY");
    out.to.key = key.value_or("");
    if (!is_key(out.to.key)) {
        return fail(errc::invalid_field, "the key has bytes that no key has");
    }
    out.own_session = !words.session;
    out.session = words.session.value_or("cli-" + make_random_id());
    if (!is_session_name(out.session)) {
        return fail(errc::invalid_field,
                    fmt::format("\"{}\" is no name of a session: 1 to 128 of A-Z a-z 0-9 . _ : -",
                                out.session));
    }
    return out;
}

std::string execution_request(std::string_view code, client_words const& words,
                              std::string_view language) {
    std::string out;
    json_object body{out};
    body.string("code", code);
    if (!language.empty()) {
        body.string("language", language);
    }
    if (words.timeout_s) {
        body.number("timeout_s", *words.timeout_s);
    }
    if (words.input) {
        body.boolean("allow_stdin", true);
    }
    body.close();
    return out;
}

result<client::json> fetch_execution(client::endpoint const& from, std::string const& id,
                                     client::wakers const& also, std::chrono::milliseconds within) {
    auto const answer = client::call(from, {"GET", "/v1/executions/" + id, {}, {}}, also, within);
    if (!answer) {
        return answer.error();
    }
    if (answer->status != 200) {
        return fail(errc::internal, client::refusal_text(*answer));
    }
    auto parsed = client::parse_json(answer->body);
    if (!parsed || !parsed->is_object()) {
        return fail(errc::internal, "the answer is no JSON object");
    }
    // Spelled out: JSON converts to too much for the result to tell value and error apart.
    return result<client::json>{boost::system::in_place_value, *std::move(parsed)};
}

std::optional<std::string> delete_session(client_target const& target, client::wakers const& also,
                                          std::chrono::milliseconds within) {
    auto const answer =
        client::call(target.to, {"DELETE", "/v1/sessions/" + target.session, {}, {}}, also, within);
    if (answer && (answer->status == 204 || answer->status == 404)) {
        return std::nullopt;
    }
    return fmt::format("session {} was not deleted: {}", target.session,
                       answer ? client::refusal_text(*answer) : answer.error().detail);
}

}  // namespace broker
