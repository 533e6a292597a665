// SPDX-License-Identifier: Apache-2.0
// Greeting, commands and frames as bytes. Never validates: what is sent is ours. Stateless.
#include "kernelproto/zmtp/encode.hpp"

namespace kernelproto::zmtp {
namespace {

/// The size of a frame, or of a property, in network order.
void append_big_endian(std::string& to, std::size_t value, int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        to += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU);
    }
}

void append_frame(std::string& to, unsigned char flags, std::string_view body) {
    if (body.size() > 255) {
        to += static_cast<char>(flags | flag_long);
        append_big_endian(to, body.size(), 8);
    } else {
        to += static_cast<char>(flags);
        append_big_endian(to, body.size(), 1);
    }
    to += body;
}

void append_name(std::string& to, std::string_view name) {
    append_big_endian(to, name.size(), 1);
    to += name;
}

void append_property(std::string& to, std::string_view name, std::string_view value) {
    append_name(to, name);
    append_big_endian(to, value.size(), 4);
    to += value;
}

std::string command(std::string_view name, std::string_view data) {
    std::string body;
    append_name(body, name);
    body += data;
    std::string framed;
    append_frame(framed, flag_command, body);
    return framed;
}

}  // namespace

std::string greeting() {
    std::string bytes(greeting_bytes, '\0');
    bytes[0] = '\xFF';
    bytes[9] = '\x7F';
    bytes[10] = 3;
    bytes[11] = 1;
    bytes.replace(12, 4, "NULL");
    return bytes;
}

std::string ready(socket_type ours, std::string_view identity) {
    std::string properties;
    append_property(properties, "Socket-Type", ours == socket_type::sub ? "SUB" : "DEALER");
    if (!identity.empty()) {
        append_property(properties, "Identity", identity);
    }
    return command("READY", properties);
}

std::string subscribe_to_all(unsigned peer_minor_version) {
    if (peer_minor_version > 0) {
        return command("SUBSCRIBE", "");
    }
    std::string framed;
    append_frame(framed, 0, "\x01");
    return framed;
}

std::string pong(std::string_view context) { return command("PONG", context); }

void append_message(std::string& to, frame_list const& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
        append_frame(to, i + 1 < frames.size() ? flag_more : 0, frames[i].bytes());
    }
}

}  // namespace kernelproto::zmtp
