// SPDX-License-Identifier: Apache-2.0
// The words of the table. Never renamed: files of earlier versions hold them. No state.
#include "broker/store/rows.hpp"

namespace broker {

std::string_view to_string(sandbox_stage value) noexcept {
    switch (value) {
        case sandbox_stage::planned:
            return "planned";
        case sandbox_stage::created:
            return "created";
        case sandbox_stage::started:
            return "started";
        case sandbox_stage::ready:
            return "ready";
        case sandbox_stage::ending:
            break;
    }
    return "ending";
}

std::string_view to_string(execution_stage value) noexcept {
    switch (value) {
        case execution_stage::queued:
            return "queued";
        case execution_stage::sent:
            return "sent";
        case execution_stage::done:
            break;
    }
    return "done";
}

}  // namespace broker
