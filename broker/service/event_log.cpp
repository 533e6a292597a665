// SPDX-License-Identifier: Apache-2.0
// Appending, writing and reading of logs. What is short is written on the loop: the page cache
// takes it in microseconds. Never two writes of one log at once. On the loop.
#include "broker/service/event_log.hpp"

#include <boost/asio/post.hpp>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace broker {
namespace {

/// How long an event may be in memory only while nobody reads. Most executions end before.
constexpr std::chrono::milliseconds written_within{20};

constexpr std::size_t written_on_loop_bytes = std::size_t{64} << 10;
constexpr std::size_t kept_in_row_bytes = std::size_t{16} << 10;
/// Of what is in the file, kept for readers that keep up.
constexpr std::size_t tail_in_memory_bytes = std::size_t{64} << 10;
constexpr std::size_t read_at_once_bytes = std::size_t{256} << 10;

}  // namespace

event_log::event_log(service_context& context, execution_id id)
    : context_(context), id_(std::move(id)) {}

event_log::~event_log() = default;

std::shared_ptr<event_log> event_log::of_records(service_context& context, std::string records,
                                                 std::string_view end_data) {
    auto made = std::make_shared<event_log>(context, execution_id());
    made->memory_ = std::move(records);
    append_record(made->memory_, event_type::end, end_data);
    made->count_ = count_records(made->memory_).records;
    made->ended_ = true;
    return made;
}

result<event_log::stored> event_log::read_file(execution_files const& files, execution_id const& id,
                                               record_sink const& seen) {
    auto file = files.open_events(id, false);
    if (!file) {
        return file.error();
    }
    stored found{std::move(*file), {}};
    auto& counted = found.counted;
    std::string piece;  // begins with a record
    std::uint64_t read = 0;
    for (bool more = true; more && !counted.has_end;) {
        auto const next = read_from(found.file.get(), read, read_at_once_bytes);
        if (!next) {
            return next.error();
        }
        read += next->size();
        more = next->size() == read_at_once_bytes;
        piece += *next;
        auto const whole = count_records(piece);
        if (seen && whole.records > 0) {
            seen(std::string_view(piece).substr(0, whole.bytes));
        }
        piece.erase(0, whole.bytes);
        counted.bytes += whole.bytes;
        counted.records += whole.records;
        counted.has_end = whole.has_end;
    }
    return found;
}

std::shared_ptr<event_log> event_log::of_file(service_context& context, execution_id id,
                                              stored found, std::string_view end_data) {
    auto made = std::make_shared<event_log>(context, std::move(id));
    made->take(std::move(found));
    if (!std::exchange(made->ended_, true)) {
        // Where a broker was cut off before it wrote it. Only shown: others may read the file.
        append_record(made->memory_, event_type::end, end_data);
        ++made->count_;
        made->written_ = made->bytes();
    }
    return made;
}

result<void> event_log::resume(stored found) {
    if (::ftruncate(found.file.get(), static_cast<off_t>(found.counted.bytes)) != 0) {
        broken_ = true;
        return fail(errc::internal, "the rest of an event could not be removed");
    }
    take(std::move(found));
    return {};
}

void event_log::take(stored found) {
    file_ = std::make_shared<unique_fd>(std::move(found.file));
    memory_begin_ = written_ = found.counted.bytes;
    count_ = found.counted.records;
    ended_ = found.counted.has_end;
}

void event_log::append(event_type type, std::string data) {
    if (ended_ || broken_ || left_) {
        return;
    }
    append_record(memory_, type, std::move(data));
    ++count_;
    if (wants_file()) {
        flush_soon();
    } else {
        flush_in_time();
    }
}

void event_log::append(std::vector<event_draft> drafts) {
    for (auto& one : drafts) {
        append(one.type, std::move(one.data));
    }
}

void event_log::end(std::string_view data) {
    if (ended_ || left_) {
        return;
    }
    append_record(memory_, event_type::end, data);
    ++count_;
    ended_ = true;
    timer_.reset();
    if (file_) {
        flush();
    }
    wake();
}

void event_log::settle() {
    if (wants_file() || memory_.size() > kept_in_row_bytes) {
        flush();
    }
}

