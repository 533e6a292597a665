// SPDX-License-Identifier: Apache-2.0
// The forms of addresses, networks, names and paths. Never touches the host. Pure.
#include "broker/daemon/setting_checks.hpp"

#include "broker/daemon/listen_address.hpp"
#include "http/api/auth.hpp"
#include "http/proto/ascii.hpp"

#include <algorithm>

namespace broker {
namespace {

constexpr std::string_view letters_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool made_of(std::string_view text, std::string_view extra) {
    return std::ranges::all_of(text, [&](char c) {
        return letters_digits.find(c) != std::string_view::npos ||
               extra.find(c) != std::string_view::npos;
    });
}

bool is_sane_path(std::string_view text) {
    return text.starts_with('/') && text.size() < 1024 &&
           std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

}  // namespace

refusal refuse_listen(std::string_view text) {
    if (parse_listen_address(text)) {
        return std::nullopt;
    }
    return "write ADDRESS:PORT, [V6]:PORT or unix:/absolute/path (names are not looked up)";
}

refusal refuse_network(std::string_view text) {
    if (http::api::network::parse(text)) {
        return std::nullopt;
    }
    return "write a network such as 10.0.0.0/8 or fd00::/8, with no bits set behind the prefix";
}

refusal refuse_host(std::string_view text) {
    if (!text.empty() && text.size() <= 253 && made_of(text, ".-_:[]")) {
        return std::nullopt;
    }
    return "write a host name or address, such as broker.example.org";
}

refusal refuse_file(std::string_view text) {
    if (is_sane_path(text) && !text.ends_with('/')) {
        return std::nullopt;
    }
    return "write the absolute path of a file";
}

refusal refuse_token_name(std::string_view text) {
    if (!text.empty() && text.size() <= 256 &&
        std::ranges::none_of(text, http::ascii::is_control)) {
        return std::nullopt;
    }
    return "write 1 to 256 bytes without control characters";
}

refusal refuse_directory(std::string_view text) {
    if (is_sane_path(text) && text != "/") {
        return std::nullopt;
    }
    return "write an absolute path that is not /";
}

refusal refuse_directory_or_empty(std::string_view text) {
    return text.empty() ? std::nullopt : refuse_directory(text);
}

refusal refuse_program(std::string_view text) {
    bool const name = !text.empty() && text.size() < 256 && made_of(text, "._-+");
    if (name || is_sane_path(text)) {
        return std::nullopt;
    }
    return "write auto, the name of a program, or its absolute path";
}

refusal refuse_image_name(std::string_view text) {
    if (!text.empty() && text.size() <= 128 && made_of(text, "._-") && text.front() != '.') {
        return std::nullopt;
    }
    return "write 1 to 128 of A-Z a-z 0-9 . _ - without a dot in front";
}

refusal refuse_language(std::string_view text) {
    if (!text.empty() && text.size() <= 32 && made_of(text, "+-_")) {
        return std::nullopt;
    }
    return "write the name of a language, such as python or bash";
}

}  // namespace broker
