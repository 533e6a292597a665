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
#include <utility>

struct evp_mac_ctx_st;

namespace kernelproto {

/// A signature of parts that come one after another, in pieces of any length.
class running_signature {
public:
    void add(std::string_view bytes);
    /// Once, at the end. As `signer::sign` of the same bytes.
    std::string finish();

private:
    friend class signer;

    struct free_context {
        void operator()(evp_mac_ctx_st* context) const noexcept;
    };
    using context = std::unique_ptr<evp_mac_ctx_st, free_context>;

    explicit running_signature(context keyed) : context_(std::move(keyed)) {}

    context context_;
};

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

    /// The same for a signature that was made before.
    static bool same(std::string_view expected, std::string_view signature) noexcept;

    /// Has no part yet, and no use for this signer any more. Throws std::bad_alloc.
    running_signature begin();

private:
    void restart();

    running_signature::context context_;
};

}  // namespace kernelproto
