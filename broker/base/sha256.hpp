// SPDX-License-Identifier: Apache-2.0
// SHA-256 of bytes that come in pieces, and its lower-case hexadecimal form.
// Never a secret's comparison or a password's hash: this names contents. A value that moves; any
// thread, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace broker {

using sha256_digest = std::array<std::uint8_t, 32>;

class sha256 {
public:
    sha256();
    sha256(sha256&&) noexcept;
    sha256& operator=(sha256&&) noexcept;
    sha256(sha256 const&) = delete;
    sha256& operator=(sha256 const&) = delete;
    ~sha256();

    void add(std::string_view bytes);

    /// The digest of everything added. Nothing is added afterwards.
    sha256_digest finish();

private:
    struct state;
    std::unique_ptr<state> state_;
};

/// 64 lower-case hexadecimal digits.
std::string to_hex(sha256_digest const& digest);

/// The digest that 64 hexadecimal digits of lower case stand for.
std::optional<sha256_digest> sha256_from_hex(std::string_view text);

/// Of the first `size` bytes of an open file, read with pread(2) in bounded memory. Absent when the
/// file ends earlier or cannot be read.
std::optional<sha256_digest> sha256_of_file(int fd, std::uint64_t size);

}  // namespace broker
