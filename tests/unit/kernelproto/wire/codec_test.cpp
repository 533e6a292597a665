// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/codec.hpp"

#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"

#include <array>
#include <string>
#include <vector>

using namespace kernelproto;

namespace {

char const* const head_text =
    R"({"msg_id":"k_1_2","session":"k","username":"u","date":"2026-01-02T03:04:05.000006Z",)"
    R"("msg_type":"status","version":"5.4"})";

/// What a kernel puts on the wire, each part free to be wrong.
struct sent {
    std::vector<std::string> before;
    std::string head = head_text;
    std::string parent = "{}";
    std::string metadata = "{}";
    std::string content = R"({"execution_state":"busy"})";
    std::vector<std::string> buffers;

    frame_list frames(signer& keys) const {
        std::array<std::string_view, 4> const parts{head, parent, metadata, content};
        frame_list out;
        for (auto const& each : before) {
            out.emplace_back(each);
        }
        out.emplace_back("<IDS|MSG>");
        out.emplace_back(keys.sign(parts));
        for (auto const part : parts) {
            out.emplace_back(std::string(part));
        }
        for (auto const& each : buffers) {
            out.emplace_back(each);
        }
        return out;
    }
};

signer& keys() {
    static signer instance("secret");
    return instance;
}

boost::system::error_code refused(frame_list const& frames, frame_limits const& limits = {}) {
    auto const heard = decode(frames, keys(), limits);
    return heard ? boost::system::error_code{} : heard.error();
}

boost::system::error_code refused(sent const& what, frame_limits const& limits = {}) {
    return refused(what.frames(keys()), limits);
}

}  // namespace

TEST_CASE("a message survives the way through frames", "[wire][codec]") {
    outgoing out;
    out.head = {"b_1", "b", "broker", "2026-01-02T03:04:05.000006Z", "execute_request", "5.3"};
    out.parent = {"p_1", "p", "", "", "x", ""};
    out.content = R"({"code":"1+1"})";
    auto const heard = decode(encode(out, keys()), keys(), {});
    REQUIRE(heard.has_value());
    CHECK(heard->head == out.head);
    CHECK(heard->parent == out.parent);
    CHECK(heard->content.bytes() == out.content);
    CHECK(heard->metadata.bytes() == "{}");
    CHECK(heard->buffers.empty());
}

TEST_CASE("a DEALER's message begins with the delimiter and has {} for what is not there",
          "[wire][codec]") {
    outgoing out;
    out.head = {"b_1", "b", "", "", "kernel_info_request", "5.3"};
    auto const frames = encode(out, keys());
    REQUIRE(frames.size() == 6);
    CHECK(frames[0].bytes() == "<IDS|MSG>");
    CHECK(frames[1].bytes().size() == signer::signature_bytes);
    CHECK(frames[3].bytes() == "{}");
    CHECK(frames[4].bytes() == "{}");
    CHECK(frames[5].bytes() == "{}");
}

TEST_CASE("the delimiter is searched for, not counted to", "[wire][codec]") {
    CHECK(refused(sent{}) == boost::system::error_code{});
    CHECK(refused(sent{.before = {""}}) == boost::system::error_code{});
    CHECK(refused(sent{.before = {"kernel.x.status"}}) == boost::system::error_code{});
    CHECK(refused(sent{.before = {"id", "", "topic"}}) == boost::system::error_code{});
}

TEST_CASE("buffers come along, unsigned and uncopied", "[wire][codec]") {
    auto const frames = sent{.buffers = {"one", "", std::string("\xff\0", 2)}}.frames(keys());
    auto const heard = decode(frames, keys(), {});
    REQUIRE(heard.has_value());
    REQUIRE(heard->buffers.size() == 3);
    CHECK(heard->buffers[0].bytes().data() == frames[6].bytes().data());
    CHECK(heard->content.bytes().data() == frames[5].bytes().data());
    CHECK(heard->buffers[2].bytes().size() == 2);
}

TEST_CASE("a message cut short anywhere is refused and nothing is read past its end",
          "[wire][codec]") {
    auto const whole = sent{.before = {"topic"}}.frames(keys());
    CHECK(refused(frame_list{}) == wire_errc::no_delimiter);
    for (std::size_t count = 0; count < whole.size(); ++count) {
        frame_list const part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(count));
        CHECK(refused(part) == (count < 2 ? wire_errc::no_delimiter : wire_errc::too_few_frames));
    }
}

