// SPDX-License-Identifier: Apache-2.0
// Any order of outputs of any size: the bounds hold, and text lost is counted to the byte.
// Never judges content. libFuzzer's one thread.
#include "broker/base/utf8.hpp"
#include "broker/core/json_slice.hpp"
#include "broker/core/outputs.hpp"

#include <cstdlib>

namespace {

constexpr broker::output_limits limits{
    .max_bytes = 512, .max_output_bytes = 300, .tail_bytes = 64, .max_outputs = 20};

void require(bool held) {
    if (!held) {
        std::abort();
    }
}

/// One step out of two bytes: what happens, and how much of it.
void take(broker::outputs& into, unsigned what, std::size_t size) {
    using kind = broker::rich_data::kind;
    std::string const data = "{\"k\":\"" + std::string(size, 'd') + "\"}";
    std::string const id = std::to_string(size % 5);
    switch (what % 8) {
        case 0:
        case 1:
            into.append_stream(static_cast<broker::stream_name>(what % 2), std::string(size, 't'));
            return;
        case 2:
            into.append_rich({kind::display_data, data, "{}", {}, {}});
            return;
        case 3:
            into.append_rich({kind::display_data, data, "{}", id, {}});
            return;
        case 4:
            into.append_rich({kind::update_display_data, data, "{}", id, {}});
            return;
        case 5:
            into.append_rich({kind::execute_result, data, "{}", {}, 1});
            return;
        case 6:
            into.append_error({"E", std::string(size, '\x01'), {std::string(size, 'l')}});
            return;
        default:
            into.clear(size % 2 == 0);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
    broker::outputs collected(limits);
    std::size_t printed = 0;
    bool only_text = true;
    for (std::size_t i = 0; i + 1 < size; i += 2) {
        take(collected, data[i], data[i + 1]);
        require(collected.held_bytes() <= limits.max_bytes + 2 * limits.tail_bytes);
        only_text = only_text && data[i] % 8 < 2;
        printed += data[i + 1];
    }
    auto const shown = collected.render();
    require(broker::is_utf8(shown.outputs_json));
    require(shown.truncated == (shown.dropped_bytes > 0));
    if (only_text) {
        require(shown.stdout_text.size() + shown.stderr_text.size() + shown.dropped_bytes ==
                printed);
    }
    (void)broker::json_string_member({reinterpret_cast<char const*>(data), size}, "text/plain");
    return 0;
}
