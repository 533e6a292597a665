// SPDX-License-Identifier: Apache-2.0
// The grammar of RFC 37/ZMTP, one byte after another, as a peer of ours has to speak it.
// Never stores what a limit forbids: sizes are judged when they are announced. One owner.
#include "kernelproto/zmtp/peer.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace kernelproto::zmtp {
namespace {

/// The longest that anybody sends is a READY of some hundred bytes.
constexpr std::size_t max_command_bytes = std::size_t{64} * 1024;

constexpr std::size_t max_ping_context_bytes = 16;

std::uint64_t big_endian(unsigned char const* bytes, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
        value = value << 8U | bytes[i];
    }
    return value;
}

/// Takes a string behind its length of `size_bytes` off the front of `from`.
std::optional<std::string_view> take_string(std::string_view& from, std::size_t size_bytes) {
    if (from.size() < size_bytes) {
        return std::nullopt;
    }
    auto const size = big_endian(reinterpret_cast<unsigned char const*>(from.data()), size_bytes);
    from.remove_prefix(size_bytes);
    if (from.size() < size) {
        return std::nullopt;
    }
    auto const taken = from.substr(0, size);
    from.remove_prefix(size);
    return taken;
}

/// Names of properties are compared without regard to case (RFC 37, "The READY command").
bool same_name(std::string_view a, std::string_view b) {
    auto const lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

bool may_meet(socket_type ours, std::string_view theirs) {
    return ours == socket_type::sub ? theirs == "PUB" || theirs == "XPUB"
                                    : theirs == "ROUTER" || theirs == "REP";
}

}  // namespace

peer::peer(peer_options options) : options_(std::move(options)), output_(greeting()) {}

std::span<char> peer::room() noexcept {
    if (fault_ || !in_body_) {
        return {};
    }
    auto const missing = body_bytes_ - body_filled_;
    if (excerpt_) {
        auto const room = excerpt_->room();
        return room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), missing)));
    }
    return {body_.get() + body_filled_, static_cast<std::size_t>(missing)};
}

void peer::filled(std::size_t bytes, std::vector<message>& whole) {
    if (excerpt_) {
        excerpt_->filled(bytes);
    }
    body_filled_ += bytes;
    if (body_filled_ == body_bytes_) {
        end_frame(whole);
    }
}

void peer::feed(std::string_view bytes, std::vector<message>& whole) {
    while (!bytes.empty() && !fault_) {
        bytes.remove_prefix(in_body_                    ? take_body(bytes, whole)
                            : stage_ == stage::greeting ? take_greeting(bytes)
                                                        : take_head(bytes, whole));
    }
}

std::string peer::take_output() noexcept { return std::exchange(output_, {}); }

std::size_t peer::take_greeting(std::string_view bytes) {
    auto const taken = std::min(bytes.size(), greeting_bytes - head_filled_);
    std::memcpy(head_.data() + head_filled_, bytes.data(), taken);
    head_filled_ += taken;
    check_greeting();
    return taken;
}