void event_log::leave() {
    left_ = true;
    flush();
    wake();
}

std::uint64_t event_log::readable() const noexcept {
    return file_ ? written_ : ended_ ? bytes() : 0;
}

bool event_log::wants_file() const noexcept {
    return file_ || !readers_.empty() || memory_.size() > written_on_loop_bytes;
}

/// Once in a turn of the loop, whatever comes in it.
void event_log::flush_soon() {
    if (std::exchange(flush_posted_, true)) {
        return;
    }
    boost::asio::post(context_.loop, [weak = weak_from_this()] {
        if (auto const self = weak.lock()) {
            self->flush_posted_ = false;
            self->flush_unless_ended();
        }
    });
}

void event_log::flush_in_time() {
    if (timer_) {
        return;
    }
    timer_ = std::make_unique<boost::asio::steady_timer>(context_.loop, written_within);
    timer_->async_wait([weak = weak_from_this()](boost::system::error_code error) {
        auto const self = weak.lock();
        if (!error && self) {
            self->flush_unless_ended();
        }
    });
}

/// What has ended short is kept in its row: a file made now would be nobody's.
void event_log::flush_unless_ended() {
    if (!ended_) {
        flush();
    }
}

bool event_log::open() {
    if (!file_) {
        auto opened = context_.files.open_events(id_, true);
        if (!opened) {
            wrote(false, 0);
            return false;
        }
        file_ = std::make_shared<unique_fd>(std::move(*opened));
        timer_.reset();
    }
    return true;
}

void event_log::flush() {
    if (writing_ || broken_ || !open()) {
        return;
    }
    auto const unwritten = bytes() - written_;
    if (unwritten > written_on_loop_bytes) {
        writing_ = true;
        context_.tasks.spawn(write_long());
    } else if (unwritten > 0) {
        auto const begin = static_cast<std::size_t>(written_ - memory_begin_);
        auto const done = append_to(file_->get(), std::string_view(memory_).substr(begin));
        wrote(done.has_value(), static_cast<std::size_t>(unwritten));
    }
}

task<> event_log::write_long() {
    auto const self = shared_from_this();
    while (bytes() > written_ && !broken_) {
        auto const known = static_cast<std::size_t>(written_ - memory_begin_);
        auto piece = std::exchange(memory_, {});
        auto const size = piece.size() - known;
        memory_begin_ += piece.size();
        bool const good =
            co_await offload(context_.pool, [file = file_, known, piece = std::move(piece)] {
                return append_to(file->get(), std::string_view(piece).substr(known)).has_value();
            });
        wrote(good, size);
    }
    writing_ = false;
    if (auto const done = std::exchange(written_event_, nullptr)) {
        done->raise();
    }
}

task<> event_log::flushed() {
    auto const self = shared_from_this();
    if (!wants_file() || broken_) {
        co_return;
    }
    flush();
    if (writing_) {
        if (!written_event_) {
            written_event_ = std::make_shared<async_event>(context_.loop.get_executor());
        }
        auto const done = written_event_;
        co_await done->wait();
    }
}

void event_log::wrote(bool good, std::size_t bytes) {
    if (good) {
        written_ += bytes;
        forget_read();
    } else if (!std::exchange(broken_, true)) {
        context_.log.error("events_not_kept", {{"execution", id_.str()}});
        memory_.clear();
        memory_.shrink_to_fit();
        memory_begin_ = std::max(memory_begin_, written_);  // readers go on in the file
    }
    wake();
}

void event_log::forget_read() {
    auto const in_file = static_cast<std::size_t>(written_ - memory_begin_);
    if (in_file > 2 * tail_in_memory_bytes) {
        auto const gone = in_file - tail_in_memory_bytes;
        // A string keeps the memory of its longest time.
        memory_ = memory_.substr(gone);
        memory_begin_ += gone;
    }
}

void event_log::wake() {
    for (auto* const reader : readers_) {
        reader->wake_.cancel();
        if (ended_ || left_ || broken_) {
            reader->pause_.cancel();
        }
    }
}

