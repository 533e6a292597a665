// SPDX-License-Identifier: Apache-2.0
// The strict reader of request bodies, on Boost.JSON's event parser.
// Never lets the library decide what to do about a duplicate or an overflow. Pure; any thread.
#include "http/proto/json_request.hpp"

#include "http/proto/json_text.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace http {
namespace {

namespace json = boost::json;
using boost::system::error_code;

constexpr std::string_view half_a_pair = "a \\u escape is half a surrogate pair";

enum class own_rule { none, duplicate, too_many_values, too_many_members, number_range };

/// Builds the value; every `on_` returns false to stop with `broken` set.
class builder {
public:
    static constexpr std::size_t max_object_size = max_json_members + 1;
    static constexpr std::size_t max_array_size = max_json_values + 1;
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();

    own_rule broken = own_rule::none;
    std::string name;  // of the duplicate

    json::value take() { return std::move(root_); }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_array_begin(error_code& ec) { return open(json::value(json::array_kind), ec); }
    bool on_object_begin(error_code& ec) { return open(json::value(json::object_kind), ec); }
    bool on_array_end(std::size_t, error_code& ec) { return close(ec); }
    bool on_object_end(std::size_t, error_code& ec) { return close(ec); }
    bool on_key_part(json::string_view s, std::size_t, error_code&) { return gather(s); }
    bool on_key(json::string_view s, std::size_t, error_code& ec);
    bool on_string_part(json::string_view s, std::size_t, error_code&) { return gather(s); }
    bool on_string(json::string_view s, std::size_t, error_code& ec) {
        gather(s);
        json::value whole(json::string_view(text_.data(), text_.size()));
        text_.clear();
        return add(std::move(whole), ec);
    }
    bool on_number_part(json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t i, json::string_view, error_code& ec) { return add(i, ec); }
    bool on_uint64(std::uint64_t u, json::string_view, error_code& ec) { return add(u, ec); }
    bool on_double(double d, json::string_view, error_code& ec) {
        return std::isfinite(d) ? add(d, ec) : stop(own_rule::number_range, ec);
    }
    bool on_bool(bool b, error_code& ec) { return add(b, ec); }
    bool on_null(error_code& ec) { return add(nullptr, ec); }
    bool on_comment_part(json::string_view, error_code&) { return true; }
    bool on_comment(json::string_view, error_code&) { return true; }

private:
    struct level {
        json::value container;
        json::string key;  // the member that is being read, if an object
    };

    bool gather(json::string_view s) {
        text_.append(s.data(), s.size());
        return true;
    }

    bool stop(own_rule why, error_code& ec) {
        broken = why;
        ec = make_error_code(json::error::input_error);
        return false;
    }

    bool open(json::value container, error_code& ec) {
        if (++values_ > max_json_values) {
            return stop(own_rule::too_many_values, ec);
        }
        open_.push_back({std::move(container), {}});
        return true;
    }

    bool close(error_code&) {
        auto done = std::move(open_.back().container);
        open_.pop_back();
        attach(std::move(done));
        return true;
    }

    bool add(json::value value, error_code& ec) {
        if (++values_ > max_json_values) {
            return stop(own_rule::too_many_values, ec);
        }
        attach(std::move(value));
        return true;
    }

    void attach(json::value&& value) {
        if (open_.empty()) {
            root_ = std::move(value);
        } else if (auto* const array = open_.back().container.if_array()) {
            array->push_back(std::move(value));
        } else if (auto* const object = open_.back().container.if_object()) {
            object->emplace(open_.back().key, std::move(value));
        }
    }

