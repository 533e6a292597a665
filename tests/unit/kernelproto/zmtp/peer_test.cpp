// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/zmtp/peer.hpp"

#include "tests/support/allocated.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using namespace kernelproto;
using namespace kernelproto::zmtp;
using namespace std::string_literals;

namespace {

std::string const router = "\x04\x1C\x05READY\x0BSocket-Type\0\0\0\x06ROUTER"s;
std::string const publisher = "\x04\x1A\x05READY\x0BSocket-Type\0\0\0\x04XPUB"s;

std::string greeting_of(int major, int minor, std::string const& mechanism = "NULL") {
    auto bytes = greeting();
    bytes[10] = static_cast<char>(major);
    bytes[11] = static_cast<char>(minor);
    bytes.replace(12, 20, mechanism + std::string(20 - mechanism.size(), '\0'));
    return bytes;
}

std::string ready_with(std::string const& properties) {
    auto const body = "\x05READY" + properties;
    return "\x04"s + static_cast<char>(body.size()) + body;
}

/// A peer of ours, and what came of it.
struct side {
    explicit side(peer_options options = {}) : p(std::move(options)) {}

    /// In pieces of so many bytes, in the way that a link reads: the middle of a frame directly.
    void hear(std::string_view bytes, std::size_t piece = 1 << 20) {
        while (!bytes.empty() && !p.failed()) {
            auto const now = bytes.substr(0, piece);
            auto const room = p.room();
            auto const direct = std::min(room.size(), now.size());
            if (direct > 0) {
                std::copy_n(now.data(), direct, room.data());
                p.filled(direct, whole);
            }
            p.feed(now.substr(direct), whole);
            bytes.remove_prefix(now.size());
        }
    }
    void establish(std::string const& with = router) {
        hear(greeting_of(3, 1) + with);
        REQUIRE(p.established());
        (void)p.take_output();
    }
    std::vector<std::vector<std::string>> heard() const {
        std::vector<std::vector<std::string>> all;
        for (auto const& each : whole) {
            auto& parts = all.emplace_back();
            for (auto const& f : each.frames) {
                parts.emplace_back(f.bytes());
            }
        }
        return all;
    }

    peer p;
    std::vector<peer::message> whole;
};

peer_options subscriber() {
    peer_options options;
    options.ours = socket_type::sub;
    return options;
}

using messages = std::vector<std::vector<std::string>>;

}  // namespace

TEST_CASE("the handshake goes greeting, READY, traffic", "[zmtp]") {
    side s;
    CHECK(s.p.take_output() == greeting());
    s.hear(greeting_of(3, 1).substr(0, 63));
    CHECK(s.p.take_output().empty());
    s.hear(greeting_of(3, 1).substr(63));
    CHECK(s.p.take_output() == ready(socket_type::dealer, ""));
    CHECK_FALSE(s.p.established());
    s.hear(router);
    CHECK(s.p.established());
    CHECK(s.p.take_output().empty());
    CHECK_FALSE(s.p.failed());
}

TEST_CASE("our identity is told", "[zmtp]") {
    peer_options options;
    options.identity = "me";
    side s{options};
    s.hear(greeting_of(3, 1));
    CHECK(s.p.take_output() == greeting() + ready(socket_type::dealer, "me"));
}

TEST_CASE("a subscriber subscribes after READY and not before, in the peer's version", "[zmtp]") {
    auto const minor = GENERATE(0, 1, 2);
    side s{subscriber()};
    s.hear(greeting_of(3, minor));
    CHECK(s.p.take_output() == greeting() + ready(socket_type::sub, ""));
    s.hear(publisher);
    CHECK(s.p.take_output() == subscribe_to_all(static_cast<unsigned>(minor)));
}

TEST_CASE("a later version is spoken to in ours", "[zmtp]") {
    side s{subscriber()};
    s.hear(greeting_of(4, 0) + publisher);
    CHECK(s.p.take_output() == greeting() + ready(socket_type::sub, "") + subscribe_to_all(1));
}

