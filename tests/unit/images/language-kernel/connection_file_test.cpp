// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/connection_file.hpp"

#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"

using namespace language_kernel;
using kernelproto::wire_errc;

namespace {

std::string file(std::string const& transport, std::string const& ip,
                 std::string const& scheme = "hmac-sha256", std::string const& key = "k",
                 std::string const& port = "5") {
    return R"({"transport":")" + transport + R"(","ip":")" + ip + R"(","signature_scheme":")" +
           scheme + R"(","key":")" + key + R"(","shell_port":1,"iopub_port":2,"stdin_port":3,)" +
           R"("control_port":4,"hb_port":)" + port + R"(,"kernel_name":"bash"})";
}

}  // namespace

TEST_CASE("sockets are found by path or by port", "[language-kernel][connection_file]") {
    auto const ipc = parse_connection_file(file("ipc", "/run/k")).value();
    CHECK(ipc.shell == "ipc:///run/k-1");
    CHECK(ipc.iopub == "ipc:///run/k-2");
    CHECK(ipc.stdin_channel == "ipc:///run/k-3");
    CHECK(ipc.control == "ipc:///run/k-4");
    CHECK(ipc.heartbeat == "ipc:///run/k-5");
    CHECK(ipc.key == "k");
    CHECK(parse_connection_file(file("tcp", "127.0.0.1")).value().shell == "tcp://127.0.0.1:1");
}

TEST_CASE("a file that cannot be served is refused", "[language-kernel][connection_file]") {
    CHECK(parse_connection_file("").error() == wire_errc::bad_connection_info);
    CHECK(parse_connection_file("[]").error() == wire_errc::bad_connection_info);
    CHECK(parse_connection_file(file("udp", "x")).error() == wire_errc::bad_connection_info);
    CHECK(parse_connection_file(file("ipc", "")).error() == wire_errc::bad_connection_info);
    CHECK(parse_connection_file(file("ipc", "x", "hmac-md5")).error() ==
          wire_errc::unsupported_scheme);
    CHECK(parse_connection_file(file("ipc", "x", "hmac-sha256", "")).error() ==
          wire_errc::bad_connection_info);
    for (auto const* port : {"0", "65536", "\"5\"", "null"}) {
        CHECK(parse_connection_file(file("ipc", "x", "hmac-sha256", "k", port)).error() ==
              wire_errc::bad_connection_info);
    }
    CHECK(parse_connection_file(file("ipc", std::string(70000, 'x'))).error() ==
          wire_errc::bad_connection_info);
}
