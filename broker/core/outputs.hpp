// SPDX-License-Identifier: Apache-2.0
// The output of one execution as a notebook would hold it: in order, neighbours of one stream
// merged, displays updated in place, cleared where the program cleared.
// Never re-parses or re-builds the kernel's JSON, and never holds more than its limits: the head
// and the last bytes stay, what lies between is counted. One owner.
#pragma once

#include "broker/core/execution.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace broker {

struct output_limits {
    std::uint64_t max_bytes = std::uint64_t{16} << 20;         // of an execution
    std::uint64_t max_output_bytes = std::uint64_t{16} << 20;  // of one entry of outputs[]
    std::uint64_t tail_bytes = std::uint64_t{256} << 10;       // kept past a limit
    std::size_t max_outputs = 50'000;                          // entries of outputs[]
};

/// For what was within its limits when it was put out.
inline constexpr output_limits no_limits{.max_bytes = UINT64_MAX / 4,
                                         .max_output_bytes = UINT64_MAX / 4,
                                         .tail_bytes = UINT64_MAX / 4,
                                         .max_outputs = SIZE_MAX / 4};

/// A longer one is as none: no kernel makes it by itself.
inline constexpr std::size_t max_display_id_bytes = 1024;

enum class stream_name : std::uint8_t { stdout_stream, stderr_stream };

/// `display_data`, `execute_result` or `update_display_data`; `data` and `metadata` are JSON
/// objects that were validated.
struct rich_data {
    enum class kind : std::uint8_t { display_data, execute_result, update_display_data };

    kind what = kind::display_data;
    std::string data = "{}";
    std::string metadata = "{}";
    std::optional<std::string> display_id;
    std::optional<std::int64_t> execution_count;
};

class outputs {
public:
    explicit outputs(output_limits limits = {}) : limits_(limits) {}
    outputs(outputs const&) = delete;
    outputs& operator=(outputs const&) = delete;

    /// `text` is kept as it is: `\r` and ANSI codes are the client's matter. So many bytes of the
    /// same text follow.
    void append_stream(stream_name stream, std::string_view text, std::uint64_t following = 0);

    /// An update changes every display of its id and is nothing where the id is unknown. A new
    /// display under a known id updates the earlier ones too.
    void append_rich(rich_data rich);

    void append_error(raised_error error);

    /// With `wait`, just before the next output.
    void clear(bool wait);

    /// So much was lost before it came here.
    void count_missing(std::uint64_t bytes) noexcept { dropped_bytes_ += bytes; }

    /// What comes now is the end of it: it goes behind what is missing.
    void close_head() noexcept { full_ = true; }

    /// Bytes that are missing already; `render` may drop a little more.
    std::uint64_t dropped_bytes() const noexcept { return dropped_bytes_; }

    /// The error put out last, if any.
    std::optional<raised_error> const& error() const noexcept { return error_; }

    /// What there is now; called once, at the end, or as often as somebody looks.
    rendered_outputs render();

    /// The same without `outputs_json`, at the end: the texts are not copied, and no output is
    /// left.
    rendered_outputs take();

    /// The head takes nothing more, and bytes that it holds.
    bool full() const noexcept { return full_; }
    std::uint64_t head_bytes() const noexcept { return head_bytes_; }

    /// Bytes held, at most `max_bytes + 2 * tail_bytes` and a fixed cost an entry.
    std::uint64_t held_bytes() const noexcept { return head_bytes_ + tail_bytes_; }

private:
    /// What all displays of one id show. Lives in `slots_`, whose nodes do not move.
    struct slot {
        std::string id;
        std::string data;
        std::string metadata;
        std::uint64_t users_in_head = 0;
        std::uint64_t users_in_tail = 0;
    };

    struct entry {
        enum class kind : std::uint8_t { text, display_data, execute_result, error };

        kind what = kind::text;
        stream_name stream = stream_name::stdout_stream;
        std::string body;  // of a stream, the data of a display, or the JSON of an error
        std::string metadata;
        slot* shown = nullptr;  // shared by all displays of one id; replaces body and metadata
        std::optional<std::int64_t> execution_count;
        bool in_tail = false;
    };

    void reset();
    void append_text_to_head(stream_name stream, std::string_view text, std::uint64_t following);
    void append_text_to_tail(stream_name stream, std::string_view text);
    void append_entry(entry e);
    bool fits_head(std::uint64_t bytes) const noexcept;
    bool update_slot(slot& shown, std::string& data, std::string& metadata);
    std::uint64_t size_of(entry const& e) const;
    void release(entry const& e);
    void trim_tail(std::uint64_t to);
    std::string_view data_of(entry const& e) const;
    void render_entry(std::string& out, entry const& e) const;
    void render_displays(rendered_outputs& out);

    template <class See>
    void for_each(See see) {
        std::for_each(head_.begin(), head_.end(), see);
        std::for_each(tail_.begin(), tail_.end(), see);
    }

    output_limits limits_;
    std::vector<entry> head_;
    std::deque<entry> tail_;
    std::unordered_map<std::string, slot> slots_;
    std::uint64_t head_bytes_ = 0;
    std::uint64_t tail_bytes_ = 0;
    std::uint64_t dropped_bytes_ = 0;
    bool full_ = false;  // the head takes nothing more
    bool clear_pending_ = false;
    std::optional<raised_error> error_;
};

}  // namespace broker
