// SPDX-License-Identifier: Apache-2.0
// Sending of responses. Never promises a length that it does not keep: it closes instead.
// On the loop; file reads that would wait are done on the pool.
#include "http/server/response_writer.hpp"

#include <fmt/format.h>
#include <sys/uio.h>

#include <cerrno>
#include <iterator>
#include <memory>
#include <utility>

namespace http {
namespace {

constexpr std::size_t piece_bytes = std::size_t{64} * 1024;

/// Bytes read, 0 at the end, -1 for an error.
ssize_t read_at(int fd, char* into, std::size_t bytes, std::uint64_t offset, int flags) {
    iovec part{into, bytes};
    ssize_t read = -1;
    do {
        read = preadv2(fd, &part, 1, static_cast<off_t>(offset), flags);
    } while (read < 0 && errno == EINTR);
    return read;
}

/// A source that is stopped as soon as its client has gone, and at the latest when this ends.
class running_stream {
public:
    running_stream(stream_body source, hangup_watch& watch)
        : source_(std::move(source)), watch_(watch) {
        watch_.on_hangup([this] { stop(); });
    }
    running_stream(running_stream const&) = delete;
    running_stream& operator=(running_stream const&) = delete;
    ~running_stream() {
        watch_.stop();
        stop();
    }

    broker::task<std::string> next() {
        auto piece = co_await source_->next();
        ended_ = piece.empty();
        co_return piece;
    }

    bool stopped() const noexcept { return stopped_; }

private:
    void stop() {
        if (!ended_ && !std::exchange(stopped_, true)) {
            source_->stop();
        }
    }

    stream_body source_;
    hangup_watch& watch_;
    bool ended_ = false;
    bool stopped_ = false;
};

}  // namespace

broker::task<bool> response_writer::send(response const& answer, response_facts facts,
                                         bool head_only) {
    auto const* const text = std::get_if<std::string>(&answer.body);
    auto const* const file = std::get_if<file_body>(&answer.body);
    facts.length = text != nullptr ? text->size() : file->length;
    bool const empty = head_only || is_bodiless(answer.status);
    head_.clear();
    append_head(head_, answer, facts);
    std::string_view const with_head = text != nullptr && !empty ? *text : std::string_view{};
    auto const sent = co_await io_.write(head_, with_head, patience_);
    if (sent != connection_io::end::none) {
        co_return false;
    }
    if (file == nullptr || empty) {
        co_return true;
    }
    co_return co_await send_file(*file);
}

broker::task<bool> response_writer::send_stream(response const& answer, response_facts const& facts,
                                                bool head_only, hangup_watch& watch) {
    running_stream stream(std::get<stream_body>(answer.body), watch);
    head_.clear();
    append_head(head_, answer, facts);
    // At once, without the first piece: the client sees that it was heard, however long that takes.
    auto sent = co_await io_.write(head_, {}, patience_);
    if (head_only || is_bodiless(answer.status)) {
        co_return sent == connection_io::end::none;
    }
    bool const chunked = !facts.http_1_0;
    while (sent == connection_io::end::none && !stream.stopped()) {
        auto piece = co_await stream.next();
        if (stream.stopped()) {
            break;
        }
        bool const last = piece.empty();
        head_.clear();
        if (chunked) {
            fmt::format_to(std::back_inserter(head_), "{:x}\r\n", piece.size());
            piece += "\r\n";  // of the last chunk, which is empty: the end of no trailers
        }
        sent = co_await io_.write(head_, piece, patience_);
        if (last) {
            co_return sent == connection_io::end::none;
        }
    }
    co_return false;
}

broker::task<bool> response_writer::send_file(file_body const& body) {
    auto const piece =
        std::make_shared<std::vector<char>>(std::min<std::uint64_t>(piece_bytes, body.length));
    for (std::uint64_t done = 0; done < body.length;) {
        auto const want = std::min<std::uint64_t>(piece->size(), body.length - done);
        auto const offset = body.offset + done;
        // What the page cache holds comes at once; only a read that would wait goes to the pool.
        auto read = read_at(body.file->get(), piece->data(), want, offset, RWF_NOWAIT);
        if (read < 0) {
            auto const blocking = [file = body.file, piece, want, offset] {
                return read_at(file->get(), piece->data(), want, offset, 0);
            };
            read = co_await broker::offload(pool_, blocking);
        }
        if (read <= 0) {
            co_return false;
        }
        std::string_view const bytes(piece->data(), static_cast<std::size_t>(read));
        auto const sent = co_await io_.write(bytes, {}, patience_);
        if (sent != connection_io::end::none) {
            co_return false;
        }
        done += static_cast<std::uint64_t>(read);
    }
    co_return true;
}

}  // namespace http
