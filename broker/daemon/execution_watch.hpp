// SPDX-License-Identifier: Apache-2.0
// One execution from its start to its end: events are handed on, Ctrl-C and answers go to the
// server. Never decides what is shown. Blocks; one thread.
#pragma once

#include "broker/client/execution_stream.hpp"
#include "broker/daemon/answer_source.hpp"
#include "broker/daemon/client_signals.hpp"
#include "broker/daemon/client_target.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace broker {

class execution_watch {
public:
    struct handlers {
        std::function<void(client::sse_event const&)> on_event;
        /// A sentence for a person about what did not go as it should.
        std::function<void(std::string_view)> on_note;
    };

    execution_watch(client::endpoint const& to, std::string const& session, std::string body,
                    client_signals& signals, answer_source& answers, handlers const& told);

    enum class how {
        ended,   // the event `end` was handed on
        left,    // by a signal: `signal`; the execution was interrupted
        failed,  // `why`; what becomes of the execution is not known
    };
    struct outcome {
        how what = how::failed;
        int signal = 0;
        std::string why;
    };
    outcome run();

    /// A prompt is open: what is read next goes to the server. Within `on_event`.
    void ask(bool secret);
    /// The execution is not wanted any more. Within `on_event`.
    void interrupt() { interrupt_wanted_ = true; }

    std::string const& execution_id() const noexcept { return stream_.execution_id(); }
    bool was_sent() const noexcept { return stream_.was_sent(); }

private:
    bool leaves_at(int signal);
    void send_interrupt(bool at_once);
    void take_answer();
    void send_answer(std::string_view line);

    client::endpoint const& to_;
    client::execution_stream stream_;
    client_signals& signals_;
    answer_source& answers_;
    handlers const& told_;
    bool asked_ = false;  // a line may be there before the descriptor says so
    bool interrupt_wanted_ = false;
    bool interrupt_sent_ = false;
};

}  // namespace broker
