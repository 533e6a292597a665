// SPDX-License-Identifier: Apache-2.0
// Bearer tokens of any bytes, their claims, and key sets: what is opened is three parts that fit
// together, and every refusal is a sentence of ours.
#include "http/proto/json_text.hpp"
#include "http/proto/json_web_keys.hpp"
#include "http/proto/json_web_token.hpp"
#include "tests/support/base64url.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

void check(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void check_sentence(broker::failure const& what) {
    check(!what.detail.empty() && what.detail.size() < 256 &&
          std::all_of(what.detail.begin(), what.detail.end(),
                      [](char c) { return c >= ' ' && c <= '~'; }));
}

void check_name(std::optional<std::string> const& name) {
    check(!name || (!name->empty() && name->size() <= 256 && http::is_utf8(*name) &&
                    name->find('\0') == std::string::npos));
}

void read_payload(std::string_view payload) {
    auto const claims = http::read_claims(payload);
    if (!claims) {
        check_sentence(claims.error());
        return;
    }
    check_name(claims->issuer);
    check_name(claims->subject);
    check_name(claims->tenant_id);
    for (auto const& one : claims->audiences) {
        check_name(one);
    }
    check(claims->expires.value_or(0) >= 0 && claims->issued.value_or(0) >= 0);
}

void open_one(std::string_view text) {
    auto const opened = http::open_token(text);
    if (!opened) {
        check_sentence(opened.error());
        return;
    }
    check(text.size() <= http::max_token_bytes && opened->signed_text.data() == text.data());
    check(opened->signed_text.ends_with(opened->payload));
    check_name(opened->algorithm);
    check_name(opened->key_id);
    read_payload(opened->payload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(data), size);
    open_one(text);
    // So that what lies behind base64url is reached without guessing it.
    auto const encoded = test::base64url(text);
    open_one(encoded + ".e30.AA");
    read_payload(encoded);
    auto const keys = http::read_json_web_keys(text);
    if (!keys) {
        check_sentence(keys.error());
        return 0;
    }
    for (auto const& key : *keys) {
        check(key.ed25519.size() == 32 || !key.rsa_modulus.empty());
    }
    return 0;
}