event_reader::event_reader(std::shared_ptr<event_log> log, std::uint64_t after, bool follow)
    : log_(std::move(log)), after_(after), wake_(log_->context_.loop), pause_(log_->context_.loop) {
    bool const in_writing = log_->file_ && log_->written_ < log_->bytes();
    if (!log_->ended_ || in_writing) {
        log_->readers_.push_back(this);
        if (log_->bytes() > log_->written_) {
            log_->flush();
        }
    }
    if (!follow) {
        stop_at_ = log_->broken_ ? log_->written_ : log_->bytes();
    }
}

event_reader::~event_reader() { std::erase(log_->readers_, this); }

void event_reader::stop() {
    stopped_ = true;
    wake_.cancel();
    pause_.cancel();
}

std::uint64_t event_reader::limit() const noexcept {
    auto const readable = log_->readable();
    return stop_at_ ? std::min(*stop_at_, readable) : readable;
}

/// Until then or until it is cancelled, whatever the reason.
task<> event_reader::wait(boost::asio::steady_timer& timer, steady_time until) {
    timer.expires_at(until);
    (void)co_await timer.async_wait(no_throw);
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) {
        throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
}

task<result<event_reader::batch>> event_reader::next(steady_time until, steady_time not_before) {
    batch out;
    if (!log_->ended_ && !log_->left_ && std::chrono::steady_clock::now() < not_before) {
        co_await wait(pause_, not_before);
    }
    while (out.events.empty() && !stopped_) {
        auto const there = limit();
        if (at_ < there) {
            auto got = co_await read(there);
            if (!got) {
                co_return got.error();
            }
            take(std::move(*got), out);
            continue;
        }
        bool const all = stop_at_ ? at_ >= *stop_at_
                                  : log_->has_ended() && !log_->broken_ && at_ >= log_->bytes();
        if (all) {
            out.ended = true;
            break;
        }
        if (log_->broken_) {
            co_return fail(errc::internal, "the events could not be kept; see the log");
        }
        if (log_->left_ || std::chrono::steady_clock::now() >= until) {
            break;
        }
        co_await wait(wake_, until);
    }
    co_return out;
}

/// Whole records from `at_` on: as many as are read at once, or one that is longer.
task<result<event_reader::piece>> event_reader::read(std::uint64_t limit) {
    auto const damaged = fail(errc::internal, "the events are damaged");
    auto const log = log_;
    if (at_ >= log->memory_begin_) {
        auto const begin = static_cast<std::size_t>(at_ - log->memory_begin_);
        auto const bytes = static_cast<std::size_t>(limit - at_);
        auto got = piece_of(std::string_view(log->memory_).substr(begin, bytes));
        co_return got.bytes > 0 ? result<piece>(std::move(got)) : damaged;
    }
    auto const room =
        static_cast<std::size_t>(std::min<std::uint64_t>(limit - at_, read_at_once_bytes));
    co_return co_await offload(
        log->context_.pool,
        [file = log->file_, at = at_, room, left = limit - at_, damaged]() -> result<piece> {
            auto bytes = read_from(file->get(), at, room);
            if (!bytes) {
                return bytes.error();
            }
            auto const head = read_event_head(*bytes);
            if (!head || head->data_bytes > left - event_head_bytes) {
                return damaged;
            }
            auto const first = event_head_bytes + head->data_bytes;
            if (first > bytes->size()) {
                bytes = read_from(file->get(), at, first);
                if (!bytes) {
                    return bytes.error();
                }
            }
            auto got = piece_of(*bytes);
            return got.bytes > 0 ? result<piece>(std::move(got)) : damaged;
        });
}

event_reader::piece event_reader::piece_of(std::string_view bytes) {
    piece got;
    auto const before = bytes.size();
    while (auto one = take_record(bytes)) {
        got.records.push_back(std::move(*one));
    }
    got.bytes = before - bytes.size();
    return got;
}

void event_reader::take(piece got, batch& into) {
    for (auto& one : got.records) {
        if (++id_ > after_) {
            into.events.push_back({id_, one.type, std::move(one.data)});
        }
    }
    at_ += got.bytes;
}

}  // namespace broker