TEST_CASE("what does not greet as ZMTP 3 with NULL is a fault at the first wrong byte", "[zmtp]") {
    auto const [sent, wrong] = GENERATE(table<std::string, fault>({
        {"\x01", fault::greeting},
        {"HTTP/1.1 400 Bad Request", fault::greeting},
        {"\xFF\0\0\0\0\0\0\0\0\x7E"s, fault::greeting},
        {"\xFF\0\0\0\0\0\0\0\0\x7F\x01"s, fault::version},
        {"\xFF\0\0\0\0\0\0\0\x01\x7F\0\x05"s, fault::version},
        {greeting_of(2, 0), fault::version},
        {greeting_of(3, 0, "PLAIN"), fault::mechanism},
        {greeting_of(3, 1, "CURVE"), fault::mechanism},
        {greeting_of(3, 1, "NULLNULL"), fault::mechanism},
        {greeting_of(3, 1, "NULL").substr(0, 12) + "X", fault::mechanism},
    }));
    auto const piece = GENERATE(1, 64);
    side s;
    s.hear(sent, static_cast<std::size_t>(piece));
    REQUIRE(s.p.failed());
    CHECK(*s.p.failed() == wrong);
    CHECK(s.p.take_output() == greeting());
}

TEST_CASE("a handshake that is none is a fault", "[zmtp]") {
    auto const [sent, wrong] = GENERATE(table<std::string, fault>({
        {"\0\x02hi"s, fault::handshake},  // a message before READY
        {"\x04\x06\x05"
         "ERROR"s,
         fault::handshake},
        {"\x04\x06\x05HELLO"s, fault::handshake},
        {"\x04\x09\x04PINGab\0\0"s, fault::handshake},
        {"\x04\0"s, fault::framing},                    // a command without a name
        {"\x04\x03\x09RE"s, fault::framing},            // a name longer than its command
        {"\x06\0\0\0\0\0\x01\0\x01"s, fault::framing},  // a command of 65537 bytes
        {ready_with("\x0BSocket-Type\0\0\0\x07ROUTER"s), fault::handshake},
        {ready_with("\x0BSocket-Type\0\0"s), fault::handshake},
        {ready_with("\xFFSocket"s), fault::handshake},
        {ready_with("\x0BSocket-Type\xFF\xFF\xFF\xFFROUTER"s), fault::handshake},
        {ready_with(""), fault::socket_type},
        {ready_with("\x0BSocket-Type\0\0\0\x03PUB"s), fault::socket_type},
        {ready_with("\x0BSocket-Type\0\0\0\x06"
                    "DEALER"s),
         fault::socket_type},
    }));
    side s;
    s.hear(greeting_of(3, 1) + sent);
    REQUIRE(s.p.failed());
    CHECK(*s.p.failed() == wrong);
    CHECK(s.heard().empty());
}

TEST_CASE("READY may say more, in any order and case", "[zmtp]") {
    side s;
    s.hear(greeting_of(3, 1) +
           ready_with("\x08Identity\0\0\0\x02hi\x0BsOCKET-tYPE\0\0\0\x03REP\x03X-y\0\0\0\0"s));
    CHECK(s.p.established());
}

TEST_CASE("a publisher is what a subscriber meets", "[zmtp]") {
    side s{subscriber()};
    s.hear(greeting_of(3, 1) + router);
    CHECK(s.p.failed() == fault::socket_type);
}

TEST_CASE("messages come whole and in order, however their bytes are cut", "[zmtp]") {
    auto const piece = GENERATE(1, 2, 7, 64, 255, 4096, 1 << 20);
    std::string const large(70000, 'L');
    std::string bytes;
    auto const say = [&](std::vector<std::string> const& parts) {
        frame_list frames;
        for (auto const& each : parts) {
            frames.emplace_back(each);
        }
        append_message(bytes, frames);
    };
    messages const sent{{"a"}, {"", "b", ""}, {large, "after"}, {std::string(256, 'x')}, {""}};
    for (auto const& each : sent) {
        say(each);
    }
    side s;
    s.establish();
    s.hear(bytes, static_cast<std::size_t>(piece));
    CHECK(s.heard() == sent);
    CHECK(s.p.unfinished_bytes() == 0);
    CHECK_FALSE(s.p.failed());
    CHECK(s.whole[1].bytes == 1 + 3 * peer::frame_cost);
}

