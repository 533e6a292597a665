// SPDX-License-Identifier: Apache-2.0
// What is known of the host's ability to make sandboxes, and when it is looked at again.
// Never examines more often than the intervals below, whoever asks, and never twice at once: who
// comes meanwhile is told what is known. Any thread; what is handed out stays valid and unchanged.
#pragma once

#include "broker/base/time.hpp"
#include "broker/runtime/oci_probe.hpp"

#include <atomic>
#include <functional>
#include <memory>

namespace broker {

class examined_host {
public:
    using examiner = std::function<oci_examination()>;
    using listener = std::function<void(runtime_report const&)>;

    /// Hosts lose a module or a runtime, seldom; what is missing is being mended.
    static constexpr auto good_for = std::chrono::seconds{60};
    static constexpr auto bad_for = std::chrono::seconds{5};

    /// Examines at once. `told` hears each report that differs from the one before.
    examined_host(examiner examine, std::function<steady_time()> now, listener told);

    std::shared_ptr<oci_examination const> last() const { return last_.load(); }

    /// The last one, renewed when its time is over.
    std::shared_ptr<oci_examination const> look();

    /// Something failed that should not have: what was good is as old as what was bad.
    void doubt() { doubted_ = true; }

private:
    void examine();

    examiner const examine_;
    std::function<steady_time()> const now_;
    listener const told_;
    std::atomic<std::shared_ptr<oci_examination const>> last_;
    std::atomic<steady_time::rep> at_{0};
    std::atomic<bool> doubted_{false};
    std::atomic<bool> busy_{false};
};

}  // namespace broker
