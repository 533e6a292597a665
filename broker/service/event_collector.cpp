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

}  // namespace

void event_collector::take(kernelproto::event&& heard) {
    std::visit(overloaded{
                   [this](kernelproto::started& e) { execution_count_ = e.execution_count; },
                   [this](kernelproto::stream_text& e) {
                       outputs_.append_stream(
                           e.name == kernelproto::stream_text::stream::stdout_stream
                               ? stream_name::stdout_stream
                               : stream_name::stderr_stream,
                           e.text);
                   },
                   [this](kernelproto::rich_output& e) {
                       outputs_.append_rich({.what = translate(e.what),
                                             .data = std::move(e.data),
                                             .metadata = std::move(e.metadata),
                                             .display_id = std::move(e.display_id),
                                             .execution_count = e.execution_count});
                   },
                   [this](kernelproto::output_cleared& e) { outputs_.clear(e.wait); },
                   [this](kernelproto::raised& e) {
                       outputs_.append_error(
                           {std::move(e.ename), std::move(e.evalue), std::move(e.traceback)});
                   },
                   [this](kernelproto::output_discarded& e) { outputs_.count_missing(e.bytes); },
                   // Never asked for: requests are sent with allow_stdin false.
                   [](kernelproto::input_wanted&) {},
               },
               heard);
}

}  // namespace broker
