// SPDX-License-Identifier: Apache-2.0
// Executions and sessions, as facades ask for them. Never a second copy of a rule of `core`.
// On the loop.
#include "broker/service/service.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace broker {
namespace {

constexpr std::chrono::seconds reconcile_again{2};

// While the broker ends.
constexpr std::chrono::milliseconds look_again{20};
constexpr std::chrono::seconds answers_within{5};

}  // namespace

service::service(service_context& context)
    : context_(context),
      runner_(context, live_),
      sessions_(context, runner_),
      reconciliation_(context, sessions_, runner_) {}

task<> service::reconcile() {
    boost::asio::steady_timer timer(context_.loop);
    for (;;) {
        auto const done = co_await reconciliation_.run();
        if (done) {
            break;
        }
        unreadable_ = true;
        context_.log.error("not_reconciled", {{"err", done.error().detail}});
        timer.expires_after(reconcile_again);
        co_await timer.async_wait(use_task);
    }
    unreadable_ = false;
    reconciled_ = true;
}

result<void> service::admits(work kind) const {
    if (!reconciled_) {
        return fail(errc::draining, "the broker is starting; try again in a moment");
    }
    if (draining_ && kind == work::begins) {
        return fail(errc::draining, "the broker is shutting down; try again in a moment");
    }
    return {};
}

task<> service::drain(steady_time until) {
    draining_ = true;
    boost::asio::steady_timer timer(context_.loop);
    auto const busy = [this] {
        auto const all = sessions_.all();
        return std::any_of(all.begin(), all.end(), [](auto const& one) {
            return one->worked || one->running || !one->queue.empty();
        });
    };
    while (busy() && context_.clock().steady < until) {
        timer.expires_after(look_again);
        co_await timer.async_wait(no_throw);
    }
    auto const left = sessions_.all();
    for (auto const& one : left) {
        runner_.give_up(*one);
    }
    // They end in the next turns of the loop, but for one whose files are being looked at. What is
    // being deleted would be left half there, and its kernel running, until the next broker.
    auto const enough = context_.clock().steady + answers_within;
    auto const ending = [](auto const& one) {
        return one->running != nullptr || one->removing != nullptr;
    };
    while (std::any_of(left.begin(), left.end(), ending) && context_.clock().steady < enough) {
        timer.expires_after(look_again);
        co_await timer.async_wait(no_throw);
    }
    runner_.store_again();
}

void service::reap() {
    if (!reconciled_) {
        return;
    }
    sessions_.reap();
    runner_.store_again();
    // One session at a time: what has become too old may stay a little longer.
    auto const all = sessions_.all();
    if (!all.empty()) {
        if (auto const& one = all[looks_++ % all.size()]; !one->closing) {
            runner_.prune(*one);
        }
    }
}

task<> service::end_sandboxes() {
    auto const found =
        co_await offload(context_.pool, [&runtime = context_.runtime] { return runtime.list(); });
    if (!found) {
        context_.log.error("sandboxes_not_ended", {{"err", found.error().detail}});
        co_return;
    }
    for (auto const& one : *found) {
        auto const ended = co_await offload(context_.pool, [&runtime = context_.runtime, one] {
            return runtime.end(one.session, one.sandbox);
        });
        if (ended) {
            (void)context_.store.forget_sandbox(one.sandbox);
        } else {
            context_.log.error("sandbox_not_removed",
                               {{"sandbox", one.sandbox.str()}, {"err", ended.error().detail}});
        }
    }
    for (auto const& one : sessions_.all()) {
        for (auto const& [language, slot] : one->slots) {
            if (!one->closing && one->life.status(language) != session_status::stopped) {
                one->life.on_kernel_gone(language, state_reason::restart_requested);
                (void)context_.store.update_session(one->stored());
            }
            slot->kernel.reset();
        }
        one->files.reset();
        (void)co_await offload(context_.pool, [&workspaces = context_.workspaces,
                                               &runtime = context_.runtime, id = one->row.id] {
            return workspaces.unmount(id).has_value() && runtime.forget_session(id).has_value();
        });
    }
}

task<readiness> service::ready() {
    readiness answer;
    if (unreadable_) {
        answer.missing.push_back(fail(
            errc::draining,
            "the sessions of the last run cannot be read or taken up, which is tried again and "
            "again; the log says why"));
    } else if (!reconciled_) {
        answer.missing.push_back(
            fail(errc::draining, "the sessions of the last run are still being looked up"));
    }
    if (draining_) {
        answer.missing.push_back(fail(errc::draining, "the broker is shutting down"));
    }
    for (auto& problem : co_await host_problems()) {
        answer.missing.push_back(std::move(problem));
    }
    if (auto const picture = context_.images.find(context_.config.sandbox.image); !picture) {
        answer.missing.push_back(picture.error());
    }
    co_return answer;
}

task<std::vector<failure>> service::host_problems() {
    auto const [runtime, workspaces] =
        co_await offload(context_.pool, [&r = context_.runtime, &w = context_.workspaces] {
            return std::pair(r.report(), w.report());
        });
    std::vector<failure> found;
    auto const unusable = [&found](auto const& report) {
        if (report.usable) {
            return;
        }
        for (auto const& problem : report.problems) {
            found.push_back(fail(errc::runtime_unavailable, problem));
        }
        if (report.problems.empty()) {
            found.push_back(fail(errc::runtime_unavailable, "no kernel can be started"));
        }
    };
    unusable(runtime);
    unusable(workspaces);
    co_return found;
}

