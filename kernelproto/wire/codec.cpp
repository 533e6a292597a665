// SPDX-License-Identifier: Apache-2.0
// The codec. The order of its checks is the point: count, sizes, signature, and only then JSON.
// Never copies content or buffers. One thread at a time (the signer's).
#include "kernelproto/wire/codec.hpp"

#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/json_text.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace kernelproto {
namespace {

constexpr std::string_view delimiter = "<IDS|MSG>";

/// Frames behind the delimiter: signature, then the four signed parts.
enum place : std::size_t {
    signature_at,
    header_at,
    parent_at,
    metadata_at,
    content_at,
    buffers_at
};

frame_list::const_iterator find_delimiter(frame_list const& frames) {
    return std::find_if(frames.begin(), frames.end(),
                        [](frame const& f) { return f.bytes() == delimiter; });
}

/// The frames behind the delimiter, once everything that needs no parsing is known to be right.
result<std::span<frame const>> checked_frames(frame_list const& frames,
                                              frame_limits const& limits) {
    if (frames.size() > limits.max_frames) {
        return wire_errc::too_many_frames;
    }
    if (total_bytes(frames) > limits.max_message_bytes) {
        return wire_errc::message_too_large;
    }
    auto const found = find_delimiter(frames);
    if (found == frames.end()) {
        return wire_errc::no_delimiter;
    }
    std::span<frame const> const parts{found + 1, frames.end()};
    if (parts.size() < buffers_at) {
        return wire_errc::too_few_frames;
    }
    for (auto const& part : parts.subspan(header_at, content_at - header_at)) {
        if (part.size() > limits.max_header_bytes) {
            return wire_errc::header_too_large;
        }
    }
    return parts;
}

bool is_signed(std::span<frame const> parts, signer& keys) {
    auto const signature = parts[signature_at].bytes();
    if (auto const* const cut = parts[content_at].cut()) {
        return signer::same(cut->signature, signature);
    }
    std::array<std::string_view, 4> const signed_parts{
        parts[header_at].bytes(), parts[parent_at].bytes(), parts[metadata_at].bytes(),
        parts[content_at].bytes()};
    return keys.verify(signed_parts, signature);
}

}  // namespace

std::optional<std::span<frame const, 3>> before_content(frame_list const& beginning) noexcept {
    auto const found = find_delimiter(beginning);
    if (beginning.end() - found != 1 + std::ptrdiff_t{content_at}) {
        return std::nullopt;
    }
    return std::span<frame const, 3>{&*found + 1 + header_at, 3};
}

result<message> decode(frame_list const& frames, signer& keys, frame_limits const& limits) {
    auto const parts = checked_frames(frames, limits);
    if (!parts) {
        return parts.error();
    }
    std::span<frame const> const p = *parts;
    if (!is_signed(p, keys)) {
        return wire_errc::bad_signature;
    }
    auto head = parse_header(p[header_at]);
    if (!head) {
        return head.error();
    }
    auto parent = parse_parent_header(p[parent_at]);
    if (!parent) {
        return parent.error();
    }
    if (auto const metadata = json_object::parse(p[metadata_at]); !metadata) {
        return metadata.error();
    }
    return message{std::move(*head),
                   std::move(*parent),
                   p[metadata_at],
                   p[content_at],
                   frame_list(p.begin() + buffers_at, p.end()),
                   std::nullopt};
}

result<message> decode_whole(frame_list const& frames, signer& keys, frame_limits const& limits) {
    auto heard = decode(frames, keys, limits);
    if (heard && is_output(heard->head.msg_type)) {
        heard->output = read_output(heard->head.msg_type, heard->content);
    }
    return heard;
}

frame_list encode(outgoing const& out, signer& keys) {
    std::array<std::string, 4> texts{print_header(out.head),
                                     out.parent.empty() ? "{}" : print_header(out.parent), "{}",
                                     out.content};
    std::array<std::string_view, 4> const views{texts[0], texts[1], texts[2], texts[3]};
    frame_list frames;
    frames.reserve(2 + texts.size());
    frames.emplace_back(std::string{delimiter});
    frames.emplace_back(keys.sign(views));
    for (auto& text : texts) {
        frames.emplace_back(std::move(text));
    }
    return frames;
}

}  // namespace kernelproto
