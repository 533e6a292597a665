// SPDX-License-Identifier: Apache-2.0
#include "broker/runtime/examined_host.hpp"

#include <utility>

namespace broker {
namespace {

bool same(runtime_report const& a, runtime_report const& b) {
    return a.usable == b.usable && a.name == b.name && a.version == b.version &&
           a.cgroups == b.cgroups && a.problems == b.problems && a.warnings == b.warnings;
}

}  // namespace

examined_host::examined_host(examiner examine, std::function<steady_time()> now, listener told)
    : examine_(std::move(examine)), now_(std::move(now)), told_(std::move(told)) {
    this->examine();
}

void examined_host::examine() {
    doubted_ = false;
    auto const before = last_.load();
    auto const found = std::make_shared<oci_examination const>(examine_());
    last_ = found;
    at_ = now_().time_since_epoch().count();
    if (told_ && (!before || !same(before->report, found->report))) {
        told_(found->report);
    }
}

std::shared_ptr<oci_examination const> examined_host::look() {
    auto const known = last_.load();
    bool const good = known->report.usable && !doubted_;
    steady_time const at{steady_time::duration{at_.load()}};
    if (now_() - at >= (good ? good_for : bad_for) && !busy_.exchange(true)) {
        examine();
        busy_ = false;
    }
    return last_.load();
}

}  // namespace broker
