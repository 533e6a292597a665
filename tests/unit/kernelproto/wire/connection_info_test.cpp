// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/connection_info.hpp"

#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"

#include <string>

using namespace kernelproto;

namespace {

char const* const good =
    R"({"transport":"ipc","ip":"/run/k","shell_port":1,"iopub_port":2,"stdin_port":3,)"
    R"("control_port":4,"hb_port":5,"key":"secret","signature_scheme":"hmac-sha256"})";

std::string with(std::string_view from, std::string_view to) {
    std::string text = good;
    auto const at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

boost::system::error_code refused(std::string const& text) {
    auto const info = parse_connection_info(text);
    return info ? boost::system::error_code{} : info.error();
}

}  // namespace

TEST_CASE("a connection file is read", "[wire][connection]") {
    auto const info = parse_connection_info(good);
    REQUIRE(info.has_value());
    CHECK(info->ip == "/run/k");
    CHECK(info->key == "secret");
    CHECK(info->hb_port == 5);
    CHECK(socket_path(*info, info->control_port) == "/run/k-4");
}

TEST_CASE("what is written is read again", "[wire][connection]") {
    connection_info info;
    info.ip = "/run/kernel \"x\"/k";
    info.key = "a\\b";
    info.kernel_name = "python3";
    auto const again = parse_connection_info(print_connection_info(info));
    REQUIRE(again.has_value());
    CHECK(*again == info);
}

TEST_CASE("every field but the name must be there", "[wire][connection]") {
    for (auto const* name : {"transport", "ip", "shell_port", "iopub_port", "stdin_port",
                             "control_port", "hb_port", "key", "signature_scheme"}) {
        CAPTURE(name);
        CHECK(refused(with("\"" + std::string(name) + "\"", "\"x\"")) ==
              wire_errc::bad_connection_info);
    }
}

TEST_CASE("ports are different whole numbers that name a socket", "[wire][connection]") {
    for (auto const* port :
         {"0", "-1", "65536", "1.0", "\"1\"", "null", "2", "99999999999999999999"}) {
        CAPTURE(port);
        CHECK(refused(with(R"("shell_port":1)", std::string(R"("shell_port":)") + port)) ==
              wire_errc::bad_connection_info);
    }
    CHECK_FALSE(refused(with(R"("shell_port":1)", R"("shell_port":65535)")));
}

TEST_CASE("only unix sockets, only keyed, only HMAC-SHA256", "[wire][connection]") {
    CHECK(refused(with("\"ipc\"", "\"tcp\"")) == wire_errc::bad_connection_info);
    CHECK(refused(with("\"secret\"", "\"\"")) == wire_errc::bad_connection_info);
    CHECK(refused(with("\"/run/k\"", "\"\"")) == wire_errc::bad_connection_info);
    CHECK(refused(with("\"/run/k\"", R"("/run\u0000/k")")) == wire_errc::bad_connection_info);
    CHECK(refused(with("hmac-sha256", "hmac-md5")) == wire_errc::unsupported_scheme);
    CHECK(refused(with("hmac-sha256", "")) == wire_errc::unsupported_scheme);
    CHECK(refused(with("{", R"({"curve_publickey":"x",)")) == wire_errc::bad_connection_info);
}

TEST_CASE("a path that no socket can have is refused", "[wire][connection]") {
    auto const longest = std::string(max_socket_path - 2, 'x');  // and "-1"
    CHECK_FALSE(refused(with("/run/k", longest)));
    CHECK(refused(with("/run/k", longest + "x")) == wire_errc::bad_connection_info);
}

TEST_CASE("a file that is not JSON, or too large, is refused and never mended",
          "[wire][connection]") {
    CHECK(refused("") == wire_errc::bad_connection_info);
    CHECK(refused("[]") == wire_errc::bad_connection_info);
    CHECK(refused(std::string(good) + "x") == wire_errc::bad_connection_info);
    CHECK(refused(with("secret", "\xFF")) == wire_errc::bad_connection_info);
    CHECK(refused(with("secret", R"(\ud800)")) == wire_errc::bad_connection_info);
    CHECK(refused(with("{", R"({"a":NaN,)")) == wire_errc::bad_connection_info);
    CHECK(refused(std::string(100'000, ' ') + good) == wire_errc::bad_connection_info);
}
