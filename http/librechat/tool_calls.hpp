// SPDX-License-Identifier: Apache-2.0
// How a program calls tools: marks in its standard output, each with a piece of one call, and what
// makes a program write them. Never trusts a mark: whoever can print can call, with any bytes.
// Pure; one thread at a time.
#pragma once

#include "http/librechat/tool_names.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace http::librechat {

/// One call. Its answer is a file of that name in `answers_folder`: a line `0` or `1` (it failed),
/// and the result as compact JSON, or the message.
struct tool_call {
    std::string id;     // 1 to 64 letters, digits and _
    std::string tool;   // what the program calls it; any bytes
    std::string input;  // any bytes; meant to be JSON
};

inline constexpr std::string_view answers_folder = ".ptc";

/// A mark is `RS token SP id SP number/count SP tool SP piece RS`, RS being U+001E. Takes marks out
/// of text as it comes, in pieces of any size.
class call_reader {
public:
    explicit call_reader(std::string token);

    /// The text without marks; what may be the beginning of one is kept back.
    std::string feed(std::string_view text);
    /// What was kept back: no mark, after all.
    std::string rest();

    /// Those that are complete since the last call.
    std::vector<tool_call> take();

    /// Past `max_input_bytes` of one call or of all that are not complete: the rest is not kept,
    /// and no call comes of it.
    bool overflowed() const noexcept { return overflowed_; }

    static constexpr std::size_t max_input_bytes = std::size_t{5} << 20;

private:
    struct partial {
        std::string tool;
        std::string input;
        std::size_t next = 1;
    };
    void on_mark(std::string_view mark);

    std::string begin_;  // RS token SP
    std::string held_;
    std::map<std::string, partial> partial_;
    std::size_t partial_bytes_ = 0;
    std::vector<tool_call> complete_;
    bool overflowed_ = false;
};

/// What makes the functions, to be run before the program. `token` is in each mark.
std::string python_preamble(std::vector<named_tool> const& tools, std::string_view token);
std::string bash_preamble(std::vector<named_tool> const& tools, std::string_view token);

}  // namespace http::librechat
