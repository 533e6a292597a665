// SPDX-License-Identifier: Apache-2.0
// The events of one execution: kept as they come, read by anybody at their own speed, now or later.
// Never shows a reader what is not in a file yet, unless the log has ended and its row holds it,
// and never waits for a reader. On the loop; long writes are made on the pool. Shared by the
// execution and its readers.
#pragma once

#include "broker/base/async_event.hpp"
#include "broker/base/ids.hpp"
#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/core/event.hpp"
#include "broker/core/event_record.hpp"
#include "broker/service/context.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker {

class event_reader;

class event_log : public std::enable_shared_from_this<event_log> {
public:
    /// A new one, in memory until somebody reads, time passes, or it grows.
    event_log(service_context& context, execution_id id);
    event_log(event_log const&) = delete;
    event_log& operator=(event_log const&) = delete;
    ~event_log();

    /// One that has ended and was kept in a row, with the data of its end.
    static std::shared_ptr<event_log> of_records(service_context& context, std::string records,
                                                 std::string_view end_data);
    /// One that is in a file. Reads all of it, a piece at a time, and shows each piece's whole
    /// records: on the pool.
    struct stored {
        unique_fd file;
        record_count counted;
    };
    using record_sink = std::function<void(std::string_view records)>;
    static result<stored> read_file(execution_files const& files, execution_id const& id,
                                    record_sink const& seen = {});
    /// One that has ended, with the data of its end, which the file may lack.
    static std::shared_ptr<event_log> of_file(service_context& context, execution_id id,
                                              stored found, std::string_view end_data);
    /// Before the first event: what an earlier broker has kept comes before. What was cut off at
    /// its end is removed.
    result<void> resume(stored found);

    /// Numbers it and keeps it. Nothing after `end`.
    void append(event_type type, std::string data);
    void append(std::vector<event_draft> drafts);

    /// Everything that was appended is in the file, if there is one. For what is long; `end` may
    /// follow.
    task<> flushed();

    /// Before the row is written: what a row cannot hold, or somebody reads, goes to the file.
    void settle();

    /// The last event, once the row says so too.
    void end(std::string_view data);

    /// The broker ends before the execution does: all goes to the file, for the next one; readers
    /// end without an end.
    void leave();

    bool has_ended() const noexcept { return ended_; }
    std::uint64_t last_id() const noexcept { return count_; }
    std::uint64_t bytes() const noexcept { return memory_begin_ + memory_.size(); }
    bool in_file() const noexcept { return file_ != nullptr; }
    /// All of it, of one that is settled and not in a file.
    std::string const& records() const noexcept { return memory_; }
    /// The broker's disk failed: readers are told.
    bool broken() const noexcept { return broken_; }

private:
    friend class event_reader;

    void take(stored found);
    /// What readers may see.
    std::uint64_t readable() const noexcept;
    bool wants_file() const noexcept;
    void flush_soon();
    void flush_in_time();
    void flush_unless_ended();
    void flush();
    bool open();
    void wrote(bool good, std::size_t bytes);
    task<> write_long();
    void forget_read();
    void wake();

    service_context& context_;
    execution_id id_;
    std::string memory_;  // records from `memory_begin_` on
    std::uint64_t memory_begin_ = 0;
    std::uint64_t written_ = 0;
    std::uint64_t count_ = 0;
    std::shared_ptr<unique_fd> file_;
    bool ended_ = false;
    bool broken_ = false;
    bool left_ = false;
    bool flush_posted_ = false;
    bool writing_ = false;  // a long write is on the pool
    std::shared_ptr<async_event> written_event_;
    std::unique_ptr<boost::asio::steady_timer> timer_;
    std::vector<event_reader*> readers_;
};

/// One reader of a log, at its own place and speed.
class event_reader {
public:
    /// Begins behind the event `after`. Without `follow` it ends at what is there now.
    event_reader(std::shared_ptr<event_log> log, std::uint64_t after, bool follow);
    event_reader(event_reader const&) = delete;
    event_reader& operator=(event_reader const&) = delete;
    ~event_reader();

    /// Some events, in order; at least one, unless `until` came or `stop` was called. At the end
    /// `ended`. `internal` when they cannot be read any more. What comes before `not_before` waits
    /// for it, unless it is the end: many small events cost their reader less together.
    struct batch {
        std::vector<execution_event> events;
        bool ended = false;
    };
    task<result<batch>> next(steady_time until, steady_time not_before = {});

    /// A wait that is going on returns.
    void stop();

    /// The log has ended; its last events may not be read yet.
    bool log_ended() const noexcept { return log_->has_ended(); }
    bool stopped() const noexcept { return stopped_; }
    /// It has ended, and the reader began behind its end.
    bool nothing_left() const noexcept {
        return log_->has_ended() && after_ >= log_->last_id() && !log_->broken();
    }
    /// Nothing more comes in this run of the broker.
    bool log_left() const noexcept { return log_->left_; }

private:
    friend class event_log;

    /// Whole records, and how long they are in the log.
    struct piece {
        std::vector<event_draft> records;
        std::uint64_t bytes = 0;
    };
    static piece piece_of(std::string_view bytes);

    task<> wait(boost::asio::steady_timer& timer, steady_time until);

    std::uint64_t limit() const noexcept;
    task<result<piece>> read(std::uint64_t limit);
    void take(piece got, batch& into);

    std::shared_ptr<event_log> log_;
    std::uint64_t after_;
    std::optional<std::uint64_t> stop_at_;  // bytes
    std::uint64_t at_ = 0;                  // bytes
    std::uint64_t id_ = 0;                  // of the last one passed
    bool stopped_ = false;
    boost::asio::steady_timer wake_;
    boost::asio::steady_timer pause_;
};

}  // namespace broker
