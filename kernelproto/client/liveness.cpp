// SPDX-License-Identifier: Apache-2.0
// Pings are numbered, and an echo of any ping that is not answered yet is life.
// Never sends faster than its interval. Driven by one owner, who passes `now`.
#include "kernelproto/client/liveness.hpp"

#include <charconv>

namespace kernelproto {

void liveness::start(steady_time now) noexcept {
    asked_ = false;
    missed_ = 0;
    deadline_ = now + timings_.every;
}

bool liveness::on_echo(std::string_view echo) noexcept {
    std::uint64_t number = 0;
    auto const* const end = echo.data() + echo.size();
    auto const parsed = std::from_chars(echo.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end || number <= answered_ || number > sent_) {
        return false;
    }
    answered_ = number;
    missed_ = 0;
    return true;
}

liveness::step liveness::on_timer(steady_time now) {
    if (!deadline_ || now < *deadline_) {
        return {};
    }
    missed_ = asked_ && answered_ != sent_ ? missed_ + 1 : 0;
    if (missed_ >= timings_.misses) {
        deadline_.reset();
        return {std::nullopt, true};
    }
    asked_ = true;
    deadline_ = now + timings_.every;
    return {std::to_string(++sent_), false};
}

}  // namespace kernelproto