    std::vector<level> open_;
    std::string text_;
    json::value root_;
    std::size_t values_ = 0;
};

bool builder::on_key(json::string_view s, std::size_t, error_code& ec) {
    gather(s);
    auto& here = open_.back();
    here.key = text_;
    text_.clear();
    auto const* const object = here.container.if_object();
    if (object->contains(here.key)) {
        name.assign(here.key.data(), here.key.size());
        return stop(own_rule::duplicate, ec);
    }
    return object->size() < max_json_members || stop(own_rule::too_many_members, ec);
}

std::string place(std::string_view body, std::size_t at) {
    auto const before = body.substr(0, at);
    auto const line = std::count(before.begin(), before.end(), '\n') + 1;
    auto const start = before.rfind('\n');
    auto const column = start == std::string_view::npos ? at + 1 : at - start;
    return fmt::format(" (line {}, column {})", line, column);
}

std::string own_sentence(builder const& seen) {
    switch (seen.broken) {
        case own_rule::duplicate: {
            std::string key;
            append_json_string(key, std::string_view(seen.name).substr(0, 64));
            return "the key " + key + " appears twice in one object";
        }
        case own_rule::too_many_values:
            return fmt::format("the body holds more than {} values", max_json_values);
        case own_rule::too_many_members:
            return fmt::format("an object has more than {} members", max_json_members);
        case own_rule::number_range:
        case own_rule::none:
            break;
    }
    return "a number is too large";
}

/// True if the escape before `at` is the first half of a pair, which the library calls a syntax
/// error when no escape follows.
bool after_leading_surrogate(std::string_view body, std::size_t at) {
    if (at < 6) {
        return false;
    }
    auto const escape = body.substr(at - 6, 4);
    return escape.starts_with("\\u") && (escape[2] == 'd' || escape[2] == 'D') &&
           std::string_view{"89abAB"}.find(escape[3]) != std::string_view::npos;
}

std::string syntax_sentence(std::string_view body, std::size_t at) {
    auto const rest = body.substr(std::min(at, body.size()));
    if (rest.empty()) {
        return "the body ends in the middle of a value";
    }
    if (after_leading_surrogate(body, at)) {
        return std::string(half_a_pair);
    }
    if (utf8_sequence(rest) == 0) {
        return "the body is not UTF-8";
    }
    for (std::string_view const word : {"NaN", "Infinity", "-Infinity", "-NaN"}) {
        if (rest.starts_with(word)) {
            return fmt::format("{} is not JSON", word);
        }
    }
    if (static_cast<unsigned char>(rest[0]) < 0x20) {
        return "a control character stands where it must be escaped";
    }
    return "unexpected character";
}

std::string sentence_for(error_code const& ec, builder const& seen, std::string_view body,
                         std::size_t at) {
    if (seen.broken != own_rule::none) {
        return own_sentence(seen);
    }
    if (ec == json::error::too_deep) {
        return fmt::format("the body is nested deeper than {} levels", max_json_depth);
    }
    if (ec == json::error::illegal_leading_surrogate ||
        ec == json::error::illegal_trailing_surrogate || ec == json::error::expected_utf16_escape) {
        return std::string(half_a_pair);
    }
    if (ec == json::error::expected_hex_digit) {
        return "a \\u escape needs four hexadecimal digits";
    }
    if (ec == json::error::exponent_overflow) {
        return "a number is too large";
    }
    if (ec == json::error::extra_data) {
        return "bytes follow the JSON value";
    }
    if (ec == json::error::incomplete) {
        return "the body ends in the middle of a value";
    }
    return syntax_sentence(body, at);
}

json_error failed(std::string sentence, std::string_view body, std::size_t at) {
    return {"The body is not valid JSON: " + std::move(sentence) + place(body, at) + ".", at};
}

}  // namespace

void throw_exception_from_error(json_error const& e, boost::source_location const&) {
    throw std::runtime_error(e.sentence);
}

boost::system::result<json_document, json_error> parse_json_request(std::string_view body) {
    if (body.empty()) {
        return failed("it is empty", body, 0);
    }
    if (body.starts_with("\xef\xbb\xbf")) {
        return failed("it starts with a byte order mark", body, 0);
    }
    json::parse_options strict;
    strict.max_depth = max_json_depth;
    json::basic_parser<builder> parser(strict);
    error_code ec;
    auto const read = parser.write_some(false, body.data(), body.size(), ec);
    if (!ec && read < body.size()) {
        ec = make_error_code(json::error::extra_data);
    }
    if (ec) {
        return failed(sentence_for(ec, parser.handler(), body, read), body, read);
    }
    return json_document(std::make_shared<json::value const>(parser.handler().take()));
}

}  // namespace http
