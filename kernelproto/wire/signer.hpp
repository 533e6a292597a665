// SPDX-License-Identifier: Apache-2.0
// HMAC-SHA256 over the four signed parts of a message: header, parent header, metadata, content.
// Never tells by its timing where two signatures differ, and never reads past a short one.
// Holds one keyed context that every call uses again; one owner, one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;

namespace kernelproto {

class signer {
public:
    /// In the order in which they are on the wire.
    using parts = std::span<std::string_view const, 4>;

    /// Length of a signature: lowercase hex of 32 bytes.
    static constexpr std::size_t signature_bytes = 64;

    /// `key` is the string of the connection file, taken as bytes. An empty key would switch
    /// signing off (Jupyter messaging specification, "Wire protocol") and throws.
    explicit signer(std::string_view key);

    std::string sign(parts message);

    /// False for any other length, any other case of the hex digits, any other bytes.
    bool verify(parts message, std::string_view signature);

private:
    std::array<char, signature_bytes> hex_digest(parts message);

    struct free_context {
        void operator()(evp_mac_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_mac_ctx_st, free_context> context_;
};

}  // namespace kernelproto
