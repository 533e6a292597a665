// SPDX-License-Identifier: Apache-2.0
// One kernel of one session with everything that belongs to it: sandbox, connection, evidence of
// its end. Never outlives its evidence: whatever way it ends, the sandbox is removed and `ended` is
// raised with what the monitor recorded. Lives on the loop; blocking steps run on the pool; shared
// by its session and its own watcher.
#pragma once

#include "broker/base/async_event.hpp"
#include "broker/base/result.hpp"
#include "broker/runtime/container_runtime.hpp"
#include "broker/service/context.hpp"
#include "broker/store/session_store.hpp"
#include "kernelproto/link/kernel_connection.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace broker {

class live_kernel : public std::enable_shared_from_this<live_kernel> {
public:
    /// Starts a sandbox on a mounted workspace and waits until its kernel, of a language of the
    /// session's image, is ready. The intent is stored before each action. On failure nothing of it
    /// is left. Meanwhile the kernel stands in `starting`, so that somebody else can `give_up` its
    /// start.
    static task<result<std::shared_ptr<live_kernel>>> start(service_context& context,
                                                            session_row session,
                                                            std::string language,
                                                            std::string workspace_mount,
                                                            std::weak_ptr<live_kernel>& starting);

    /// Takes up the sandbox of `row`, started by an earlier broker. Its connection is not ready:
    /// whoever takes it calls `connection().adopt`.
    static task<result<std::shared_ptr<live_kernel>>> adopt(service_context& context,
                                                            session_row const& session,
                                                            sandbox_row const& row);

    live_kernel(service_context& context, sandbox_row row, uid_t owner);
    live_kernel(live_kernel const&) = delete;
    live_kernel& operator=(live_kernel const&) = delete;

    sandbox_id const& id() const noexcept { return row_.id; }
    kernelproto::kernel_connection& connection() noexcept { return *connection_; }
    running_sandbox const& sandbox() const noexcept { return sandbox_; }

    /// Why the link failed, if it did: such a kernel cannot be heard any more.
    std::optional<kernelproto::link_failure> link_failed() const noexcept { return link_failed_; }

    /// The sandbox has ended, its evidence is in, nothing of it is left on the host.
    bool has_ended() const noexcept { return ended_.raised(); }
    task<> wait_ended();
    sandbox_end const& evidence() const noexcept { return evidence_; }

    /// Its start fails as soon as it can.
    void give_up();

    /// The host had no descriptor or memory for the connection. The kernel lives on as if nobody
    /// had tried; see `connect_again`.
    bool link_wants_resources() const noexcept {
        return link_failed_ == kernelproto::link_failure::no_resources;
    }
    /// Waits until there may be some, and connects; false when the kernel is ending.
    task<bool> connect_again();
    /// Somebody or something has ended the sandbox; the evidence may still be gathered.
    bool is_ending() const noexcept { return ending_; }

    /// Whether a process in it was killed for memory since the last look.
    task<bool> memory_kill_since();

    /// Kills the sandbox if it lives; the evidence is gathered then. Idempotent.
    void begin_end();
    /// The same, and waits for the evidence.
    task<> end();

private:
    task<result<void>> bring_up(session_row session, sandbox_spec spec);
    void connect();
    void watch();
    static task<> watch_end(std::shared_ptr<live_kernel> self);
    static task<> remove(std::shared_ptr<live_kernel> self);

    service_context& context_;
    sandbox_row row_;
    uid_t owner_ = 0;  // of the sockets
    running_sandbox sandbox_;
    std::unique_ptr<kernelproto::kernel_connection> connection_;
    std::optional<kernelproto::link_failure> link_failed_;
    sandbox_end evidence_;
    std::uint64_t memory_kills_ = 0;  // seen
    bool ending_ = false;
    bool unwanted_ = false;
    async_event ended_;
};

/// Ends them side by side, and returns when all have ended.
task<> end_all(std::vector<std::shared_ptr<live_kernel>> which);

}  // namespace broker
