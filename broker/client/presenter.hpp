// SPDX-License-Identifier: Apache-2.0
// The events of an execution become what a person at a terminal, or a pipe, is shown.
// Never prints or saves anything itself, and never trusts that an event has the form it should.
// One per execution; one thread.
#pragma once

#include "broker/client/json_value.hpp"
#include "broker/client/sse_parser.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace broker::client {

/// One thing to do, in order.
struct effect {
    enum class kind {
        out,   // write `text` to standard output
        err,   // write `text` to standard error
        file,  // save `text` as a file whose name ends with `name`, such as "2.png"
        ask,   // show the prompt `text`, read a line, without echo if `secret`
        end,   // the code's exit status is `status`
    };
    kind what = kind::out;
    std::string text;
    std::string name;
    bool secret = false;
    int status = 0;
};

struct presenter_options {
    bool out_terminal = false;
    bool err_terminal = false;
};

class presenter {
public:
    explicit presenter(presenter_options options) : options_(options) {}

    std::vector<effect> on_event(sse_event const& event);

    /// A line of ours on standard error, on a line of its own where both go to one terminal.
    effect note(std::string_view text);

private:
    void on_text(std::string text, bool err, std::vector<effect>& out);
    void on_line(std::string text, std::vector<effect>& out);
    void on_display(json const& event, bool is_result, std::vector<effect>& out);
    bool on_images(json const& data, std::string const& display_id, std::vector<effect>& out);
    void on_clear(bool wait, std::vector<effect>& out);
    void on_error(json const& event, std::vector<effect>& out);
    void on_end(json const& event, std::vector<effect>& out);
    void clear_now(std::vector<effect>& out);

    presenter_options options_;
    bool out_open_ = false;  // the last byte written there ended no line
    bool err_open_ = false;
    bool clear_pending_ = false;
    std::optional<std::string> exit_text_;  // the value of a SystemExit
    int images_ = 0;
    std::map<std::string, int, std::less<>> image_numbers_;  // by display id
};

/// Without escape sequences of terminals (ECMA-48).
std::string plain_text(std::string_view text);

}  // namespace broker::client
