// SPDX-License-Identifier: Apache-2.0
// How sessions come and go. Never blocks the loop. After each wait the table is looked at again.
#include "broker/service/sessions.hpp"

#include "broker/runtime/image_record.hpp"

#include <algorithm>
#include <utility>

namespace broker {
namespace {

/// Between two attempts to remove what could not be removed.
constexpr std::chrono::seconds first_pause{1};
constexpr std::chrono::seconds longest_pause{60};

/// A session without a kernel stays mounted that long after the last file call.
constexpr std::chrono::seconds files_rest{5};

result<image> image_of(session_request const& wish, service_context& context) {
    if (!wish.image) {
        return context.images.find(context.config.sandbox.image);
    }
    if (!is_image_name(*wish.image)) {
        return fail(errc::invalid_field,
                    "image: must be 1-63 of a-z 0-9 . _ -, and begin with a letter or a digit");
    }
    auto found = context.images.find(*wish.image);
    if (!found && found.error().code == errc::image_unavailable) {
        // The store would guess at a folder, which a name that a client made up need not have.
        return fail(errc::image_unavailable,
                    "image: there is no usable kernel image \"" + *wish.image +
                        "\" on this host; an operator builds it, as root, with `kernel-broker "
                        "image build` and the folder of its definition");
    }
    return found;
}

result<std::string> language_in(image const& picture, std::string language) {
    if (picture.kernel_of(language) == nullptr) {
        return fail(errc::unsupported_language, "language: those of the image \"" + picture.name +
                                                    "\" are: " + picture.languages());
    }
    return language;
}

}  // namespace

result<std::string> sessions::language_of(session_request const& wish) const {
    auto const picture = image_of(wish, context_);
    return picture
               ? language_in(*picture, wish.language.value_or(context_.config.sessions.language))
               : picture.error();
}

result<void> sessions::check_language(session const& where, std::string const& language) const {
    if (language == where.row.language || where.life.record().generation(language) > 0) {
        return {};
    }
    auto const picture = context_.images.open(where.row.image_digest);
    if (!picture) {
        return picture.error();
    }
    auto const spoken = language_in(*picture, language);
    return spoken ? result<void>{} : spoken.error();
}

std::shared_ptr<session> sessions::find(session_key const& key) const {
    auto const at = table_.find(key);
    return at == table_.end() || at->second->closing ? nullptr : at->second;
}

std::shared_ptr<session> sessions::find(session_id const& id) const {
    auto const found = std::find_if(table_.begin(), table_.end(),
                                    [&](auto const& one) { return one.second->row.id == id; });
    return found == table_.end() || found->second->closing ? nullptr : found->second;
}

std::shared_ptr<session> sessions::find_any(session_key const& key) const {
    auto const at = table_.find(key);
    return at == table_.end() ? nullptr : at->second;
}

life_times sessions::times_of(session_row const& row) const {
    return {.idle_timeout_s = row.idle_timeout_s,
            .workspace_keep_s = context_.config.sessions.workspace_keep_s};
}

std::shared_ptr<session> sessions::add(session_row row, session_life life) {
    auto const key = row.key;
    auto made = std::make_shared<session>(std::move(row), std::move(life));
    table_.insert_or_assign(key, made);
    return made;
}

std::shared_ptr<session> sessions::restore(session_row row) {
    session_life life(times_of(row), row.life, context_.clock());
    last_uid_given_ = row.uid;
    auto made = add(std::move(row), std::move(life));
    for (auto const& [language, its] : made->life.record().kernels) {
        (void)made->slot(language);
    }
    return made;
}

result<std::uint32_t> sessions::take_uid() {
    std::vector<std::uint32_t> in_use;
    for (auto const& [key, one] : table_) {
        in_use.push_back(one->row.uid);
    }
    auto const uid = free_uid(in_use, last_uid_given_);
    if (!uid) {
        return fail(errc::no_capacity, "every user id of the range for sessions is in use");
    }
    last_uid_given_ = *uid;
    return *uid;
}

result<session_row> sessions::plan(session_key const& key, session_request const& wish) {
    auto const& config = context_.config;
    if (auto const named = check_session_name(key.name); !named) {
        return named.error();
    }
    if (auto const labels = check_labels(wish.labels); !labels) {
        return labels.error();
    }
    auto const own = merge_limits(wish.wanted, config.limits.defaults, config.limits.maxima);
    if (!own) {
        return own.error();
    }
    auto const idle = merge_idle_timeout(wish.idle_timeout_s, config.sessions.idle_timeout_s,
                                         config.sessions.idle_timeout_max_s);
    if (!idle) {
        return idle.error();
    }
    auto const picture = image_of(wish, context_);
    if (!picture) {
        return picture.error();
    }
    auto language = language_in(*picture, wish.language.value_or(config.sessions.language));
    if (!language) {
        return language.error();
    }
    auto const uid = take_uid();
    if (!uid) {
        return uid.error();
    }
    session_row row;
    row.id = wish.once ? session_id(key.name) : session_id::make();
    row.closing = wish.once ? close_kind::finished : close_kind::none;
    row.key = key;
    row.language = std::move(*language);
    row.image_digest = picture->digest;
    row.uid = *uid;
    row.session_limits = *own;
    row.idle_timeout_s = *idle;
    row.labels = wish.labels;
    row.created_at = context_.clock().wall;
    return row;
}

result<session_row> sessions::admit(session_key const& key, session_request const& wish) {
    if (table_.contains(key)) {
        return fail(errc::session_exists,
                    "a session of that id exists; delete it first, or use another id");
    }
    auto const own = static_cast<std::uint32_t>(of_tenant(key.tenant).size());
    if (auto const admitted = admit_session(context_.config.sessions.caps,
                                            static_cast<std::uint32_t>(table_.size()), own);
        !admitted) {
        return admitted.error();
    }
    return plan(key, wish);
}

result<void> sessions::check(session_key const& key, session_request const& wish) {
    auto const row = admit(key, wish);
    return row ? result<void>{} : row.error();
}

result<std::shared_ptr<session>> sessions::open(session_key const& key,
                                                session_request const& wish) {
    auto row = admit(key, wish);
    if (!row) {
        return row.error();
    }
    auto const now = context_.clock();
    auto const expired = context_.store.had_expired(key, now.wall);
    session_life life(times_of(*row), now, expired && *expired);
    row->life = life.record();
    if (auto const stored = context_.store.plan_session(*row); !stored) {
        return stored.error();
    }
    context_.log.info("session_opened", {{"session", row->id.str()}});
    return add(std::move(*row), std::move(life));
}

task<result<std::shared_ptr<session>>> sessions::find_or_open(session_key key,
                                                              session_request wish) {
    for (;;) {
        auto const at = table_.find(key);
        if (at == table_.end()) {
            auto made = open(key, wish);
            if (made) {
                (*made)->unclaimed = true;
            }
            co_return made;
        }
        auto const there = at->second;
        if (!there->closing) {
            co_return there;
        }
        auto const removing = there->removing;
        if (!removing) {
            co_return fail(errc::no_capacity,
                           "what is left of the last session of that id is still being removed; "
                           "try again in a moment");
        }
        co_await removing->wait();
    }
}

task<> sessions::close(std::shared_ptr<session> which, close_kind why) {
    if (!std::exchange(which->closing, true)) {
        which->row.closing = why;
        which->life.on_close();
        (void)context_.store.intend_close(which->row.id, why);
        context_.reached(step::deleting);
        runner_.cancel_all(*which);
    }
    if (auto const removing = which->removing) {
        co_await removing->wait();
    } else if (!which->gone) {
        co_await remove(which);
    }
}

task<> sessions::remove(std::shared_ptr<session> which) {
    auto const done = std::make_shared<async_event>(context_.loop.get_executor());
    which->removing = done;
    co_await let_go(which);
    auto removed = co_await remove_from_host(which);
    if (removed && which->row.closing == close_kind::deleted) {
        removed = co_await context_.versions.forget(which->row.id);
    }
    if (removed) {
        removed = remove_row(*which);
    }
    auto const id = which->row.id.str();
    if (removed) {
        context_.log.info(
            "session_closed",
            {{"session", id}, {"expired", which->row.closing == close_kind::expired}});
        table_.erase(which->row.key);
        which->gone = true;
    } else {
        context_.log.error("session_not_removed",
                           {{"session", id}, {"err", removed.error().detail}});
        auto const pause =
            std::min(first_pause * (1U << std::min(which->failed_removals, 6U)), longest_pause);
        ++which->failed_removals;
        which->remove_again_at = context_.clock().steady + pause;
    }
    which->removing.reset();
    done->raise();
}

/// Returns when nobody holds kernel or files of it any more.
task<> sessions::let_go(std::shared_ptr<session> which) {
    std::vector<std::shared_ptr<live_kernel>> kernels;
    for (auto const& [language, slot] : which->slots) {
        if (auto const starting = slot->starting.lock()) {
            starting->give_up();
        }
        for (auto const& kernel : {slot->kernel, slot->ending}) {
            if (kernel) {
                kernels.push_back(kernel);
            }
        }
    }
    co_await end_all(std::move(kernels));
    // The worker and an adoption hold kernels and files until they have seen `closing`.
    if (which->worked || which->adopting != 0) {
        auto const resting = which->until_resting(context_.loop.get_executor());
        co_await resting->wait();
    }
    while (auto const mounting = which->mounting) {
        co_await mounting->wait();
    }
    for (auto const& [language, slot] : which->slots) {
        slot->kernel.reset();
    }
    which->files.reset();
}

task<result<void>> sessions::remove_from_host(std::shared_ptr<session> which) {
    auto const rows = context_.store.sandboxes();
    if (!rows) {
        co_return rows.error();
    }
    std::vector<sandbox_id> left;  // of which an earlier end has failed
    for (auto const& row : *rows) {
        if (row.session == which->row.id) {
            left.push_back(row.id);
        }
    }
    auto const with_files = context_.store.executions_with_files(&which->row.id);
    if (!with_files) {
        co_return with_files.error();
    }
    co_return co_await offload(context_.pool,
                               [&files = context_.files, executions = *with_files,
                                &runtime = context_.runtime, &workspaces = context_.workspaces,
                                id = which->row.id, left = std::move(left)]() -> result<void> {
                                   for (auto const& sandbox : left) {
                                       if (auto const ended = runtime.end(id, sandbox); !ended) {
                                           return ended.error();
                                       }
                                   }
                                   for (auto const& execution : executions) {
                                       files.remove(execution);
                                   }
                                   auto const gone = workspaces.remove(id);
                                   auto const forgotten = runtime.forget_session(id);
                                   return gone ? forgotten : gone;
                               });
}

result<void> sessions::remove_row(session& which) {
    if (which.row.closing == close_kind::expired) {
        auto const keep = context_.clock().wall + wall_seconds(30.0 * 24 * 3600);
        return context_.store.expire_session(which.row.id, keep);
    }
    return context_.store.forget_session(which.row.id);
}

task<> sessions::put_away(std::shared_ptr<session> which, state_reason why) {
    std::vector<std::shared_ptr<live_kernel>> kernels;
    for (auto const& [language, slot] : which->slots) {
        if (auto kernel = which->give_away(*slot, why)) {
            kernels.push_back(std::move(kernel));
        }
    }
    (void)context_.store.update_session(which->stored());
    context_.log.info("session_put_away", {{"session", which->row.id.str()}});
    co_await end_all(kernels);
    which->forget_ended(kernels);
    if (which->has_kernel() || which->worked || which->closing) {
        co_return;  // somebody came back meanwhile
    }
    co_await unmount(which);
}

task<> sessions::unmount(std::shared_ptr<session> which) {
    if (which->mounting || which->files.use_count() > 1) {
        co_return;  // a file call is using it; the reaper comes again
    }
    which->files.reset();
    which->snapshot.reset();
    auto const done = std::make_shared<async_event>(context_.loop.get_executor());
    which->mounting = done;
    auto const unmounted = co_await offload(
        context_.pool,
        [&workspaces = context_.workspaces, &runtime = context_.runtime, id = which->row.id] {
            auto gone = workspaces.unmount(id);
            auto forgotten = runtime.forget_session(id);
            return gone ? forgotten : gone;
        });
    which->mounted = !unmounted;
    which->files_wanted_at = context_.clock().steady;
    if (!unmounted) {
        context_.log.warning("workspace_not_unmounted",
                             {{"session", which->row.id.str()}, {"err", unmounted.error().detail}});
    }
    which->mounting.reset();
    done->raise();
}

void sessions::reap() {
    auto const now = context_.clock().steady;
    for (auto const& one : all()) {
        if (one->closing) {
            if (!one->removing && now >= one->remove_again_at) {
                context_.tasks.spawn(remove(one));
            }
        } else if (!one->worked && one->adopting == 0 && !one->is_ending()) {
            reap_one(one, now);
        }
    }
}

void sessions::reap_one(std::shared_ptr<session> const& one, steady_time now) {
    switch (one->life.due(now)) {
        case life_action::none:
            if (one->mounted && !one->has_kernel() && now - one->files_wanted_at >= files_rest) {
                context_.tasks.spawn(unmount(one));
            }
            break;
        case life_action::put_away:
            context_.tasks.spawn(put_away(one, state_reason::idle_expired));
            break;
        case life_action::expire:
            context_.tasks.spawn(close(one, close_kind::expired));
            break;
    }
}

std::vector<std::shared_ptr<session>> sessions::of_tenant(std::string const& tenant) const {
    std::vector<std::shared_ptr<session>> found;
    for (auto at = table_.lower_bound({tenant, {}});
         at != table_.end() && at->first.tenant == tenant; ++at) {
        if (!at->second->closing) {
            found.push_back(at->second);
        }
    }
    return found;
}

std::vector<std::shared_ptr<session>> sessions::all() const {
    std::vector<std::shared_ptr<session>> found;
    found.reserve(table_.size());
    for (auto const& [key, one] : table_) {
        found.push_back(one);
    }
    return found;
}

}  // namespace broker
