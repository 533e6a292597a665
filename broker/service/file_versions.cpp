// SPDX-License-Identifier: Apache-2.0
// Copies first, then names and rows: see `version_store`. Never holds a whole file in memory. On
// the loop.
#include "broker/service/file_versions.hpp"

#include "broker/base/beneath.hpp"
#include "broker/service/file_hashing.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <variant>

namespace broker {
namespace {

/// Never removed for want of room before that: whoever was told an id comes back for it.
constexpr std::chrono::hours kept_at_least{24};

/// Waiting for the disk once for all is cheaper than for each, from so many on.
constexpr std::size_t flushed_together = 8;

constexpr int tries_of_a_moving_file = 3;

std::optional<file_identity> identity_of_open(int fd) {
    struct stat info {};
    return ::fstat(fd, &info) == 0 ? std::optional(identity_of(info)) : std::nullopt;
}

struct copy_of_file {
    content_draft draft;
    content_key key;
    std::int64_t modified_ns = 0;
};

/// What there is of a file, or why there is nothing that could be kept.
using copy_or_reason = std::variant<copy_of_file, std::string_view>;

result<copy_or_reason> copy_file(workspace const& in, std::string const& path,
                                 content_store const& into, content_draft::flush when) {
    auto const opened = beneath::open_file(in.data.get(), path, in.owner);
    if (!opened) {
        return "it could not be read any more";
    }
    for (int i = 0; i < tries_of_a_moving_file; ++i) {
        auto const before = identity_of_open(opened->get());
        if (before && in.size_bytes > 0 && before->size > in.size_bytes) {
            return "it is larger than the disk of the session";
        }
        if (!before) {
            break;
        }
        auto draft = into.begin();
        if (!draft) {
            return draft.error();
        }
        auto const whole = draft->write_file(opened->get(), before->size);
        if (!whole) {
            return whole.error();
        }
        if (!*whole || identity_of_open(opened->get()) != before) {
            continue;
        }
        auto const key = draft->finish(when);
        if (!key) {
            return key.error();
        }
        return copy_of_file{std::move(*draft), *key, before->mtime_ns};
    }
    return "it was being written";
}

void none_kept(std::vector<file_change>& changes, failure const& why) {
    for (auto& one : changes) {
        one.not_kept = why.code == errc::no_capacity ? why.detail : "the broker could not store it";
    }
}

/// What the tenant may have is told apart from what the disk has.
failure not_added(failure why, version_store& store, std::string const& tenant,
                  std::uint64_t wanted, version_keep const& keep) {
    auto const used = store.used_bytes(tenant);
    if (why.code != errc::no_capacity || !used || *used + wanted <= keep.tenant_bytes) {
        return why;
    }
    return fail(errc::no_capacity,
                fmt::format("the files of this tenant may take {} bytes with their versions, and "
                            "all that is there was used lately; delete what is not needed, or let "
                            "the operator raise version_bytes_per_tenant",
                            keep.tenant_bytes));
}

}  // namespace

/// Copies, and what to say of each.
struct file_versions::copied {
    std::vector<content_draft> drafts;
    std::vector<file_version> rows;
    std::vector<std::size_t> changes;                                // whose each row is
    std::vector<std::pair<std::size_t, std::string_view>> not_kept;  // changes without one
};

result<file_versions::copied> file_versions::copy_changes(workspace const& in, owner const& whose,
                                                          std::vector<file_change> const& changes,
                                                          wall_time now,
                                                          content_store const& into) {
    copied made;
    bool const together = changes.size() > flushed_together;
    auto const when = together ? content_draft::flush::later : content_draft::flush::now;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        auto const& change = changes[i];
        if (change.path.size() > workspace_path::max_bytes) {
            made.not_kept.emplace_back(i, "its path is too long");
            continue;
        }
        file_version row{.id = {},
                         .tenant = whose.tenant,
                         .session = whose.session,
                         .path = change.path,
                         .content = std::nullopt,
                         .modified_ns = 0,
                         .created_at = now,
                         .execution = whose.execution};
        if (change.what != file_change::kind::deleted) {
            auto copy = copy_file(in, change.path, into, when);
            if (!copy) {
                return copy.error();
            }
            auto* const whole = std::get_if<copy_of_file>(&*copy);
            if (whole == nullptr) {
                made.not_kept.emplace_back(i, std::get<std::string_view>(*copy));
                continue;
            }
            row.content = whole->key;
            row.modified_ns = whole->modified_ns;
            made.drafts.push_back(std::move(whole->draft));
        }
        made.rows.push_back(std::move(row));
        made.changes.push_back(i);
    }
    if (together) {
        if (auto const flushed = into.flush(); !flushed) {
            return flushed.error();
        }
    }
    return made;
}

