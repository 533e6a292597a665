// SPDX-License-Identifier: Apache-2.0
// One overload per event of the kernel. Never interprets an output. On the loop.
#include "broker/service/event_collector.hpp"

#include <utility>
#include <variant>

namespace broker {
namespace {

template <class... Ts>
struct overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;

rich_data::kind translate(kernelproto::rich_output::kind what) {
    switch (what) {
        case kernelproto::rich_output::kind::display_data:
            return rich_data::kind::display_data;
        case kernelproto::rich_output::kind::execute_result:
            return rich_data::kind::execute_result;
        case kernelproto::rich_output::kind::update_display_data:
            break;
    }
    return rich_data::kind::update_display_data;
}

/// What was put out before does not stay as it was, but a log keeps it.
bool rewrites(kernelproto::event const& heard) {
    auto const* const rich = std::get_if<kernelproto::rich_output>(&heard);
    return std::holds_alternative<kernelproto::output_cleared>(heard) || (rich && rich->display_id);
}

}  // namespace

void event_collector::take(kernelproto::event&& heard) {
    event_recorder::drafts told;
    bool const is_text = std::holds_alternative<kernelproto::stream_text>(heard) ||
                         std::holds_alternative<kernelproto::output_discarded>(heard);
    rewritten_ = rewritten_ || rewrites(heard);
    bool const were_alike = is_log_alike();
    keep(heard, told);
    if (recorder_.cut() || outputs_.full() || outputs_.dropped_bytes() > 0) {
        log_tells_all_ = log_tells_all_ && is_text && !rewritten_ && were_alike && is_log_alike();
    }
    log_->append(std::move(told));
}

/// So far the log and the outputs have the same head.
bool event_collector::is_log_alike() const noexcept {
    return recorder_.full() == outputs_.full() && recorder_.head_bytes() == outputs_.head_bytes();
}

void event_collector::keep(kernelproto::event& heard, event_recorder::drafts& told) {
    std::visit(
        overloaded{
            [&](kernelproto::started& e) {
                execution_count_ = e.execution_count;
                recorder_.started(e.execution_count, told);
            },
            [&](kernelproto::stream_text& e) {
                auto const name = e.name == kernelproto::stream_text::stream::stdout_stream
                                      ? stream_name::stdout_stream
                                      : stream_name::stderr_stream;
                recorder_.text(name, e.text, told);
                outputs_.append_stream(name, e.text, e.following);
            },
            [&](kernelproto::rich_output& e) {
                rich_data rich{.what = translate(e.what),
                               .data = std::move(e.data),
                               .metadata = std::move(e.metadata),
                               .display_id = std::move(e.display_id),
                               .execution_count = e.execution_count};
                recorder_.rich(rich, told);
                outputs_.append_rich(std::move(rich));
            },
            [&](kernelproto::output_cleared& e) {
                recorder_.clear(e.wait, told);
                outputs_.clear(e.wait);
            },
            [&](kernelproto::raised& e) {
                raised_error error{std::move(e.ename), std::move(e.evalue), std::move(e.traceback)};
                recorder_.error(error, told);
                outputs_.append_error(std::move(error));
            },
            [&](kernelproto::output_discarded& e) {
                recorder_.count_missing(e.bytes);
                outputs_.count_missing(e.bytes);
            },
            [&](kernelproto::input_wanted& e) {
                wants_input_ = true;
                recorder_.input_request(e.prompt, e.password, told);
            },
        },
        heard);
}

void event_collector::resume(std::string_view records) {
    replay(records, outputs_, before_);
    execution_count_ = before_.execution_count;
    rewritten_ = true;  // perhaps
    recorder_.resume(before_.events, before_.bytes, before_.started);
}

void event_collector::close() {
    event_recorder::drafts told;
    recorder_.started(execution_count_, told);
    recorder_.close(told);
    log_->append(std::move(told));
}

}  // namespace broker
