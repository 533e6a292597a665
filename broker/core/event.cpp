// SPDX-License-Identifier: Apache-2.0
// The types and their words. Never two words for one number. No state.
#include "broker/core/event.hpp"

#include <array>

namespace broker {
namespace {

// In the order of the numbers, from 1.
constexpr std::array<std::string_view, 13> words = {"queued",
                                                    "started",
                                                    "stdout",
                                                    "stderr",
                                                    "display_data",
                                                    "update_display_data",
                                                    "execute_result",
                                                    "clear_output",
                                                    "error",
                                                    "input_request",
                                                    "truncated",
                                                    "files",
                                                    "end"};

}  // namespace

std::string_view to_string(event_type type) noexcept {
    return words[static_cast<std::size_t>(type) - 1];
}

std::optional<event_type> event_type_from(std::uint8_t number) noexcept {
    if (number < 1 || number > words.size()) {
        return std::nullopt;
    }
    return static_cast<event_type>(number);
}

}  // namespace broker