result<file_versions::copied> file_versions::finish_drafts(
    std::vector<std::shared_ptr<draft>> const& drafts, owner const& whose, wall_time now,
    content_store const& into) {
    copied made;
    bool const together = drafts.size() > flushed_together;
    for (auto const& one : drafts) {
        auto const key =
            one->content.finish(together ? content_draft::flush::later : content_draft::flush::now);
        if (!key) {
            return key.error();
        }
        made.drafts.push_back(std::move(one->content));
        made.rows.push_back({.id = {},
                             .tenant = whose.tenant,
                             .session = whose.session,
                             .path = one->path,
                             .content = *key,
                             .modified_ns = now.time_since_epoch().count() * 1'000'000,
                             .created_at = now,
                             .execution = whose.execution,
                             .read_only = one->read_only});
    }
    if (together) {
        if (auto const flushed = into.flush(); !flushed) {
            return flushed.error();
        }
    }
    return made;
}

version_keep file_versions::keep_now() const {
    auto const now = clock_().wall;
    return {.since = now - wall_seconds(config_.sessions.versions_keep_s),
            .at_least = now - kept_at_least,
            .tenant_bytes = config_.sessions.version_bytes_per_tenant};
}

task<result<void>> file_versions::keep(std::shared_ptr<workspace const> in, owner whose,
                                       std::vector<file_change>& changes) {
    auto made = co_await offload(pool_, [&store = store_, in = std::move(in),
                                         whose = std::move(whose), changes, now = clock_().wall] {
        return copy_changes(*in, whose, changes, now, store.contents());
    });
    if (!made) {
        none_kept(changes, made.error());
        co_return made.error();
    }
    auto const of = std::move(made->changes);
    auto const not_kept = std::move(made->not_kept);
    auto added = co_await add(std::move(*made));
    if (!added) {
        none_kept(changes, added.error());
        co_return added.error();
    }
    for (auto const& [change, why] : not_kept) {
        changes[change].not_kept = why;
    }
    for (std::size_t i = 0; i < added->size(); ++i) {
        auto const& one = (*added)[i];
        if (one.content) {
            auto& change = changes[of[i]];
            change.version = one.id;
            change.size_bytes = one.content->size_bytes;
            change.sha256 = one.content->sha256;
        }
    }
    co_return result<void>{};
}

task<result<version_page>> file_versions::of_path(session_id session, workspace_path path,
                                                  std::size_t limit,
                                                  std::optional<file_version_id> before) {
    co_return co_await offload(
        strand_, [&store = store_, session = std::move(session), path = std::move(path), limit,
                  before = std::move(before)] {
            return store.of_path(session, path.str(), limit, before ? &*before : nullptr);
        });
}

task<result<file_versions::opened_version>> file_versions::open(std::string tenant,
                                                                file_version_id id) {
    co_return co_await offload(strand_,
                               [&store = store_, tenant = std::move(tenant), id = std::move(id),
                                now = clock_().wall]() -> result<opened_version> {
                                   auto found = store.use(tenant, id, now);
                                   if (!found) {
                                       return found.error();
                                   }
                                   if (!found->content) {
                                       return fail(errc::file_not_found,
                                                   "of this version nothing is left: it says that "
                                                   "the file was deleted");
                                   }
                                   auto file = store.contents().read(found->content->sha256);
                                   if (!file) {
                                       return file.error();
                                   }
                                   opened_version opened;
                                   opened.file.file = std::move(*file);
                                   opened.file.info = {.path = found->path,
                                                       .size_bytes = found->content->size_bytes,
                                                       .sha256 = found->content->sha256,
                                                       .version = found->id,
                                                       .modified_ns = found->modified_ns};
                                   opened.file.etag = '"' + to_hex(found->content->sha256) + '"';
                                   opened.version = std::move(*found);
                                   return opened;
                               });
}

task<result<std::shared_ptr<file_versions::draft>>> file_versions::begin(std::string path,
                                                                         bool read_only) {
    co_return co_await offload(
        pool_,
        [&store = store_, path = std::move(path), read_only]() -> result<std::shared_ptr<draft>> {
            auto begun = store.contents().begin();
            if (!begun) {
                return begun.error();
            }
            return std::make_shared<draft>(draft{path, read_only, std::move(*begun)});
        });
}

task<result<void>> file_versions::write(std::shared_ptr<draft> to, std::string bytes) {
    co_return co_await offload(
        pool_, [to = std::move(to), bytes = std::move(bytes)] { return to->content.write(bytes); });
}

task<result<std::vector<file_version>>> file_versions::keep(
    owner whose, std::vector<std::shared_ptr<draft>> drafts) {
    auto made = co_await offload(pool_, [&store = store_, whose = std::move(whose),
                                         drafts = std::move(drafts), now = clock_().wall] {
        return finish_drafts(drafts, whose, now, store.contents());
    });
    if (!made) {
        co_return made.error();
    }
    co_return co_await add(std::move(*made));
}