TEST_CASE("a size below 256 may be written in eight bytes", "[zmtp]") {
    side s;
    s.establish();
    s.hear("\x02\0\0\0\0\0\0\0\x02hi"s);
    CHECK(s.heard() == messages{{"hi"}});
}

TEST_CASE("commands between messages, and between the frames of one, are no part of them",
          "[zmtp]") {
    side s;
    s.establish();
    s.hear(
        "\x01\x01"
        "a\x04\x0A\x09SUBSCRIBE\x04\x08\x04PING\0\x05x\0\x01"
        "b"s);
    CHECK(s.heard() == messages{{"a", "b"}});
    CHECK(s.p.take_output() == pong("x"));
}

TEST_CASE("a PING is answered with its context", "[zmtp]") {
    side s;
    s.establish();
    s.hear("\x04\x07\x04PING\0\0\x04\x17\x04PING\0\x01"s + "0123456789abcdef");
    CHECK(s.p.take_output() == pong("") + pong("0123456789abcdef"));
    CHECK_FALSE(s.p.failed());
}

TEST_CASE("what breaks the framing is a fault, and nothing after it is heard", "[zmtp]") {
    auto const sent = GENERATE("\x08\x01x"s, "\x80\x01x"s,  // reserved flags
                               "\x05\x01\0"s,               // a command with more to follow
                               "\x04\0"s,                   // a command without a name
                               "\x04\x06\x04PING\0"s,       // a PING without its time to live
                               "\x04\x18\x04PING\0\x01"
                               "0123456789abcdefg"s);
    side s;
    s.establish();
    s.hear("\0\x01y"s + sent + "\0\x01z"s);
    CHECK(s.p.failed() == fault::framing);
    CHECK(s.heard() == messages{{"y"}});
    CHECK(s.p.room().empty());
}

TEST_CASE("a second READY is ignored", "[zmtp]") {
    side s{subscriber()};
    s.establish(publisher);
    s.hear(publisher + router);
    CHECK(s.p.take_output().empty());
    CHECK_FALSE(s.p.failed());
}

TEST_CASE("ERROR ends a connection at any time", "[zmtp]") {
    side s;
    s.establish();
    s.hear(
        "\x04\x07\x05"
        "ERROR\0"s);
    CHECK(s.p.failed() == fault::handshake);
}

TEST_CASE("limits are judged by what is announced, to the byte", "[zmtp][limit]") {
    peer_options options;
    options.max_message_bytes = 1000 + 3 * peer::frame_cost;
    options.max_frames = 3;
    side s{options};
    s.establish();
    auto const head = [](bool more, std::uint64_t size) {
        std::string bytes{more ? '\x03' : '\x02'};
        for (int shift = 56; shift >= 0; shift -= 8) {
            bytes += static_cast<char>(size >> static_cast<unsigned>(shift));
        }
        return bytes;
    };
    SECTION("a message at the limit is heard") {
        s.hear(head(true, 400) + std::string(400, 'a') + head(true, 0) + head(false, 600));
        CHECK(s.p.unfinished_bytes() == 400 + 2 * peer::frame_cost);
        s.hear(std::string(600, 'b'));
        CHECK(s.whole.size() == 1);
        CHECK(s.whole.at(0).bytes == options.max_message_bytes);
        CHECK_FALSE(s.p.failed());
    }
    SECTION("one byte more is not") {
        s.hear(head(true, 400) + std::string(400, 'a') + head(true, 0) + head(false, 601));
        CHECK(s.p.failed() == fault::long_message);
    }
    SECTION("nor is a frame more") {
        s.hear("\x01\0\x01\0\x01\0"s);
        CHECK_FALSE(s.p.failed());
        s.hear("\0\0"s);
        CHECK(s.p.failed() == fault::many_frames);
    }
    SECTION("a frame that is too long is not waited for") {
        auto const size = GENERATE(std::uint64_t{1001 + 3 * 192}, std::uint64_t{1} << 40U,
                                   ~std::uint64_t{0}, std::uint64_t{1} << 63U);
        s.hear(head(false, size));
        CHECK(s.p.failed() == fault::long_frame);
        CHECK(s.p.room().empty());
        CHECK(s.p.unfinished_bytes() == 0);
    }
    SECTION("half a frame counts with what has come") {
        s.hear(head(false, 1000) + std::string(10, 'a'));
        CHECK(s.p.unfinished_bytes() == 10);
        CHECK(s.p.room().size() == 990);
    }
}

