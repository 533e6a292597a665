// SPDX-License-Identifier: Apache-2.0
// Reading of marks. A mark that is none stays text. Pure.
#include "http/librechat/tool_calls.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>
#include <utility>

namespace http::librechat {
namespace {

constexpr char mark_end = '\x1e';
/// Longer marks are not written by what writes them.
constexpr std::size_t max_mark_bytes = std::size_t{64} << 10;
constexpr std::size_t max_id_bytes = 64;
constexpr std::size_t max_open_calls = 1000;

std::string_view take_word(std::string_view& text) {
    auto const word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    return word;
}

bool is_id(std::string_view id) {
    return !id.empty() && id.size() <= max_id_bytes &&
           std::all_of(id.begin(), id.end(), [](char c) { return ascii::is_alnum(c) || c == '_'; });
}

}  // namespace

call_reader::call_reader(std::string token) : begin_(mark_end + std::move(token) + ' ') {}

std::string call_reader::feed(std::string_view text) {
    held_ += text;
    std::string out;
    std::string_view left = held_;
    while (!left.empty()) {
        auto const at = left.find(mark_end);
        out += left.substr(0, at);
        left.remove_prefix(std::min(at, left.size()));
        auto const known = std::min(left.size(), begin_.size());
        if (left.substr(0, known) != std::string_view(begin_).substr(0, known)) {
            out += left.front();
            left.remove_prefix(1);
            continue;
        }
        auto const end = left.size() > begin_.size() ? left.find(mark_end, begin_.size())
                                                     : std::string_view::npos;
        if (end == std::string_view::npos) {
            if (left.size() <= max_mark_bytes) {
                break;
            }
            out += left.front();
            left.remove_prefix(1);
            continue;
        }
        on_mark(left.substr(begin_.size(), end - begin_.size()));
        left.remove_prefix(end + 1);
    }
    held_ = std::string(left);
    return out;
}

std::string call_reader::rest() { return std::exchange(held_, {}); }

std::vector<tool_call> call_reader::take() { return std::exchange(complete_, {}); }

void call_reader::on_mark(std::string_view mark) {
    auto const id = take_word(mark);
    auto const number = take_word(mark);
    auto const tool = take_word(mark);
    auto const slash = number.find('/');
    auto const at = ascii::to_number(number.substr(0, slash));
    auto const count =
        slash == std::string_view::npos ? std::nullopt : ascii::to_number(number.substr(slash + 1));
    if (!is_id(id) || !at || !count) {
        return;
    }
    auto& open = partial_[std::string(id)];
    bool const fits = open.input.size() + mark.size() <= max_input_bytes &&
                      partial_bytes_ + mark.size() <= 4 * max_input_bytes &&
                      partial_.size() <= max_open_calls;
    if (*at != open.next || !fits) {
        overflowed_ = overflowed_ || !fits;
        partial_bytes_ -= open.input.size();
        partial_.erase(std::string(id));
        return;
    }
    open.tool = tool;
    open.input += mark;
    partial_bytes_ += mark.size();
    if (open.next++ == *count) {
        partial_bytes_ -= open.input.size();
        complete_.push_back({std::string(id), std::move(open.tool), std::move(open.input)});
        partial_.erase(std::string(id));
    }
}

}  // namespace http::librechat
