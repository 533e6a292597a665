// SPDX-License-Identifier: Apache-2.0
// Frames that are too long to be kept: taken in byte by byte, all of it signed, and of it only the
// beginning and the end held.
// Never holds more than its sizes say, however long the frame is, and never cuts a character or an
// escape of JSON apart (of a pair of surrogates one may stay, and is mended later). One owner each,
// one thread at a time.
#pragma once

#include "kernelproto/wire/frames.hpp"
#include "kernelproto/wire/signer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kernelproto {

/// Of a frame's bytes. The end that is kept is at least `tail_bytes` and less than twice as long.
struct excerpt_sizes {
    std::size_t head_bytes = std::size_t{31} * 1024 * 1024;
    std::size_t tail_bytes = std::size_t{512} * 1024;

    std::size_t held_bytes() const noexcept { return head_bytes + 2 * tail_bytes; }
};

class excerpt {
public:
    /// Allocates what it will hold; throws std::bad_alloc.
    explicit excerpt(excerpt_sizes sizes);

    /// Where the next bytes of the frame belong, as many as there is room for; never empty.
    std::span<char> room() noexcept;
    void filled(std::size_t bytes) noexcept;

    /// Precondition: more than `held_bytes` came. `signature` is told by the frame.
    frame finish(std::string signature);

private:
    char* half(unsigned which) noexcept;

    excerpt_sizes sizes_;
    std::shared_ptr<char[]> bytes_;  // the head, then two halves that the end takes turns in
    std::uint64_t came_ = 0;
    std::size_t filled_ = 0;  // of the head, then of a half
    bool in_head_ = true;
    unsigned current_ = 0;         // half
    bool begins_escaped_[2] = {};  // what each half begins with is behind a backslash
};

/// `whole`, shortened. Precondition: it is longer than `sizes.held_bytes()`.
frame excerpt_of(frame const& whole, excerpt_sizes sizes);

/// One of a kernel's frames while it comes.
class long_frame {
public:
    long_frame(excerpt_sizes sizes, std::optional<running_signature> signature);

    std::span<char> room() noexcept { return excerpt_.room(); }
    void filled(std::size_t bytes);
    frame finish();

private:
    excerpt excerpt_;
    std::optional<running_signature> signature_;
};

/// Begins the long frames of one kernel.
class long_frames {
public:
    /// Frames above `above` bytes are not kept whole. Precondition: `sizes` hold no more.
    long_frames(std::string_view key, std::size_t above, excerpt_sizes sizes);

    std::size_t above() const noexcept { return above_; }
    std::size_t held_bytes() const noexcept { return sizes_.held_bytes(); }

    /// `before`: the frames of its message that came before it. The signature is taken of content
    /// only, which is the one frame of such length that has one. Throws std::bad_alloc.
    std::unique_ptr<long_frame> begin(frame_list const& before);

private:
    signer keys_;
    std::size_t above_;
    excerpt_sizes sizes_;
};

}  // namespace kernelproto
