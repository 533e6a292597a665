// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/output_text.hpp"

#include "tests/support/catch.hpp"

using namespace language_kernel;

namespace {

constexpr milliseconds t0{1000};

}  // namespace

TEST_CASE("a character is not cut apart, wherever a read ends", "[language-kernel][output_text]") {
    std::string const text = "aä€𝄞z";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        output_text out;
        out.add(text.substr(0, cut));
        auto said = out.take(t0);
        CHECK(said.find("\xEF\xBF\xBD") == std::string::npos);
        out.add(text.substr(cut));
        said += out.take(t0);
        CHECK(said == text);
        CHECK(out.take_all().empty());
    }
}

TEST_CASE("bytes that are no characters become replacements", "[language-kernel][output_text]") {
    output_text out;
    out.add("a\xFF\xE2\x82");
    CHECK(out.take(t0) == "a\xEF\xBF\xBD");
    CHECK(out.take_all() == "\xEF\xBF\xBD");
    out.add("\x80\x80\x80\x80");
    CHECK(out.take(t0) == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST_CASE("the first text goes at once and the next after a pause",
          "[language-kernel][output_text]") {
    output_text out;
    CHECK_FALSE(out.due(t0));
    out.add("a");
    CHECK(out.due(t0) == t0);
    CHECK(out.take(t0) == "a");
    CHECK_FALSE(out.due(t0));
    out.add("b");
    CHECK(out.due(t0 + milliseconds{1}) == t0 + output_text::pause);
    CHECK(out.due(t0 + milliseconds{50}) == t0 + milliseconds{50});
    out.add(std::string(output_text::piece_bytes, 'x'));
    CHECK(out.due(t0 + milliseconds{1}) == t0 + milliseconds{1});
}

TEST_CASE("a begun character alone is not due", "[language-kernel][output_text]") {
    output_text out;
    out.add("\xF0\x9D\x84");
    CHECK_FALSE(out.due(t0));
    CHECK(out.take(t0).empty());
    out.add("\x9E");
    CHECK(out.take(t0) == "𝄞");
}