/// As far as it has come: an older peer stops in the middle and waits.
void peer::check_greeting() {
    constexpr std::string_view null_mechanism{"NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20};
    std::string_view const seen{reinterpret_cast<char const*>(head_.data()), head_filled_};
    if (head_[0] != 0xFF || (seen.size() > 9 && head_[9] != 0x7F)) {
        fault_ = fault::greeting;
    } else if (seen.size() > 10 && head_[10] < 3) {
        fault_ = fault::version;
    } else if (seen.size() > 12 &&
               null_mechanism.find(seen.substr(12, null_mechanism.size())) != 0) {
        fault_ = fault::mechanism;
    } else if (seen.size() == greeting_bytes) {
        minor_version_ = head_[10] > 3 ? 1 : head_[11];
        head_filled_ = 0;
        stage_ = stage::handshake;
        output_ += ready(options_.ours, options_.identity);
    }
}

std::size_t peer::take_head(std::string_view bytes, std::vector<message>& whole) {
    auto const wanted = [this]() -> std::size_t {
        return head_filled_ == 0 ? 1 : (head_[0] & flag_long) != 0 ? 9 : 2;
    };
    std::size_t taken = 0;
    while (taken < bytes.size() && head_filled_ < wanted()) {
        head_[head_filled_++] = static_cast<unsigned char>(bytes[taken++]);
    }
    if (head_filled_ > 1 && head_filled_ == wanted()) {
        auto const size = big_endian(head_.data() + 1, head_filled_ - 1);
        head_filled_ = 0;
        begin_frame(head_[0], size, whole);
    }
    return taken;
}

void peer::begin_frame(unsigned char flags, std::uint64_t size, std::vector<message>& whole) {
    constexpr unsigned known_flags = flag_more | flag_long | flag_command;
    bool const is_command = (flags & flag_command) != 0;
    auto const limit = options_.max_message_bytes;
    bool const is_long = !is_command && options_.excerpts && size > options_.excerpts->above();
    auto const held = is_long ? options_.excerpts->held_bytes() : size;
    if ((flags & ~known_flags) != 0 || (is_command && (flags & flag_more) != 0) ||
        (is_command && size > max_command_bytes)) {
        fault_ = fault::framing;
    } else if (!is_command && stage_ != stage::traffic) {
        fault_ = fault::handshake;
    } else if (!is_command && unfinished_.frames.size() == options_.max_frames) {
        fault_ = fault::many_frames;
    } else if (!is_command && held > limit) {
        fault_ = fault::long_frame;
    } else if (!is_command && unfinished_.bytes + held + frame_cost > limit) {
        fault_ = fault::long_message;
    }
    if (fault_) {
        return;
    }
    ++frames_begun_;
    flags_ = flags;
    body_bytes_ = size;
    body_filled_ = 0;
    body_held_ = held;
    if (size == 0) {
        end_frame(whole);
        return;
    }
    try {
        if (is_long) {
            excerpt_ = options_.excerpts->begin(unfinished_.frames);
        } else {
            body_ = std::make_shared_for_overwrite<char[]>(size);
        }
    } catch (std::bad_alloc const&) {
        fault_ = fault::long_frame;
        return;
    }
    in_body_ = true;
}

std::size_t peer::take_body(std::string_view bytes, std::vector<message>& whole) {
    auto const to = room();
    auto const taken = std::min(bytes.size(), to.size());
    std::memcpy(to.data(), bytes.data(), taken);
    filled(taken, whole);
    return taken;
}

void peer::end_frame(std::vector<message>& whole) {
    in_body_ = false;
    body_filled_ = 0;
    if (auto const excerpt = std::exchange(excerpt_, nullptr)) {
        keep(excerpt->finish(), whole);
        return;
    }
    auto const body = std::exchange(body_, nullptr);
    std::string_view const bytes{body.get(), static_cast<std::size_t>(body_bytes_)};
    if ((flags_ & flag_command) != 0) {
        on_command(bytes);
    } else {
        keep({body, bytes}, whole);
    }
}

void peer::keep(frame one, std::vector<message>& whole) {
    if (unfinished_.frames.empty()) {
        unfinished_.frames.reserve(8);  // topic, delimiter, signature, four of JSON, one to spare
    }
    unfinished_.bytes += body_held_ + frame_cost;
    unfinished_.frames.push_back(std::move(one));
    if ((flags_ & flag_more) == 0) {
        if (unfinished_.frames.size() < 4) {
            unfinished_.frames.shrink_to_fit();  // else the room to spare is not in their cost
        }
        whole.push_back(std::exchange(unfinished_, {}));
    }
}

void peer::on_command(std::string_view body) {
    auto const name = take_string(body, 1);
    if (!name) {
        fault_ = fault::framing;
    } else if (*name == "ERROR") {
        fault_ = fault::handshake;
    } else if (stage_ == stage::handshake) {
        if (*name == "READY") {
            on_ready(body);
        } else {
            fault_ = fault::handshake;
        }
    } else if (*name == "PING") {
        constexpr std::size_t time_to_live_bytes = 2;
        if (body.size() < time_to_live_bytes ||
            body.size() > time_to_live_bytes + max_ping_context_bytes) {
            fault_ = fault::framing;
        } else {
            output_ += pong(body.substr(time_to_live_bytes));
        }
    }
    // Any other command is for peers of another kind or a later version, and to be ignored.
}

void peer::on_ready(std::string_view properties) {
    bool meets = false;
    while (!properties.empty()) {
        auto const name = take_string(properties, 1);
        auto const value = name ? take_string(properties, 4) : std::nullopt;
        if (!value) {
            fault_ = fault::handshake;
            return;
        }
        if (same_name(*name, "Socket-Type")) {
            meets = may_meet(options_.ours, *value);
        }
    }
    if (!meets) {
        fault_ = fault::socket_type;
        return;
    }
    stage_ = stage::traffic;
    if (options_.ours == socket_type::sub) {
        output_ += subscribe_to_all(minor_version_);
    }
}

}  // namespace kernelproto::zmtp
