// SPDX-License-Identifier: Apache-2.0
// Bringing one kernel up, taking one over, and seeing it off. Never leaves a half-started sandbox
// behind. On the loop; the runtime's calls are made on the pool.
#include "broker/service/live_kernel.hpp"

#include "kernelproto/wire/connection_info.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <utility>

namespace broker {
namespace {

constexpr char const* socket_prefix = "k";

/// Until another try to connect to a kernel, where descriptors or memory were missing.
constexpr std::chrono::seconds connect_again_after{2};

/// How much of the beginning of a long text fills the outputs, and its escapes too, which are few.
std::size_t enough_of_text(output_limits const& limits) {
    constexpr std::uint64_t least = std::uint64_t{1} << 20;
    auto const wanted = std::min(limits.max_bytes, std::uint64_t{kernelproto::max_content_bytes});
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(
        wanted + wanted / 4, least, kernelproto::excerpt_sizes{}.head_bytes));
}

/// 128 random bits, hexadecimal.
std::string make_key() {
    std::array<unsigned char, 16> bytes{};
    if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
        throw std::runtime_error("getrandom failed");
    }
    std::string text;
    for (auto const b : bytes) {
        text += fmt::format("{:02x}", b);
    }
    return text;
}

}  // namespace

live_kernel::live_kernel(service_context& context, sandbox_row row, uid_t owner)
    : context_(context), row_(std::move(row)), owner_(owner), ended_(context.loop.get_executor()) {}

task<result<std::shared_ptr<live_kernel>>> live_kernel::start(
    service_context& context, session_row session, std::string language,
    std::string workspace_mount, std::weak_ptr<live_kernel>& starting) {
    auto const image = context.images.open(session.image_digest);
    if (!image) {
        co_return image.error();
    }
    auto const* const argv = image->kernel_of(language);
    if (argv == nullptr) {
        // The description of the same root was renewed since, by a definition without it.
        co_return fail(errc::image_unavailable,
                       "the session's image has no kernel of " + language + " any more");
    }
    sandbox_row row{.id = sandbox_id::make(),
                    .session = session.id,
                    .language = language,
                    .generation = session.life.generation(language) + 1,
                    .stage = sandbox_stage::planned,
                    .hmac_key = make_key(),
                    .socket_prefix = socket_prefix,
                    .created_at = context.clock().wall};
    if (auto stored = context.store.plan_sandbox(row); !stored) {
        co_return stored.error();
    }
    context.reached(step::row_written);

    sandbox_spec spec{.session = session.id,
                      .sandbox = row.id,
                      .uid = session.uid,
                      .session_limits = session.session_limits,
                      .boost_cpus = context.config.sandbox.boost_cpus,
                      .tmp_bytes = context.config.sandbox.tmp_bytes,
                      .shm_bytes = context.config.sandbox.shm_bytes,
                      .image_digest = session.image_digest,
                      .workspace_mount = std::move(workspace_mount),
                      .connection_file = {},
                      .kernel_argv = *argv,
                      .kernel_env = image->kernel_env};
    kernelproto::connection_info info;
    info.key = row.hmac_key;
    info.ip = "/run/kernel/" + row.socket_prefix;
    spec.connection_file = kernelproto::print_connection_info(info);

    auto self = std::make_shared<live_kernel>(context, std::move(row), session.uid);
    starting = self;
    auto up = co_await self->bring_up(session, std::move(spec));
    if (!up) {
        co_await self->end();
        co_return up.error();
    }
    co_return self;
}

task<result<void>> live_kernel::bring_up(session_row session, sandbox_spec spec) {
    auto started = co_await offload(
        context_.pool,
        [&runtime = context_.runtime, spec = std::move(spec)] { return runtime.start(spec); });
    if (!started) {
        co_return started.error();
    }
    sandbox_ = std::move(*started);
    if (auto stored = context_.store.sandbox_reached(row_.id, sandbox_stage::started); !stored) {
        co_return stored.error();
    }
    connect();
    watch();
    if (unwanted_) {
        co_return fail(errc::runtime_unavailable, "the start of the kernel was given up");
    }
    auto const deadline =
        context_.clock().steady + steady_seconds(context_.config.sandbox.start_timeout_s);
    auto const ready = co_await connection_->ready(deadline);
    if (!ready) {
        context_.log.warning("kernel_not_ready",
                             {{"sandbox", row_.id.str()}, {"err", ready.error().message()}});
        if (link_wants_resources()) {
            co_return fail(errc::no_capacity,
                           "the broker has no descriptors or memory left to connect to the new "
                           "kernel; try again when other sessions have ended");
        }
        co_return fail(errc::runtime_unavailable, is_ending()
                                                      ? "the kernel ended while it started"
                                                      : "the kernel did not become ready in time");
    }
    auto settled = co_await offload(
        context_.pool,
        [&runtime = context_.runtime, session_key = session.id, id = row_.id,
         own = session.session_limits] { return runtime.settle(session_key, id, own); });
    if (!settled) {
        co_return settled.error();
    }
    co_return result<void>{};
}

