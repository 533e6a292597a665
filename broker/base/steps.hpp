// SPDX-License-Identifier: Apache-2.0
// Named places between two actions of which a crash may separate one from the other.
// Never does anything unless a hook was given; the hook of the crash tests ends the process there.
// The hook may be called from the loop and from the pool at once.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

namespace broker {

/// The places a crash test kills the broker at. Each is named after what has just happened, except
/// `deleting`: the intent to delete is stored, nothing is gone yet.
namespace step {
inline constexpr std::string_view row_written = "row_written";
inline constexpr std::string_view workspace_mounted = "workspace_mounted";
inline constexpr std::string_view bundle_written = "bundle_written";
inline constexpr std::string_view created = "created";
inline constexpr std::string_view started = "started";
inline constexpr std::string_view first_socket = "first_socket";
inline constexpr std::string_view ready = "ready";
inline constexpr std::string_view sent = "sent";
inline constexpr std::string_view replied = "replied";
inline constexpr std::string_view ended = "ended";
inline constexpr std::string_view deleting = "deleting";
}  // namespace step

class steps {
public:
    using hook = std::function<void(std::string_view name)>;

    steps() = default;
    explicit steps(hook on_step) : on_step_(std::move(on_step)) {}

    void operator()(std::string_view name) const {
        if (on_step_) {
            on_step_(name);
        }
    }

private:
    hook on_step_;
};

}  // namespace broker
