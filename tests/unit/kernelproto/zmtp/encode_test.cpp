// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/zmtp/encode.hpp"

#include "tests/support/catch.hpp"

#include <string>
#include <string_view>

using namespace kernelproto;
using namespace kernelproto::zmtp;
using namespace std::string_literals;

namespace {

frame_list of(std::initializer_list<std::string> parts) {
    frame_list frames;
    for (auto const& each : parts) {
        frames.emplace_back(each);
    }
    return frames;
}

std::string encoded(frame_list const& frames) {
    std::string bytes;
    append_message(bytes, frames);
    return bytes;
}

}  // namespace

TEST_CASE("a client greets with version 3.1 and NULL", "[zmtp]") {
    CHECK(greeting() == "\xFF\0\0\0\0\0\0\0\0\x7F\x03\x01"s + "NULL"s + std::string(48, '\0'));
}

TEST_CASE("READY tells the type of the socket and its identity", "[zmtp]") {
    CHECK(ready(socket_type::sub, "") == "\x04\x19\x05READY\x0BSocket-Type\0\0\0\x03SUB"s);
    CHECK(ready(socket_type::dealer, "me") ==
          "\x04\x2B\x05READY\x0BSocket-Type\0\0\0\x06"
          "DEALER\x08Identity\0\0\0\x02me"s);
    auto const longest = ready(socket_type::dealer, std::string(255, 'i'));
    CHECK(longest.substr(0, 9) == "\x06\0\0\0\0\0\0\x01\x28"s);  // a long command
    CHECK(longest.size() == 9 + 0x128);
}

TEST_CASE("a subscription is a command since 3.1 and a message before", "[zmtp]") {
    CHECK(subscribe_to_all(1) == "\x04\x0A\x09SUBSCRIBE"s);
    CHECK(subscribe_to_all(0) == "\0\x01\x01"s);
}

TEST_CASE("a PONG carries what the PING said", "[zmtp]") {
    CHECK(pong("abc") == "\x04\x08\x04PONGabc"s);
}

TEST_CASE("frames say whether more follow, and are long above 255 bytes", "[zmtp]") {
    CHECK(encoded(of({""})) == "\0\0"s);
    CHECK(encoded(of({"a", "", "bc"})) ==
          "\x01\x01"
          "a\x01\0\0\x02"
          "bc"s);
    CHECK(encoded(of({std::string(255, 'x')})) == "\0\xFF"s + std::string(255, 'x'));
    CHECK(encoded(of({std::string(256, 'x')})) ==
          "\x02\0\0\0\0\0\0\x01\0"s + std::string(256, 'x'));
    CHECK(encoded(of({std::string(70000, 'x'), "y"})).substr(0, 9) ==
          "\x03\0\0\0\0\0\x01\x11\x70"s);
}