void live_kernel::give_up() {
    unwanted_ = true;
    if (connection_) {  // before, the runtime is at work on it
        begin_end();
    }
}

void live_kernel::connect() {
    kernelproto::connection_options options;
    options.carrier = context_.config.executions.kernel_link == "libzmq"
                          ? kernelproto::transport::libzmq
                          : kernelproto::transport::zmtp;
    options.key = row_.hmac_key;
    // The same in every run of the broker: answers to an earlier one come to the next.
    options.identity = row_.id.str();
    options.socket_dir = sandbox_.socket_dir.get();
    options.socket_prefix = row_.socket_prefix;
    options.owner = owner_;
    options.worker = context_.pool.get_executor();
    options.max_message_bytes = context_.config.executions.message_bytes;
    options.excerpts.head_bytes = enough_of_text(context_.config.executions.output);
    options.on_first_socket = [&reached = context_.reached] {
        reached(step::first_socket);
    };
    connection_ = context_.connect(
        std::move(options),
        [weak = weak_from_this()](kernelproto::link_failure why, std::string const& detail) {
            if (auto const self = weak.lock()) {
                self->link_failed_ = why;
                self->context_.log.warning("kernel_link_failed",
                                           {{"sandbox", self->row_.id.str()}, {"detail", detail}});
                // The host's fault and not the kernel's: who waits for the connection decides.
                if (why != kernelproto::link_failure::no_resources) {
                    self->begin_end();
                }
            }
        });
}

task<bool> live_kernel::connect_again() {
    auto const self = shared_from_this();
    if (!self->ending_) {
        boost::asio::steady_timer timer(self->context_.loop, connect_again_after);
        co_await timer.async_wait(use_task);
    }
    if (self->ending_) {
        co_return false;
    }
    self->link_failed_.reset();
    self->connect();
    co_return true;
}

void live_kernel::watch() { context_.tasks.spawn(watch_end(shared_from_this())); }

task<> live_kernel::watch_end(std::shared_ptr<live_kernel> self) {
    boost::asio::posix::stream_descriptor ended(self->context_.loop,
                                                self->sandbox_.ended.release());
    auto const [error] =
        co_await ended.async_wait(boost::asio::posix::stream_descriptor::wait_read, no_throw);
    if (!error) {
        // What it said before its end is still in the sockets.
        self->connection_->kernel_died();
        self->begin_end();
    }
}

void live_kernel::begin_end() {
    if (!std::exchange(ending_, true)) {
        context_.tasks.spawn(remove(shared_from_this()));
    }
}

task<> live_kernel::remove(std::shared_ptr<live_kernel> self) {
    auto& context = self->context_;
    auto const session = self->row_.session;
    auto const id = self->row_.id;
    // Only for the next boot, should this one end here; what follows is idempotent.
    (void)context.store.sandbox_reached(id, sandbox_stage::ending);
    auto end = co_await offload(context.pool, [&runtime = context.runtime, session, id] {
        return runtime.end(session, id);
    });
    if (end) {
        self->evidence_ = *end;
        (void)context.store.forget_sandbox(id);
    } else {
        context.log.error("sandbox_not_removed",
                          {{"sandbox", id.str()}, {"err", end.error().detail}});
    }
    if (self->connection_) {
        self->connection_->kernel_died();
        auto const& heard = self->connection_->counters();
        if (heard.invalid + heard.foreign_parent + heard.late > 0) {
            context.log.warning("kernel_messages_dropped",
                                {{"sandbox", id.str()},
                                 {"received", heard.received},
                                 {"invalid", heard.invalid},
                                 {"foreign_parent", heard.foreign_parent},
                                 {"late", heard.late}});
        }
        self->connection_->close();
    }
    self->ended_.raise();
}

task<> live_kernel::wait_ended() {
    auto const self = shared_from_this();
    co_await self->ended_.wait();
}

task<> live_kernel::end() {
    auto const self = shared_from_this();
    self->begin_end();
    co_await self->ended_.wait();
}

task<> end_all(std::vector<std::shared_ptr<live_kernel>> which) {
    for (auto const& one : which) {
        one->begin_end();
    }
    for (auto const& one : which) {
        co_await one->wait_ended();
    }
}

task<bool> live_kernel::memory_kill_since() {
    auto const self = shared_from_this();
    auto const now = co_await offload(
        context_.pool, [&runtime = context_.runtime, session = row_.session, id = row_.id] {
            return runtime.memory_kills(session, id);
        });
    co_return now > std::exchange(memory_kills_, now);
}

task<result<std::shared_ptr<live_kernel>>> live_kernel::adopt(service_context& context,
                                                              session_row const& session,
                                                              sandbox_row const& row) {
    auto self = std::make_shared<live_kernel>(context, row, session.uid);
    auto found = co_await offload(
        context.pool, [&runtime = context.runtime, session_key = row.session, id = row.id,
                       to = session.session_limits] { return runtime.adopt(session_key, id, to); });
    if (!found) {
        co_return found.error();
    }
    self->sandbox_ = std::move(*found);
    self->connect();
    self->watch();
    (void)co_await self->memory_kill_since();
    co_return self;
}

}  // namespace broker
