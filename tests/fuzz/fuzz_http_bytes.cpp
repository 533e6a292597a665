// SPDX-License-Identifier: Apache-2.0
// A connection's bytes: the guard says the same however they are cut, the parser takes every head
// that the guard passes, and a body is the same however it is cut. The first byte chooses the cut.
#include "http/proto/head_guard.hpp"
#include "http/proto/target.hpp"
#include "http/server/request_parser.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

struct judgement {
    http::head_guard::outcome outcome;
    std::size_t size;
    http::refusal why;
    bool operator==(judgement const&) const = default;
};

judgement judge(std::string_view bytes, std::size_t piece) {
    http::head_guard guard({64, 512, 8});
    auto said = http::head_guard::outcome::need_more;
    for (std::size_t end = 0; said == http::head_guard::outcome::need_more && end < bytes.size();) {
        end = std::min(end + piece, bytes.size());
        said = guard.scan(bytes.substr(0, end));
    }
    bool const complete = said == http::head_guard::outcome::complete;
    bool const broken = said == http::head_guard::outcome::broken;
    return {said, complete ? guard.size() : 0, broken ? guard.why() : http::refusal::internal};
}

/// Body bytes, then how it ended: '.' done, '?' unfinished, '!' broken.
std::string read_body(std::string_view head, std::string_view rest, std::size_t piece) {
    http::request_parser parser;
    http::request incoming;
    if (!parser.head(head, incoming)) {
        return "head";
    }
    std::string out;
    std::size_t taken = 0;
    std::size_t shown = 0;
    while (!parser.done()) {
        if (taken == shown && shown < rest.size()) {
            shown = std::min(shown + piece, rest.size());
        }
        auto const step = parser.body(rest.substr(taken, shown - taken));
        if (step.broken) {
            return "!";  // how much came out before depends on the cut
        }
        out += step.piece;
        taken += step.consumed;
        if (step.need_more || (step.consumed == 0 && step.piece.empty())) {
            if (shown == rest.size()) {
                return out + "?";
            }
            shown = std::min(shown + piece, rest.size());
        }
    }
    return out + "." + std::to_string(taken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    std::size_t const piece = std::size_t{data[0]} % 32 + 1;
    auto const whole = judge(bytes, std::max<std::size_t>(bytes.size(), 1));
    if (!(whole == judge(bytes, piece))) {
        std::abort();
    }
    if (whole.outcome != http::head_guard::outcome::complete) {
        return 0;
    }
    auto const head = bytes.substr(0, whole.size);
    auto const rest = bytes.substr(whole.size);
    http::request incoming;
    http::request_parser parser;
    if (!parser.head(head, incoming)) {
        return 0;  // Beast may be stricter; the connection answers 400
    }
    if (parser.chunked() && parser.length()) {
        std::abort();
    }
    http::parse_target(incoming.path);
    auto const once = read_body(head, rest, std::max<std::size_t>(rest.size(), 1));
    auto const cut = read_body(head, rest, piece);
    bool const both_told = once.back() != '?' && cut.back() != '?';
    if (both_told && once != cut) {
        std::abort();
    }
    return 0;
}