TEST_CASE("a delimiter at the very end, or only a part of it, is no message", "[wire][codec]") {
    CHECK(refused(frame_list{frame{"a"}, frame{"b"}, frame{"<IDS|MSG>"}}) ==
          wire_errc::too_few_frames);
    CHECK(refused(frame_list{frame{"<IDS|MSG"}, frame{""}, frame{"{}"}, frame{"{}"}, frame{"{}"},
                             frame{"{}"}}) == wire_errc::no_delimiter);
}

TEST_CASE("frames are counted before anything else is looked at", "[wire][codec]") {
    frame_limits limits;
    limits.max_frames = 8;
    sent const exactly{.before = {"t"}, .buffers = {"b"}};
    CHECK_FALSE(refused(exactly, limits));
    sent const above{.before = {"t"}, .buffers = {"b", "b"}};
    CHECK(refused(above, limits) == wire_errc::too_many_frames);
    CHECK(refused(frame_list(1000), limits) == wire_errc::too_many_frames);
}

TEST_CASE("a message above the byte limit is refused, at the limit it is not", "[wire][codec]") {
    auto const frames = sent{}.frames(keys());
    frame_limits limits;
    limits.max_message_bytes = total_bytes(frames);
    CHECK_FALSE(refused(frames, limits));
    --limits.max_message_bytes;
    CHECK(refused(frames, limits) == wire_errc::message_too_large);
}

TEST_CASE("header, parent and metadata have a limit of their own", "[wire][codec]") {
    frame_limits limits;
    limits.max_header_bytes = 512;
    std::string const big = R"({"x":")" + std::string(512, 'x') + R"("})";
    CHECK(refused(sent{.head = big}, limits) == wire_errc::header_too_large);
    CHECK(refused(sent{.parent = big}, limits) == wire_errc::header_too_large);
    CHECK(refused(sent{.metadata = big}, limits) == wire_errc::header_too_large);
    CHECK_FALSE(refused(sent{.content = big}, limits));
}

TEST_CASE("no signature, a short one and a wrong one are refused", "[wire][codec]") {
    for (std::string const& wrong :
         {std::string{}, std::string{"a"}, std::string(63, '0'), std::string(64, '0'),
          std::string(65, '0'), std::string(4096, 'f')}) {
        auto frames = sent{}.frames(keys());
        frames[1] = frame{wrong};
        CHECK(refused(frames) == wire_errc::bad_signature);
    }
    signer other("other");
    CHECK(refused(sent{}.frames(other)) == wire_errc::bad_signature);
}

TEST_CASE("each signed part is protected", "[wire][codec]") {
    for (std::size_t part = 2; part <= 5; ++part) {
        auto frames = sent{}.frames(keys());
        frames[part] = frame{std::string(frames[part].bytes()) + " "};
        CHECK(refused(frames) == wire_errc::bad_signature);
    }
}

TEST_CASE("the signature is checked before a byte is parsed", "[wire][codec]") {
    // Were the order another one, these would be bad_json or bad_header.
    for (std::string const& text : {"", "{", "[]", R"({"msg_id":1})", "\xff"}) {
        auto frames = sent{.head = text, .parent = text, .metadata = text}.frames(keys());
        frames[1] = frame{std::string(64, '0')};
        CHECK(refused(frames) == wire_errc::bad_signature);
    }
}

TEST_CASE("parts that are no JSON objects are refused after the signature", "[wire][codec]") {
    for (std::string const& text :
         {"", "null", "[]", "1", "{", "{}{}", R"({"a":})", "\xef\xbb\xbf{}"}) {
        CHECK(refused(sent{.head = text}) == wire_errc::bad_json);
        CHECK(refused(sent{.parent = text}) == wire_errc::bad_json);
        CHECK(refused(sent{.metadata = text}) == wire_errc::bad_json);
    }
}

TEST_CASE("a header without its fields is refused, a parent without them is none",
          "[wire][codec]") {
    CHECK(refused(sent{.head = "{}"}) == wire_errc::bad_header);
    CHECK(refused(sent{.head = R"({"msg_id":"a"})"}) == wire_errc::bad_header);
    CHECK(refused(sent{.parent = R"({"msg_id":7})"}) == wire_errc::bad_header);
    auto const heard = decode(sent{.parent = "{}"}.frames(keys()), keys(), {});
    REQUIRE(heard.has_value());
    CHECK(heard->parent.empty());
}

TEST_CASE("content is not looked at by the codec", "[wire][codec]") {
    // It may be 200 MB for an execution that nobody waits for.
    CHECK_FALSE(refused(sent{.content = "\xff not json"}));
}
