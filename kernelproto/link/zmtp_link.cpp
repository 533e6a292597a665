// SPDX-License-Identifier: Apache-2.0
// Non-blocking reads and writes around five `zmtp::peer`s, and how a connection ended.
// Never calls back from `send` or `close`, and nothing at all after `close`. Loop thread only.
#include "kernelproto/link/zmtp_link.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/socket_file.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <utility>

namespace kernelproto {
namespace {

/// A kernel's publisher drops messages once its queue of a thousand is full, so reading goes before
/// handing on: of one channel, in one turn, so much is taken in, which is more than is handed on.
/// A frame counts with its cost: a mebibyte of empty ones takes longer than any other.
constexpr std::size_t read_per_turn = std::size_t{4} * 1024 * 1024;

/// Where bytes go that are not the middle of a long frame. One read is often a whole execution.
constexpr std::size_t scratch_bytes = std::size_t{64} * 1024;

/// A peer that asks for signs of life and does not read them gets no more of them.
constexpr std::size_t max_unread_answers_bytes = std::size_t{64} * 1024;

/// After a lost connection, how long the others have to be silent until theirs were the last words.
constexpr std::chrono::milliseconds settle_within{50};

/// The same for others that are never silent.
constexpr std::chrono::milliseconds settle_at_most{5000};

/// A flood of small messages is no reason to keep the room for it as long as the kernel lives.
constexpr std::size_t whole_to_keep = 256;

constexpr std::array all_channels{channel::iopub, channel::stdin_channel, channel::control,
                                  channel::heartbeat, channel::shell};

zmtp::peer_options peer_of(channel which, link_options const& options) {
    zmtp::peer_options wanted;
    wanted.ours = which == channel::iopub ? zmtp::socket_type::sub : zmtp::socket_type::dealer;
    if (takes_identity(which)) {
        wanted.identity = options.identity;
    }
    wanted.max_message_bytes = options.max_message_bytes;
    wanted.max_frames = max_message_frames;
    wanted.excerpts = options.excerpts;
    return wanted;
}

/// Serves every link of this thread, one read at a time.
std::span<char> scratch() {
    thread_local std::unique_ptr<char[]> const buffer{new char[scratch_bytes]};
    return {buffer.get(), scratch_bytes};
}

template <class Call>
ssize_t unless_interrupted(Call call) noexcept {
    for (;;) {
        ssize_t const done = call();
        if (done >= 0 || errno != EINTR) {
            return done;
        }
    }
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

// Indexed by `channel`.
zmtp_link::zmtp_link(boost::asio::io_context& loop, link_options& options, link_handler& handler)
    : queued_link(loop, handler, options.max_message_bytes),
      lanes_{lane{loop, peer_of(channel::shell, options)},
             lane{loop, peer_of(channel::control, options)},
             lane{loop, peer_of(channel::iopub, options)},
             lane{loop, peer_of(channel::stdin_channel, options)},
             lane{loop, peer_of(channel::heartbeat, options)}},
      connect_due_(loop, options.connect_within),
      settle_(loop) {}

zmtp_link::~zmtp_link() = default;

result<std::shared_ptr<zmtp_link>> zmtp_link::open(boost::asio::io_context& loop,
                                                   link_options options, link_handler& handler) {
    std::shared_ptr<zmtp_link> made{new zmtp_link(loop, options, handler)};
    for (auto const which : all_channels) {
        auto& path = options.sockets[static_cast<std::size_t>(which)];
        if (auto done = made->connect(which, std::move(path)); !done) {
            return done.error();
        }
    }
    for (auto const which : all_channels) {
        boost::asio::post(loop, [made, which] { made->look(which); });
    }
    made->connect_due_.async_wait([made](boost::system::error_code const& cancelled) {
        if (!cancelled) {
            made->on_connect_due();
        }
    });
    return made;
}

/// A unix socket is connected at once or not at all.
result<void> zmtp_link::connect(channel which, owned_fd path) {
    auto& l = at(which);
    owned_fd socket = socket_for_kernel();
    if (!socket) {
        return link_errc::no_resources;
    }
    boost::system::error_code failed;
    l.socket.assign(socket.get(), failed);
    if (failed) {
        return link_errc::no_resources;
    }
    auto const fd = socket.release();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_of(path).copy(address.sun_path, sizeof address.sun_path - 1);
    l.lost = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0;
    return {};
}

result<void> zmtp_link::send(channel to, frame_list frames) {
    if (closed()) {
        return link_errc::closed;
    }
    auto& l = at(to);
    if (ending() || l.lost) {
        return link_errc::disconnected;
    }
    zmtp::append_message(l.peer.established() ? l.outgoing : l.unsent, frames);
    if (l.outgoing.size() - l.written + l.unsent.size() > limit()) {
        decide(link_failure::backlog, std::string{"unsent messages on "} + name_of(to) +
                                          " passed " + std::to_string(limit()) + " bytes");
        deliver_later();
        return link_errc::disconnected;
    }
    flush(to);
    return {};
}

void zmtp_link::look(channel which) {
    if (ending()) {
        return;
    }
    auto& l = at(which);
    bool const more = !l.lost && read(which);
    if (l.lost) {
        lane_lost(which);
    }
    if (!delivery_posted()) {
        deliver();
    }
    if (ending() || l.lost) {
        return;
    }
    if (more) {
        boost::asio::post(loop(), [self = self(), which] {
            self->count_turn();
            self->look(which);
        });
    } else {
        wait(which);
    }
}

void zmtp_link::wait(channel which) {
    at(which).socket.async_wait(
        boost::asio::posix::stream_descriptor::wait_read,
        [self = self(), which](boost::system::error_code const&) { self->look(which); });
}

/// True when bytes were left behind.
bool zmtp_link::read(channel which) {
    auto& l = at(which);
    answer(which);
    for (std::size_t spent = 0; spent < read_per_turn;) {
        auto const before = l.peer.frames_begun();
        auto const now = read_once(which);
        take(which);
        if (ending() || l.lost || now.got < now.asked) {
            return false;  // the wait sees what is left or comes later
        }
        spent += now.got + (l.peer.frames_begun() - before) * zmtp::peer::frame_cost;
    }
    return true;
}

zmtp_link::reading zmtp_link::read_once(channel which) {
    auto& l = at(which);
    auto const all = l.peer.room();
    auto const room = all.first(std::min(all.size(), read_per_turn));
    auto const rest = room.size() == all.size() ? scratch() : std::span<char>{};
    std::array<iovec, 2> into{iovec{room.data(), room.size()}, iovec{rest.data(), rest.size()}};
    auto const asked = room.size() + rest.size();
    auto const got = unless_interrupted(
        [&] { return ::readv(l.socket.native_handle(), into.data(), into.size()); });
    if (got <= 0) {
        l.lost = got == 0 || !would_block(errno);
        return {asked, 0};
    }
    auto const bytes = static_cast<std::size_t>(got);
    heard_bytes_ += bytes;
    auto const direct = std::min(bytes, room.size());
    if (direct > 0) {
        l.peer.filled(direct, whole_);
    }
    l.peer.feed({rest.data(), bytes - direct}, whole_);
    return {asked, bytes};
}

/// What `read_once` found.
void zmtp_link::take(channel which) {
    auto& l = at(which);
    for (auto& each : whole_) {
        if (!keep(which, std::move(each.frames), each.bytes)) {
            break;
        }
    }
    whole_.clear();
    if (whole_.capacity() > whole_to_keep) {
        whole_.shrink_to_fit();
    }
    if (ending()) {
        return;
    }
    if (l.peer.failed()) {
        on_fault(which, *l.peer.failed());
        return;
    }
    if (held_bytes() > limit() + limit() / 4) {
        decide(link_failure::backlog, "unfinished messages, the last on " +
                                          std::string{name_of(which)} + ", passed " +
                                          std::to_string(limit() + limit() / 4) + " bytes");
        return;
    }
    answer(which);
}

/// Sends what the protocol demands, and then what waited for the handshake.
void zmtp_link::answer(channel which) {
    auto& l = at(which);
    auto const out = l.peer.take_output();
    if (!l.peer.established() || l.outgoing.size() - l.written < max_unread_answers_bytes) {
        l.outgoing += out;
    }
    if (l.peer.established() && !l.unsent.empty()) {
        l.outgoing += std::exchange(l.unsent, {});
    }
    flush(which);
}

/// A failed write is no verdict: what the peer said last is still to be read. But it is the end,
/// for bytes are missing now; so it is made one that the reader meets behind those last words.
void zmtp_link::flush(channel which) {
    auto& l = at(which);
    while (!l.waits_to_write && l.written < l.outgoing.size()) {
        auto const done = unless_interrupted([&] {
            return ::send(l.socket.native_handle(), l.outgoing.data() + l.written,
                          l.outgoing.size() - l.written, MSG_NOSIGNAL);
        });
        if (done >= 0) {
            l.written += static_cast<std::size_t>(done);
        } else if (would_block(errno)) {
            // Moving the rest each time would cost more than sending it.
            if (l.written >= l.outgoing.size() / 2) {
                l.outgoing.erase(0, std::exchange(l.written, 0));
            }
            l.waits_to_write = true;
            l.socket.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                                [self = self(), which](boost::system::error_code const& cancelled) {
                                    self->at(which).waits_to_write = false;
                                    if (!cancelled && !self->ending()) {
                                        self->flush(which);
                                    }
                                });
            return;
        } else {
            l.written = l.outgoing.size();
            ::shutdown(l.socket.native_handle(), SHUT_RDWR);
        }
    }
    if (l.written == l.outgoing.size()) {
        std::string{}.swap(l.outgoing);  // an assignment would keep its room
        l.written = 0;
    }
}

std::size_t zmtp_link::held_bytes() const noexcept {
    std::size_t sum = load().unread_bytes;
    for (auto const& l : lanes_) {
        sum += l.peer.unfinished_bytes();
    }
    return sum;
}

void zmtp_link::on_connect_due() {
    for (auto const which : all_channels) {
        if (ending() || at(which).lost) {
            continue;
        }
        (void)read(which);  // the loop may have stood still while the peer greeted
        if (!ending() && !at(which).peer.established()) {
            on_fault(which, zmtp::fault::greeting);
        }
    }
    if (!delivery_posted()) {
        deliver();
    }
}

void zmtp_link::on_fault(channel which, zmtp::fault why) {
    auto const message = std::string{"a message on "} + name_of(which) + " passed ";
    switch (why) {
        case zmtp::fault::long_frame:
            decide(link_failure::too_much, std::string{"a frame above "} + std::to_string(limit()) +
                                               " bytes came on " + name_of(which));
            break;
        case zmtp::fault::long_message:
            decide(link_failure::too_much, message + std::to_string(limit()) + " bytes");
            break;
        case zmtp::fault::many_frames:
            decide(link_failure::too_much,
                   message + std::to_string(max_message_frames) + " frames");
            break;
        default:
            decide(link_failure::lost,
                   std::string{name_of(which)} + " " + std::string{words_of(why)});
    }
}

void zmtp_link::lane_lost(channel which) {
    at(which).lost = true;
    bool const all =
        std::all_of(lanes_.begin(), lanes_.end(), [](lane const& l) { return l.lost; });
    if (all) {
        settle();
    } else if (!settle_by_) {
        settle_by_ = std::chrono::steady_clock::now() + settle_at_most;
        settle_later();
    }
}

void zmtp_link::settle_later() {
    heard_before_ = heard_bytes_;
    settle_.expires_after(settle_within);
    settle_.async_wait([self = self()](boost::system::error_code const& cancelled) {
        if (!cancelled) {
            self->settle();
            self->deliver();
        }
    });
}

/// A connection ended, and the others had their time: what they hold now comes before the verdict.
void zmtp_link::settle() {
    std::string ended;
    bool all = true;
    for (auto const which : all_channels) {
        if (ending()) {
            return;
        }
        if (!at(which).lost) {
            (void)read(which);  // the loop may have stood still while it spoke
        }
        all = all && at(which).lost;
        ended += at(which).lost ? std::string{" "} + name_of(which) : "";
    }
    if (!all && heard_bytes_ != heard_before_ && std::chrono::steady_clock::now() < *settle_by_) {
        settle_later();
    } else {
        decide(link_failure::lost, "connections ended:" + ended);
    }
}

void zmtp_link::disconnect() {
    settle_.cancel();
    connect_due_.cancel();
    for (auto& l : lanes_) {
        boost::system::error_code ignored;
        l.socket.close(ignored);
        l.unsent = {};
        l.outgoing = {};
    }
}

std::shared_ptr<zmtp_link> zmtp_link::self() {
    return std::static_pointer_cast<zmtp_link>(shared_from_this());
}

}  // namespace kernelproto
