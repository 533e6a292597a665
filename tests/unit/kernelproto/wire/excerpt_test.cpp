// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/excerpt.hpp"

#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_check.hpp"
#include "kernelproto/wire/utf8.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>

using namespace kernelproto;

namespace {

/// `whole` as a frame reader gets it, `piece` bytes at a time.
frame read(std::string_view whole, long_frame& into, std::size_t piece) {
    while (!whole.empty()) {
        auto const room = into.room();
        auto const now = whole.substr(0, std::min(room.size(), piece));
        std::copy(now.begin(), now.end(), room.begin());
        into.filled(now.size());
        whole.remove_prefix(now.size());
    }
    return into.finish();
}

std::string repeated(std::string const& piece, std::size_t times) {
    std::string text;
    for (std::size_t i = 0; i < times; ++i) {
        text += piece;
    }
    return text;
}

}  // namespace

TEST_CASE("a text loses its middle without losing its form, wherever it is cut",
          "[wire][excerpt]") {
    std::string const begin = R"({"a":")";
    std::string const end = R"("})";
    for (std::string const piece :
         {"x", R"(\n)", R"(\\)", R"(\")", R"(\\\")", R"(\u00e9)", R"(\\u00e9)", R"(x\u00e9y)",
          "\u00e9", "\u20ac", "\U0001F600", "a\U0001F600\\n"}) {
        auto const text = begin + repeated(piece, 40 / piece.size() + 5) + end;
        for (auto head = begin.size(); head + 2 < text.size(); ++head) {
            for (std::size_t tail = end.size(); head + 2 * tail < text.size(); ++tail) {
                auto const cut = excerpt_of(frame{text}, {head, tail});
                auto const kept = cut.bytes();
                CAPTURE(piece, head, tail, kept);
                REQUIRE(cut.size() == text.size());
                REQUIRE((kept.size() <= head + 2 * tail && kept.size() + 12 >= head + tail));
                REQUIRE((kept.starts_with(begin) && kept.ends_with(end)));
                REQUIRE(is_utf8(kept));
                REQUIRE(check_json_object(kept) == json_verdict::good);
            }
        }
    }
}

TEST_CASE("the beginning and the end are those of the frame", "[wire][excerpt]") {
    std::string text;
    for (int i = 0; text.size() < 5000; ++i) {
        text += std::to_string(i) + ' ';
    }
    for (std::size_t size = 1201; size < 1700; ++size) {
        std::string_view const whole{text.data(), size};
        auto const cut = excerpt_of(frame{std::string(whole)}, {1000, 100});
        REQUIRE(cut.bytes().substr(0, 1000) == whole.substr(0, 1000));
        auto const tail = cut.bytes().substr(1000);
        REQUIRE(tail.size() >= 100);
        REQUIRE(tail.size() < 200);
        REQUIRE(whole.ends_with(tail));
        REQUIRE(cut.cut()->left_out == size - cut.bytes().size());
    }
}

TEST_CASE("what is not UTF-8 is cut as it is", "[wire][excerpt]") {
    std::string const text(1000, '\x80');
    auto const cut = excerpt_of(frame{text}, {100, 100});
    CHECK(cut.bytes().size() >= 197);
    CHECK(cut.size() == 1000);
}

TEST_CASE("the signature is that of the whole message, in pieces of any length",
          "[wire][excerpt]") {
    std::string const content = R"({"name":"stdout","text":")" + std::string(5000, 'x') + R"("})";
    signer keys("key");
    std::array<std::string_view, 4> const parts{R"({"msg_id":"1","msg_type":"stream"})", "{}", "{}",
                                                content};
    auto const signature = keys.sign(parts);
    long_frames frames("key", 1000, {500, 100});
    for (std::size_t const piece : {1U, 7U, 100U, 499U, 100'000U}) {
        frame_list message{frame{"topic"}, frame{"<IDS|MSG>"}, frame{signature}};
        for (std::size_t i = 0; i < 3; ++i) {
            message.emplace_back(std::string(parts[i]));
        }
        auto const reader = frames.begin(message);
        message.push_back(read(content, *reader, piece));
        CHECK(message.back().cut()->signature == signature);

        auto const heard = decode(message, keys, {});
        REQUIRE(heard);
        auto const printed = read_stream(heard->content);
        REQUIRE(printed);
        CHECK(printed->text.size() + printed->missing == 5000);

        auto other = content;
        other[2000] = 'y';  // in what is left out
        auto const forged = frames.begin({message.begin(), message.end() - 1});
        message.back() = read(other, *forged, piece);
        CHECK(decode(message, keys, {}).error() == wire_errc::bad_signature);
    }
}

TEST_CASE("a frame that is no content has no signature, and makes none valid", "[wire][excerpt]") {
    signer keys("key");
    std::string const long_text(2000, 'x');
    long_frames frames("key", 1000, {500, 100});
    std::array<std::string_view, 4> const parts{R"({"msg_id":"1","msg_type":"a"})", "{}", "{}",
                                                "{}"};
    frame_list whole{frame{"<IDS|MSG>"}, frame{keys.sign(parts)}};
    for (auto const part : parts) {
        whole.emplace_back(std::string(part));
    }
    SECTION("as a buffer it is taken") {
        auto const reader = frames.begin(whole);
        whole.push_back(read(long_text, *reader, 100));
        CHECK(whole.back().cut()->signature.empty());
        CHECK(decode(whole, keys, {})->buffers.size() == 1);
    }
    SECTION("anywhere else it is not") {
        for (std::size_t at = 2; at < whole.size(); ++at) {
            auto cut = whole;
            auto const reader = frames.begin({whole.begin(), whole.begin() + 1});
            cut[at] = read(long_text, *reader, 100);
            CHECK_FALSE(decode(cut, keys, {}));
        }
    }
}

TEST_CASE("only contents of streams may lack their middle", "[wire][excerpt]") {
    auto const text = R"({"execution_state":"idle","status":"ok","data":{},"x":")" +
                      std::string(max_content_bytes, 'x') + R"("})";
    auto const cut = excerpt_of(frame{text}, {1000, 1000});
    REQUIRE(check_json_object(cut.bytes()) == json_verdict::good);
    CHECK_FALSE(read_status(cut));
    CHECK_FALSE(read_execute_reply(cut));
    CHECK_FALSE(read_rich_output(rich_output::kind::display_data, cut));
}

TEST_CASE("an excerpt is of what is longer", "[wire][excerpt]") {
    CHECK_THROWS_AS(excerpt_of(frame{std::string(30, 'x')}, {10, 10}), std::logic_error);
    CHECK_NOTHROW(excerpt_of(frame{std::string(31, 'x')}, {10, 10}));
    CHECK_THROWS_AS(long_frames("key", 29, {10, 10}), std::logic_error);
    CHECK_THROWS_AS(long_frames("key", 100, {10, 0}), std::logic_error);
}
