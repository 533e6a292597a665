// SPDX-License-Identifier: Apache-2.0
// The list of byte strings that one ZeroMQ message is made of, and the limits put on it.
// Never interprets a byte and never copies what it can share.
// Values; a frame's bytes are immutable and live as long as any copy of the frame.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernelproto {

/// What is known of a frame of which the middle was left out.
struct frame_cut {
    std::uint64_t left_out = 0;  // bytes
    /// Of the whole frame and the signed ones before it, in the form of `signer`; empty: not made.
    std::string signature;
};

/// One frame: bytes, and whatever keeps them alive (a `zmq::message_t`, a string of ours).
class frame {
public:
    frame() = default;

    explicit frame(std::string text) {
        auto owned = std::make_shared<std::string const>(std::move(text));
        bytes_ = *owned;
        owner_ = std::move(owned);
    }

    frame(std::shared_ptr<void const> owner, std::string_view bytes)
        : owner_(std::move(owner)), bytes_(bytes) {}

    /// `owner` keeps `cut` alive too.
    frame(std::shared_ptr<void const> owner, std::string_view bytes, frame_cut const* cut)
        : owner_(std::move(owner)), bytes_(bytes), cut_(cut) {}

    /// Valid while this frame or a copy of it lives.
    std::string_view bytes() const noexcept { return bytes_; }

    /// Null: the bytes are all of it.
    frame_cut const* cut() const noexcept { return cut_; }

    /// Bytes as they were sent.
    std::uint64_t size() const noexcept { return bytes_.size() + (cut_ ? cut_->left_out : 0); }

private:
    std::shared_ptr<void const> owner_;
    std::string_view bytes_;
    frame_cut const* cut_ = nullptr;
};

using frame_list = std::vector<frame>;

/// What one message from a kernel may weigh. Sizes in bytes.
struct frame_limits {
    std::size_t max_frames = 64;
    std::size_t max_header_bytes = std::size_t{64} * 1024;
    std::size_t max_message_bytes = std::size_t{512} * 1024 * 1024;
};

inline std::size_t total_bytes(frame_list const& frames) noexcept {
    std::size_t sum = 0;
    for (auto const& f : frames) {
        sum += f.bytes().size();
    }
    return sum;
}

}  // namespace kernelproto