task<result<std::vector<file_version>>> file_versions::add(copied made) {
    co_return co_await offload(
        strand_,
        [&store = store_, keep = keep_now(), rows = std::move(made.rows),
         drafts = std::make_shared<std::vector<content_draft>>(std::move(made.drafts))]() mutable {
            auto const tenant = rows.empty() ? std::string() : rows.front().tenant;
            std::uint64_t wanted = 0;
            for (auto const& one : rows) {
                wanted += one.content ? one.content->size_bytes : 0;
            }
            auto added = store.add(std::move(rows), std::move(*drafts), keep);
            return added ? std::move(added) : not_added(added.error(), store, tenant, wanted, keep);
        });
}

task<result<std::vector<std::optional<file_version>>>> file_versions::find(
    std::vector<std::string> tenants, std::vector<file_version_id> ids) {
    co_return co_await offload(
        strand_,
        [&store = store_, tenants = std::move(tenants), ids = std::move(ids),
         now = clock_().wall]() -> result<std::vector<std::optional<file_version>>> {
            std::vector<std::optional<file_version>> found(ids.size());
            for (std::size_t i = 0; i < ids.size(); ++i) {
                for (std::size_t of = 0; of < tenants.size() && !found[i]; ++of) {
                    auto one = store.use(tenants[of], ids[i], now);
                    if (!one && one.error().code != errc::file_not_found) {
                        return one.error();
                    }
                    if (one && one->content) {
                        found[i] = std::move(*one);
                    }
                }
            }
            return found;
        });
}

task<result<std::vector<file_version>>> file_versions::of_session(std::vector<std::string> tenants,
                                                                  session_id session,
                                                                  std::size_t limit) {
    co_return co_await offload(
        strand_,
        [&store = store_, tenants = std::move(tenants), session = std::move(session),
         limit]() -> result<std::vector<file_version>> {
            std::vector<file_version> found;
            for (auto const& tenant : tenants) {
                auto theirs = store.of_session(tenant, session, limit - found.size());
                if (!theirs) {
                    return theirs.error();
                }
                std::move(theirs->begin(), theirs->end(), std::back_inserter(found));
            }
            return found;
        });
}

/// As if the file without a name had been deleted, which no listing shows.
task<result<void>> file_versions::note_session(owner whose) {
    copied made;
    made.rows.push_back({.id = {},
                         .tenant = std::move(whose.tenant),
                         .session = std::move(whose.session),
                         .path = {},
                         .content = std::nullopt,
                         .modified_ns = 0,
                         .created_at = clock_().wall,
                         .execution = std::move(whose.execution)});
    auto const added = co_await add(std::move(made));
    co_return added ? result<void>{} : added.error();
}

task<result<bool>> file_versions::knows_session(std::vector<std::string> tenants,
                                                session_id session) {
    auto const noted = co_await newest(std::move(session), {std::string()});
    if (!noted) {
        co_return noted.error();
    }
    co_return !noted->empty() &&
        std::find(tenants.begin(), tenants.end(), noted->front().tenant) != tenants.end();
}

task<result<void>> file_versions::remove(std::string tenant, file_version_id id) {
    co_return co_await offload(strand_, [&store = store_, tenant = std::move(tenant),
                                         id = std::move(id)] { return store.remove(tenant, id); });
}

task<result<std::vector<file_version>>> file_versions::newest(session_id session,
                                                              std::vector<std::string> paths) {
    co_return co_await offload(
        strand_, [&store = store_, session = std::move(session), paths = std::move(paths)] {
            return store.newest(session, paths);
        });
}

task<> file_versions::note_newest(session_id session, std::vector<file_info>& files) {
    std::vector<std::string> paths;
    for (auto const& one : files) {
        paths.push_back(one.path);
    }
    auto const found = co_await newest(std::move(session), std::move(paths));
    if (!found) {
        co_return;
    }
    std::map<std::string_view, file_version const*> by_path;
    for (auto const& one : *found) {
        by_path[one.path] = &one;
    }
    for (auto& file : files) {
        auto const at = by_path.find(file.path);
        if (at != by_path.end() && at->second->content && file.sha256 &&
            at->second->content->sha256 == *file.sha256) {
            file.version = at->second->id;
        }
    }
}

task<result<void>> file_versions::forget(session_id session) {
    co_return co_await offload(
        strand_, [&store = store_, session = std::move(session)] { return store.forget(session); });
}

task<result<std::uint64_t>> file_versions::prune() {
    co_return co_await offload(strand_,
                               [&store = store_, keep = keep_now()] { return store.prune(keep); });
}

}  // namespace broker