task<result<void>> service::can_start() {
    if (auto const admitted =
            admit_sandbox(context_.config.sessions.caps, runner_.room_for_a_sandbox());
        !admitted) {
        co_return admitted.error();
    }
    if (auto const problems = co_await host_problems(); !problems.empty()) {
        co_return problems.front();
    }
    co_return result<void>{};
}

/// The client was given no name for it, or knows that nothing came of it.
task<> service::drop_unclaimed(std::shared_ptr<session> where) {
    if (!where->unclaimed || where->closing || draining_ || where->running ||
        !where->queue.empty()) {
        co_return;
    }
    co_await drop(std::move(where));
}

/// As if it had not been made: an expiry that it would have told is told by the next of its name.
task<> service::drop(std::shared_ptr<session> where) {
    bool const expired = where->life.peek(where->row.language).reason == state_reason::expired;
    context_.tasks.spawn(
        sessions_.close(where, expired ? close_kind::expired : close_kind::deleted));
    if (auto const removing = where->removing) {
        co_await removing->wait();
    }
}

task<session_view> service::view_of(std::shared_ptr<session> which) {
    auto const& row = which->row;
    session_view view{.name = row.key.name,
                      .status = which->life.status(),
                      .language = row.language,
                      .generation = which->life.record().generation(row.language),
                      .created_at = row.created_at,
                      .last_used_at = which->life.record().last_used_at,
                      .expires_at = which->life.expires_at(),
                      .own_limits = row.session_limits,
                      .idle_timeout_s = row.idle_timeout_s,
                      .queue_length = which->queue.size(),
                      .labels = row.labels};
    for (auto const& [language, slot] : which->slots) {
        auto const status = which->life.status(language);
        auto const generation = which->life.record().generation(language);
        if (generation > 0 || status != session_status::stopped) {
            view.kernels.push_back({language, status, generation});
        }
    }
    auto const* const shown = which->shown_kernel();
    bool const lives = shown != nullptr;
    if (shown != nullptr) {
        view.seccomp = shown->sandbox().seccomp;
        view.user_namespace = shown->sandbox().user_namespace;
    }
    auto const files = which->files;
    auto const measured = co_await offload(
        context_.pool, [&runtime = context_.runtime, &workspaces = context_.workspaces, files,
                        lives, id = row.id] {
            auto const usage = lives ? runtime.usage(id) : result<sandbox_usage>(sandbox_usage{});
            auto const disk = files ? workspaces.used_bytes(*files) : result<std::uint64_t>(0U);
            return std::tuple(usage ? *usage : sandbox_usage{}, disk ? *disk : 0U,
                              runtime.report().name);
        });
    std::tie(view.usage, view.disk_bytes, view.runtime) = measured;
    co_return view;
}

task<result<session_view>> service::create_session(session_key key, session_request wish) {
    if (auto const open = admits(work::begins); !open) {
        co_return open.error();
    }
    // What is wrong with the request is told before what is wrong with the host.
    if (auto const sound = sessions_.check(key, wish); !sound) {
        co_return sound.error();
    }
    if (auto const startable = co_await can_start(); !startable) {
        co_return startable.error();
    }
    auto const opened = sessions_.open(key, wish);
    if (!opened) {
        co_return opened.error();
    }
    // The kernel is started with the session, so that the first execution need not wait for it.
    runner_.warm(*opened);
    co_return co_await view_of(*opened);
}

task<result<session_view>> service::find_session(session_key key) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const found = sessions_.find(key);
    if (!found) {
        co_return fail(errc::session_not_found, "there is no session of that id");
    }
    co_return co_await view_of(found);
}

task<result<session_page>> service::list_sessions(std::string tenant, std::size_t limit,
                                                  std::string after, label_list labels) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    session_page page;
    for (auto const& one : sessions_.of_tenant(tenant)) {
        auto const& its = one->row.labels;
        bool const wanted = std::all_of(labels.begin(), labels.end(), [&its](auto const& label) {
            return std::find(its.begin(), its.end(), label) != its.end();
        });
        if (!wanted || one->row.key.name <= after) {
            continue;
        }
        if (page.sessions.size() == limit) {
            page.next = page.sessions.back().name;
            break;
        }
        page.sessions.push_back(co_await view_of(one));
    }
    co_return page;
}

task<result<void>> service::delete_session(session_key key) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const found = sessions_.find_any(key);
    if (!found) {
        co_return fail(errc::session_not_found, "there is no session of that id");
    }
    // In the group: a client that goes away does not stop the deletion half-way.
    context_.tasks.spawn(sessions_.close(found, close_kind::deleted));
    if (auto const removing = found->removing) {
        co_await removing->wait();
    }
    if (!found->gone) {
        co_return fail(errc::internal, "not all of the session could be removed; see the log");
    }
    co_return result<void>{};
}

}  // namespace broker
