// SPDX-License-Identifier: Apache-2.0
// Sizes, then dots, then base64url, then the strict JSON reader. Never recurses. Pure; any thread.
#include "http/proto/json_web_token.hpp"

#include "http/proto/ascii.hpp"
#include "http/proto/base64url.hpp"
#include "http/proto/json_request.hpp"

#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace http {
namespace {

namespace json = boost::json;
using broker::result;

constexpr std::size_t longest_name = 256;
constexpr std::size_t most_audiences = 32;
constexpr double last_second = 253402300799;  // of the year 9999

broker::failure wrong(std::string sentence) {
    return broker::fail(broker::errc::invalid_field, std::move(sentence));
}

result<json_document> object_of(std::string_view base64url, char const* part) {
    auto const text = decode_base64url(base64url);
    if (!text) {
        return wrong("it is not three parts of base64url joined by dots");
    }
    auto document = parse_json_request(*text);
    if (!document || !document->root().is_object()) {
        return wrong(fmt::format("its {} is not a JSON object", part));
    }
    return *std::move(document);
}

/// nullptr for what is absent.
json::value const* find(json_document const& document, char const* name) {
    return document.root().get_object().if_contains(name);
}

/// A string that can be a name.
std::optional<std::string> name_in(json::value const& value) {
    auto const* const text = value.if_string();
    if (text == nullptr || text->empty() || text->size() > longest_name ||
        std::any_of(text->begin(), text->end(), ascii::is_control)) {
        return std::nullopt;
    }
    return std::string(text->data(), text->size());
}

result<std::optional<std::string>> name_of(json_document const& document, char const* name) {
    auto const* const value = find(document, name);
    if (value == nullptr) {
        return std::optional<std::string>{};
    }
    auto text = name_in(*value);
    if (!text) {
        return wrong(fmt::format("{} is not a text of 1 to {} bytes", name, longest_name));
    }
    return text;
}

result<std::optional<double>> time_of(json_document const& document, char const* name) {
    auto const* const value = find(document, name);
    if (value == nullptr) {
        return std::optional<double>{};
    }
    double seconds = -1;
    if (auto const* const d = value->if_double()) {
        seconds = *d;
    } else if (auto const* const i = value->if_int64()) {
        seconds = static_cast<double>(*i);
    } else if (auto const* const u = value->if_uint64()) {
        seconds = static_cast<double>(*u);
    }
    if (!(seconds >= 0 && seconds <= last_second)) {
        return wrong(fmt::format("{} is not a time in seconds since 1970", name));
    }
    return std::optional{seconds};
}

/// One text, or a list of texts (RFC 7519 §4.1.3).
result<std::vector<std::string>> audiences_of(json_document const& document) {
    auto const* const value = find(document, "aud");
    if (value == nullptr) {
        return std::vector<std::string>{};
    }
    auto const* const list = value->if_array();
    std::vector<std::string> out;
    bool good = list == nullptr || list->size() <= most_audiences;
    auto const take = [&](json::value const& one) {
        auto text = name_in(one);
        good = good && text;
        out.push_back(std::move(text).value_or(std::string{}));
    };
    if (list == nullptr) {
        take(*value);
    } else if (good) {
        std::for_each(list->begin(), list->end(), take);
    }
    return good ? result<std::vector<std::string>>{std::move(out)}
                : wrong("aud is neither a text nor a list of texts");
}

/// Puts what was read where it belongs; the first failure stays.
template <class T>
void keep(result<T> read, T& to, std::optional<broker::failure>& first) {
    if (read) {
        to = *std::move(read);
    } else if (!first) {
        first = read.error();
    }
}

}  // namespace

result<token_envelope> open_token(std::string_view token) {
    if (token.size() > max_token_bytes) {
        return wrong(fmt::format("it is longer than {} bytes", max_token_bytes));
    }
    auto const first = token.find('.');
    auto const last = token.rfind('.');
    if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) {
        return wrong("it is not three parts of base64url joined by dots");
    }
    token_envelope out;
    out.signed_text = token.substr(0, last);
    out.payload = token.substr(first + 1, last - first - 1);
    auto signature = decode_base64url(token.substr(last + 1));
    if (!signature) {
        return wrong("it is not three parts of base64url joined by dots");
    }
    out.signature = *std::move(signature);
    auto const header = object_of(token.substr(0, first), "header");
    if (!header) {
        return header.error();
    }
    auto algorithm = name_of(*header, "alg");
    auto key_id = name_of(*header, "kid");
    auto const type = name_of(*header, "typ");
    if (!algorithm || !*algorithm) {
        return wrong("its header names no algorithm (alg)");
    }
    if (!key_id) {
        return key_id.error();
    }
    if (!type || (*type && !ascii::equal(**type, "JWT"))) {
        return wrong("its type (typ) is not JWT");
    }
    if (find(*header, "crit") != nullptr) {
        return wrong("it asks for an extension (crit), and none is known here");
    }
    out.algorithm = **std::move(algorithm);
    out.key_id = *std::move(key_id);
    return out;
}

result<token_claims> read_claims(std::string_view payload) {
    auto const document = object_of(payload, "payload");
    if (!document) {
        return document.error();
    }
    token_claims out;
    std::optional<broker::failure> first;
    keep(name_of(*document, "iss"), out.issuer, first);
    keep(audiences_of(*document), out.audiences, first);
    keep(name_of(*document, "sub"), out.subject, first);
    keep(name_of(*document, "tenant_id"), out.tenant_id, first);
    keep(time_of(*document, "exp"), out.expires, first);
    keep(time_of(*document, "nbf"), out.not_before, first);
    keep(time_of(*document, "iat"), out.issued, first);
    return first ? result<token_claims>{*first} : result<token_claims>{std::move(out)};
}

}  // namespace http
