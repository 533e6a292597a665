// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/utf8.hpp"

#include "tests/support/catch.hpp"

#include <string>

using kernelproto::is_utf8;
using kernelproto::repair_utf8;

namespace {

struct row {
    std::string bytes;
    std::string repaired;  // with "?" for U+FFFD
};

std::string with_replacement(std::string text) {
    for (auto at = text.find('?'); at != std::string::npos; at = text.find('?', at + 3)) {
        text.replace(at, 1, "\xEF\xBF\xBD");
    }
    return text;
}

}  // namespace

TEST_CASE("valid text is told as such and left alone", "[wire][utf8]") {
    for (std::string const& text :
         {std::string{}, std::string{"plain"}, std::string("nul\0in", 6), std::string{"caf\u00e9"},
          std::string{"\u20ac\U0001F600"}, std::string{"\xED\x9F\xBF\xEE\x80\x80"},
          std::string{"\xF4\x8F\xBF\xBF"}, std::string{"\xEF\xBB\xBF"}}) {
        CHECK(is_utf8(text));
        CHECK(repair_utf8(text) == text);
    }
}

TEST_CASE("what is not UTF-8 becomes U+FFFD, one for each broken character", "[wire][utf8]") {
    row const rows[] = {
        {"caf\xE9.txt", "caf?.txt"},              // a Latin-1 name, os.fsdecode'd
        {"\x80", "?"},                            // a trail byte alone
        {"\xC0\x80", "??"},                       // overlong zero
        {"\xC1\xBF", "??"},                       // overlong
        {"\xE0\x9F\xBF", "???"},                  // overlong, three bytes
        {"\xED\xA0\x80", "???"},                  // a surrogate
        {"\xF0\x8F\xBF\xBF", "????"},             // overlong, four bytes
        {"\xF4\x90\x80\x80", "????"},             // above U+10FFFF
        {"\xF5\x80", "??"},                       // no first byte
        {"\xFF\xFE", "??"},                       //
        {"\xE2\x82", "?"},                        // cut short at the end
        {"\xE2\x82x", "?x"},                      // cut short before ASCII
        {"\xF0\x9F\x98", "?"},                    // three of four
        {"\xF0\x9F\x98\xE2\x82\xAC", "?\u20ac"},  // cut short before another character
        {"12345678\xFF"
         "12345678",
         "12345678?12345678"},  // across the fast path's words
    };
    for (auto const& each : rows) {
        CAPTURE(each.repaired);
        CHECK_FALSE(is_utf8(each.bytes));
        CHECK(repair_utf8(each.bytes) == with_replacement(each.repaired));
        CHECK(is_utf8(repair_utf8(each.bytes)));
    }
}

TEST_CASE("a text that is wrong all over is repaired without growing much", "[wire][utf8]") {
    auto const size = 3 * kernelproto::max_repair_growth;
    auto const repaired = repair_utf8(std::string(size, '\xFF') + "end");
    CHECK(repaired.starts_with("\uFFFD\uFFFD"));
    CHECK(repaired.ends_with("??end"));
    CHECK(repaired.size() <= size + 3 + kernelproto::max_repair_growth);
    CHECK(repaired.capacity() <= size + 64 + kernelproto::max_repair_growth);
    CHECK(is_utf8(repaired));
}

TEST_CASE("every wrong byte is found wherever it stands", "[wire][utf8]") {
    for (std::size_t length = 1; length < 40; ++length) {
        for (std::size_t at = 0; at < length; ++at) {
            std::string text(length, 'a');
            text[at] = '\xFF';
            CHECK_FALSE(is_utf8(text));
        }
    }
}
