// SPDX-License-Identifier: Apache-2.0
// The end of a frame moves through two halves of one buffer: while one is filled the other is the
// end so far. Never scans a byte that it does not have to. One owner.
#include "kernelproto/wire/excerpt.hpp"

#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/json_check.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace kernelproto {

excerpt::excerpt(excerpt_sizes sizes)
    : sizes_(sizes), bytes_(std::make_shared_for_overwrite<char[]>(sizes.held_bytes())) {}

char* excerpt::half(unsigned which) noexcept {
    return bytes_.get() + sizes_.head_bytes + which * sizes_.tail_bytes;
}

std::span<char> excerpt::room() noexcept {
    return in_head_ ? std::span{bytes_.get() + filled_, sizes_.head_bytes - filled_}
                    : std::span{half(current_) + filled_, sizes_.tail_bytes - filled_};
}

void excerpt::filled(std::size_t bytes) noexcept {
    came_ += bytes;
    filled_ += bytes;
    if (in_head_ && filled_ == sizes_.head_bytes) {
        begins_escaped_[0] = ends_escaping({bytes_.get(), filled_}, false);
        in_head_ = false;
        filled_ = 0;
    } else if (!in_head_ && filled_ == sizes_.tail_bytes) {
        auto const next = 1 - current_;
        begins_escaped_[next] = ends_escaping({half(current_), filled_}, begins_escaped_[current_]);
        current_ = next;
        filled_ = 0;
    }
}

frame excerpt::finish(std::string signature) {
    if (came_ <= sizes_.held_bytes()) {
        throw std::logic_error("an excerpt of what is not long");
    }
    auto const earlier = 1 - current_;
    bool const escaped = begins_escaped_[earlier];
    auto const tail_bytes = sizes_.tail_bytes + filled_;
    if (earlier == 1) {
        std::rotate(half(0), half(1), half(1) + sizes_.tail_bytes);
    }
    auto const head = whole_head({bytes_.get(), sizes_.head_bytes});
    auto const skipped = begin_of_tail({half(0), tail_bytes}, escaped);
    std::memmove(bytes_.get() + head, half(0) + skipped, tail_bytes - skipped);
    auto const kept = head + tail_bytes - skipped;

    struct whole {
        std::shared_ptr<char[]> bytes;
        frame_cut cut;
    };
    auto owner =
        std::make_shared<whole>(whole{std::move(bytes_), {came_ - kept, std::move(signature)}});
    std::string_view const text{owner->bytes.get(), kept};
    auto const* const cut = &owner->cut;
    return {std::move(owner), text, cut};
}

frame excerpt_of(frame const& whole, excerpt_sizes sizes) {
    excerpt made(sizes);
    for (auto rest = whole.bytes(); !rest.empty();) {
        auto const room = made.room();
        auto const taken = std::min(room.size(), rest.size());
        std::memcpy(room.data(), rest.data(), taken);
        made.filled(taken);
        rest.remove_prefix(taken);
    }
    return made.finish({});
}

long_frame::long_frame(excerpt_sizes sizes, std::optional<running_signature> signature)
    : excerpt_(sizes), signature_(std::move(signature)) {}

void long_frame::filled(std::size_t bytes) {
    if (signature_) {
        signature_->add({excerpt_.room().data(), bytes});
    }
    excerpt_.filled(bytes);
}

frame long_frame::finish() {
    return excerpt_.finish(signature_ ? signature_->finish() : std::string{});
}

long_frames::long_frames(std::string_view key, std::size_t above, excerpt_sizes sizes)
    : keys_(key), above_(above), sizes_(sizes) {
    if (sizes.held_bytes() > above || sizes.head_bytes == 0 || sizes.tail_bytes == 0) {
        throw std::logic_error("an excerpt without an end, or longer than what is kept whole");
    }
}

std::unique_ptr<long_frame> long_frames::begin(frame_list const& before) {
    std::optional<running_signature> signature;
    if (auto const signed_parts = before_content(before)) {
        signature = keys_.begin();
        for (auto const& part : *signed_parts) {
            signature->add(part.bytes());
        }
    }
    return std::make_unique<long_frame>(sizes_, std::move(signature));
}

}  // namespace kernelproto
