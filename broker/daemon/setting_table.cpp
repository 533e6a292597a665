// SPDX-License-Identifier: Apache-2.0
// The rows of what is behind the HTTP server, and the table of all. Defaults are those of
// `settings`; a row adds name, unit, bounds and meaning.
// Never a second place for a default. Constant; any thread.
#include "broker/daemon/setting_table.hpp"

#include "broker/daemon/setting_checks.hpp"
#include "broker/daemon/setting_rows_http.hpp"

#include <array>

namespace broker {
namespace setting_rows {

constexpr std::array<std::string_view, 2> quotas{"loop", "none"};
constexpr std::array<std::string_view, 2> links{"zmtp", "libzmq"};
constexpr std::array<std::string_view, 4> levels{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 3> formats{"auto", "json", "readable"};

constexpr std::string_view state = "State";
constexpr std::array state_rows{
    setting{.key = "state_dir",
            .group = state,
            .at = KB_AT(state_dir),
            .doc = "Directory of everything that outlives the broker; one broker each. Absolute.",
            .refuse = refuse_directory},
    setting{.key = "image_dir",
            .group = state,
            .at = KB_AT(image_dir),
            .doc = "Directory of the images. Empty: images below state_dir.",
            .refuse = refuse_directory_or_empty},
};

constexpr std::string_view sessions = "Sessions";
constexpr std::array session_rows{
    setting{.key = "language",
            .group = sessions,
            .at = KB_AT(sessions.language),
            .doc = "Language of a session that names none; one that its image has.",
            .refuse = refuse_language},
    setting{.key = "idle_timeout_s",
            .group = sessions,
            .unit = seconds,
            .at = KB_AT(sessions.idle_timeout_s),
            .doc = "Time without use after which a session's sandbox ends; its files stay.",
            .least = 1,
            .most = 365 * day},
    setting{.key = "max_idle_timeout_s",
            .group = sessions,
            .unit = seconds,
            .at = KB_AT(sessions.idle_timeout_max_s),
            .doc = "Most that a request may ask for as idle_timeout_s.",
            .least = 1,
            .most = 365 * day},
    setting{.key = "workspace_keep_s",
            .group = sessions,
            .unit = seconds,
            .at = KB_AT(sessions.workspace_keep_s),
            .doc = "Time that a session's files stay after its sandbox ended for idleness.",
            .least = 0,
            .most = 3650 * day},
    setting{.key = "versions_keep_s",
            .group = sessions,
            .at = KB_AT(sessions.versions_keep_s),
            .doc = "Time that a file version stays after it was last used.",
            .least = day,
            .most = 3650 * day},
    setting{.key = "version_bytes_per_tenant",
            .group = sessions,
            .unit = bytes,
            .at = KB_AT(sessions.version_bytes_per_tenant),
            .doc = "Most bytes of file versions of one tenant; the longest unused go first.",
            .least = mib,
            .most = 64 * tib},
    setting{.key = "max_sessions",
            .group = sessions,
            .at = KB_AT(sessions.caps.sessions),
            .doc = "Most sessions at once; more get 429 too_many_sessions.",
            .least = 1,
            .most = 100000},
    setting{.key = "max_sessions_per_tenant",
            .group = sessions,
            .at = KB_AT(sessions.caps.sessions_per_tenant),
            .doc = "Most sessions at once of one tenant.",
            .least = 1,
            .most = 100000},
    setting{.key = "queue_per_session",
            .group = sessions,
            .at = KB_AT(sessions.caps.queue_per_session),
            .doc = "Most executions that wait in one session; more get 429 queue_full.",
            .least = 1,
            .most = 10000},
    setting{.key = "free_memory_floor_bytes",
            .group = sessions,
            .unit = bytes,
            .at = KB_AT(sessions.caps.free_memory_floor_bytes),
            .doc = "Free memory of the host below which no sandbox is started (503 no_capacity).",
            .least = 0,
            .most = 64 * tib},
};

constexpr std::string_view limit = "Limits of a session that asks for nothing";
constexpr std::string_view maximum = "Most that a session may ask for";
constexpr std::array limit_rows{
    setting{.key = "memory_bytes",
            .group = limit,
            .unit = bytes,
            .at = KB_AT(limits.defaults.memory_bytes),
            .doc = "Memory, without swap on top.",
            .least = 64 * mib,
            .most = 64 * tib},
    setting{.key = "cpus",
            .group = limit,
            .unit = processors,
            .at = KB_AT(limits.defaults.cpus),
            .doc = "Share of processors' time; 0.5 is half of one.",
            .least = 0.01,
            .most = 1024},
    setting{.key = "pids",
            .group = limit,
            .at = KB_AT(limits.defaults.pids),
            .doc = "Processes and threads.",
            .least = 16,
            .most = 1000000},
    setting{.key = "disk_bytes",
            .group = limit,
            .unit = bytes,
            .at = KB_AT(limits.defaults.disk_bytes),
            .doc = "Size of the workspace, /mnt/data.",
            .least = 4 * mib,
            .most = 64 * tib},
    setting{.key = "timeout_s",
            .group = limit,
            .unit = seconds,
            .at = KB_AT(limits.defaults.timeout_s),
            .doc = "Time of one execution, waiting in the queue included.",
            .least = 0.001,
            .most = 30 * day},
    setting{.key = "max_memory_bytes",
            .group = maximum,
            .unit = bytes,
            .at = KB_AT(limits.maxima.memory_bytes),
            .doc = "Most memory.",
            .least = 64 * mib,
            .most = 64 * tib},
    setting{.key = "max_cpus",
            .group = maximum,
            .unit = processors,
            .at = KB_AT(limits.maxima.cpus),
            .doc = "Most processors' time.",
            .least = 0.01,
            .most = 1024},
    setting{.key = "max_pids",
            .group = maximum,
            .at = KB_AT(limits.maxima.pids),
            .doc = "Most processes and threads.",
            .least = 16,
            .most = 1000000},
    setting{.key = "max_disk_bytes",
            .group = maximum,
            .unit = bytes,
            .at = KB_AT(limits.maxima.disk_bytes),
            .doc = "Largest workspace.",
            .least = 4 * mib,
            .most = 64 * tib},
    setting{.key = "max_timeout_s",
            .group = maximum,
            .unit = seconds,
            .at = KB_AT(limits.maxima.timeout_s),
            .doc = "Longest time of one execution.",
            .least = 0.001,
            .most = 30 * day},
};

constexpr std::string_view sandbox = "Sandboxes";
constexpr std::array sandbox_rows{
    setting{.key = "runtime",
            .group = sandbox,
            .at = KB_AT(sandbox.runtime),
            .doc = "OCI runtime: auto (crun, else runc), a program's name, or its absolute path.",
            .refuse = refuse_program},
    setting{.key = "image",
            .group = sandbox,
            .at = KB_AT(sandbox.image),
            .doc = "Name of the image that sessions run; kernel-broker image list shows them.",
            .refuse = refuse_image_name},
    setting{.key = "workspace_quota",
            .group = sandbox,
            .at = KB_AT(sandbox.workspace_quota),
            .doc = "How disk_bytes is enforced: loop (an ext4 file system of its own on a loop "
                   "device) or none, which lets one session fill the disk.",
            .choices = quotas},
    setting{.key = "workspace_stock",
            .group = sandbox,
            .at = KB_AT(sandbox.workspace_stock),
            .doc = "File systems made in advance, so that a new session need not wait for one.",
            .least = 0,
            .most = 1000},
    setting{.key = "boost_cpus",
            .group = sandbox,
            .unit = processors,
            .at = KB_AT(sandbox.boost_cpus),
            .doc = "Processors' time until the kernel is ready; then the session's limit holds.",
            .least = 0.01,
            .most = 1024},
    setting{.key = "start_timeout_s",
            .group = sandbox,
            .unit = seconds,
            .at = KB_AT(sandbox.start_timeout_s),
            .doc = "Time for a new kernel to be ready; not part of an execution's time.",
            .least = 1,
            .most = 3600},
    setting{.key = "tmp_bytes",
            .group = sandbox,
            .unit = bytes,
            .at = KB_AT(sandbox.tmp_bytes),
            .doc =
                "Size of /tmp, at most a quarter of memory_bytes; what lies there counts as memory "
                "of the session.",
            .least = mib,
            .most = tib},
    setting{.key = "shm_bytes",
            .group = sandbox,
            .unit = bytes,
            .at = KB_AT(sandbox.shm_bytes),
            .doc = "Size of /dev/shm, at most a quarter of memory_bytes; what lies there counts as "
                   "memory of the session.",
            .least = mib,
            .most = tib},
};

constexpr std::string_view execution = "Executions";
constexpr std::array execution_rows{
    setting{.key = "output_bytes",
            .group = execution,
            .unit = bytes,
            .at = KB_AT(executions.output.max_bytes),
            .doc = "Output of one execution; past it the answer is truncated, the session lives.",
            .least = kib,
            .most = gib},
    setting{.key = "one_output_bytes",
            .group = execution,
            .unit = bytes,
            .at = KB_AT(executions.output.max_output_bytes),
            .doc = "Largest single entry of outputs[], and event.",
            .least = kib,
            .most = gib},
    setting{.key = "output_tail_bytes",
            .group = execution,
            .unit = bytes,
            .at = KB_AT(executions.output.tail_bytes),
            .doc = "Last bytes that are kept of an output that was truncated.",
            .least = 0,
            .most = gib},
    setting{.key = "max_outputs",
            .group = execution,
            .at = KB_AT(executions.output.max_outputs),
            .doc = "Most entries of outputs[], and events of one execution.",
            .least = 1,
            .most = 10000000},
    setting{.key = "message_bytes",
            .group = execution,
            .unit = bytes,
            .at = KB_AT(executions.message_bytes),
            .doc = "Largest message of a kernel, of frames above 32 MiB what is "
                   "kept; above it the kernel is replaced.",
            .least = 64 * mib,
            .most = 16 * gib},
    setting{.key = "kernel_link",
            .group = execution,
            .at = KB_AT(executions.kernel_link),
            .doc = "What carries the messages of kernels: zmtp (our own, bounded to the byte) or "
                   "libzmq (the library, bounded by whole messages).",
            .choices = links},
    setting{.key = "interrupt_grace_s",
            .group = execution,
            .unit = seconds,
            .at = KB_AT(executions.interrupt_grace_s),
            .doc = "Time between the interrupt at the time limit and the end of the kernel.",
            .least = 0.1,
            .most = 3600},
    setting{.key = "keep_executions",
            .group = execution,
            .at = KB_AT(executions.keep),
            .doc = "Ended executions a session keeps, with their outputs and events.",
            .least = 0,
            .most = 1000000},
    setting{.key = "keep_executions_s",
            .group = execution,
            .unit = seconds,
            .at = KB_AT(executions.keep_s),
            .doc = "Time that an ended execution is kept.",
            .least = 0,
            .most = 3650 * day},
    setting{.key = "keep_executions_bytes",
            .group = execution,
            .unit = bytes,
            .at = KB_AT(executions.keep_bytes),
            .doc = "Long outputs and events of ended executions that a session keeps on disk, "
                   "beside those of the last one.",
            .least = 0,
            .most = tib},
};

constexpr std::string_view log = "Log";
constexpr std::array log_rows{
    setting{.key = "log_level",
            .group = log,
            .at = KB_AT(log.level),
            .doc = "Least severity that is written to standard error.",
            .choices = levels},
    setting{.key = "log_format",
            .group = log,
            .at = KB_AT(log.format),
            .doc = "auto: readable on a terminal, else one JSON object a line.",
            .choices = formats},
};
#undef KB_AT

template <std::size_t... Sizes>
constexpr auto join(std::array<setting, Sizes> const&... groups) {
    std::array<setting, (Sizes + ...)> all{};
    auto to = all.begin();
    (
        [&] {
            for (auto const& row : groups) {
                *to++ = row;
            }
        }(),
        ...);
    return all;
}

constexpr auto all_rows = join(server_rows, token_rows, librechat_rows, state_rows, session_rows,
                               limit_rows, sandbox_rows, execution_rows, log_rows);

}  // namespace setting_rows

std::span<setting const> setting_table() noexcept { return setting_rows::all_rows; }

}  // namespace broker