TEST_CASE("of a frame that is too long an excerpt is held, and what follows it is heard",
          "[zmtp][limit]") {
    peer_options options;
    options.max_message_bytes = 1000;
    options.excerpts = std::make_shared<long_frames>("key", 400, excerpt_sizes{200, 100});
    auto const piece = GENERATE(std::size_t{1}, std::size_t{33}, std::size_t{1} << 20U);
    side s{options};
    s.establish();
    std::string const text = "begin" + std::string(100'000, 'x') + "end";
    auto const head = "\x03\0\0\0\0\0\x01\x86\xA8"s;
    SECTION("among others") {
        s.hear(
            "\x01\x01"
            "a" +
                head + text +
                "\0\x01"
                "b"s +
                "\0\x01"
                "c"s,
            piece);
        REQUIRE_FALSE(s.p.failed());
        REQUIRE(s.whole.size() == 2);
        auto const& cut = s.whole[0].frames.at(1);
        CHECK(cut.size() == text.size());
        CHECK(cut.bytes().starts_with("beginx"));
        CHECK(cut.bytes().ends_with("xend"));
        CHECK(s.whole[0].frames.at(0).bytes() == "a");
        CHECK(s.whole[0].frames.at(2).bytes() == "b");
        CHECK(s.whole[0].bytes == 400 + 2 + 3 * peer::frame_cost);
        CHECK(s.whole[1].frames.at(0).bytes() == "c");
    }
    SECTION("half of it weighs what is held") {
        s.hear(head + text.substr(0, 150), piece);
        CHECK(s.p.unfinished_bytes() == 150);
        s.hear(text.substr(150, 50'000), piece);
        CHECK(s.p.unfinished_bytes() == 400);
    }
    SECTION("at the limit it is held whole") {
        s.hear("\x02\0\0\0\0\0\0\x01\x90"s + std::string(400, 'x'), piece);
        CHECK_FALSE(s.whole.at(0).frames.at(0).cut());
    }
    SECTION("excerpts count together") {
        s.hear(head + text + head + text + head, piece);
        CHECK(s.p.failed() == fault::long_message);
    }
    SECTION("of any length") {
        s.hear("\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s + text, piece);
        CHECK_FALSE(s.p.failed());
        CHECK(s.p.unfinished_bytes() == 400);
    }
    SECTION("a command is no frame of a message") {
        s.hear("\x06\0\0\0\0\0\x01\x86\xA8"s, piece);
        CHECK(s.p.failed() == fault::framing);
    }
}

TEST_CASE("a message takes no more memory than it weighs", "[zmtp][limit]") {
    auto const frames = GENERATE(1, 2, 3, 5, 9);
    auto const size = GENERATE(0, 1, 40);
    constexpr std::size_t count = 1000;
    constexpr std::size_t place_in_a_queue = 64;
    std::string one;
    for (int i = 0; i < frames; ++i) {
        one += std::string{i + 1 < frames ? '\x01' : '\0'} + static_cast<char>(size) +
               std::string(static_cast<std::size_t>(size), 'x');
    }
    side s;
    s.establish();
    s.whole.reserve(count);
    auto const before = tests::allocated_bytes();
    for (std::size_t i = 0; i < count; ++i) {
        s.p.feed(one, s.whole);
    }
    auto const taken = tests::allocated_bytes() - before;
    REQUIRE(s.whole.size() == count);
    CHECK(taken + count * place_in_a_queue <= count * s.whole[0].bytes);
}

TEST_CASE("each fault has words of its own", "[zmtp]") {
    std::vector<std::string_view> words;
    for (auto const each :
         {fault::greeting, fault::version, fault::mechanism, fault::handshake, fault::socket_type,
          fault::framing, fault::long_frame, fault::long_message, fault::many_frames}) {
        CHECK(std::find(words.begin(), words.end(), words_of(each)) == words.end());
        words.push_back(words_of(each));
    }
}
