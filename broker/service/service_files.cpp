// SPDX-License-Identifier: Apache-2.0
// File calls: the workspace is mounted if need be, no kernel is started, the work is done on the
// pool. Never on a path of the host, and never for a session that is being deleted. On the loop.
#include "broker/service/service.hpp"

#include <utility>

namespace broker {
namespace {

failure no_session() { return fail(errc::session_not_found, "there is no session of that id"); }

/// What a client, no execution, made of a path. Without a value: nothing is there to be kept.
task<result<std::optional<file_version_id>>> keep_version(service_context& context,
                                                          std::shared_ptr<session> where,
                                                          std::string path,
                                                          file_change::kind what) {
    std::vector<file_change> change{{.path = std::move(path), .what = what}};
    auto const kept = co_await context.versions.keep(
        where->files, {where->row.key.tenant, where->row.id, std::nullopt}, change);
    if (!kept) {
        co_return kept.error();
    }
    co_return change[0].version;
}

}  // namespace

task<result<std::shared_ptr<session>>> service::with_files(session_key key) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const found = sessions_.find(key);
    if (!found) {
        co_return no_session();
    }
    ++found->uses;  // before the wait: from now on it is not left to an `undo_upload`
    auto const opened = co_await runner_.open_workspace(found);
    if (!opened) {
        co_return opened.error();
    }
    if (found->closing) {
        co_return no_session();
    }
    found->unclaimed = false;
    found->life.on_used(context_.clock());
    co_return found;
}

/// Does what may have to hash whole files. One at a time of a session: it cannot have all threads
/// of the pool, and each job knows what the one before has hashed.
template <class Work>
auto service::in_turn(std::shared_ptr<session> where, Work work)
    -> task<std::invoke_result_t<Work, hash_cache&>> {
    while (auto const before = where->in_turn) {
        co_await before->wait();
    }
    struct turn {
        session& of;
        std::shared_ptr<async_event> over;
        ~turn() {
            of.in_turn.reset();
            over->raise();
        }
    } const mine{*where, std::make_shared<async_event>(context_.loop.get_executor())};
    where->in_turn = mine.over;
    auto const hashes = std::make_shared<hash_cache>(std::exchange(where->hashes, hash_cache{}));
    auto done = co_await offload(context_.file_pool,
                                 [hashes, work = std::move(work)] { return work(*hashes); });
    where->hashes = std::move(*hashes);
    co_return done;
}

task<result<file_page>> service::list_session_files(session_key key, file_query query) {
    auto const where = co_await with_files(std::move(key));
    if (!where) {
        co_return where.error();
    }
    auto page = co_await in_turn(
        *where, [files = (*where)->files, query = std::move(query)](hash_cache& hashes) {
            return list_files(*files, query, hashes);
        });
    if (page) {
        co_await context_.versions.note_newest((*where)->row.id, page->files);
    }
    co_return page;
}

task<result<opened_file>> service::open_session_file(session_key key, workspace_path path) {
    auto const where = co_await with_files(std::move(key));
    if (!where) {
        co_return where.error();
    }
    co_return co_await in_turn(
        *where, [files = (*where)->files, path = std::move(path)](hash_cache& hashes) {
            return open_file(*files, path, hashes);
        });
}

task<result<version_page>> service::list_versions(session_key key, workspace_path path,
                                                  std::size_t limit,
                                                  std::optional<file_version_id> before) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const found = sessions_.find(key);
    if (!found) {
        co_return no_session();
    }
    auto page = co_await context_.versions.of_path(found->row.id, std::move(path), limit, before);
    if (page && page->versions.empty() && !before) {
        co_return fail(errc::file_not_found, "no version of that path was kept in the session");
    }
    co_return page;
}

task<result<opened_file>> service::open_version(session_key key, workspace_path path,
                                                file_version_id id) {
    if (auto const open = admits(work::looks); !open) {
        co_return open.error();
    }
    auto const found = sessions_.find(key);
    if (!found) {
        co_return no_session();
    }
    auto opened = co_await context_.versions.open(key.tenant, std::move(id));
    if (!opened) {
        co_return opened.error();
    }
    if (opened->version.session != found->row.id || opened->version.path != path.str()) {
        co_return fail(errc::file_not_found, "there is no file version of that id");
    }
    co_return std::move(opened->file);
}

task<result<void>> service::delete_session_file(session_key key, workspace_path path,
                                                file_condition condition) {
    auto const where = co_await with_files(std::move(key));
    if (!where) {
        co_return where.error();
    }
    auto const gone = co_await in_turn(
        *where, [files = (*where)->files, path, condition = std::move(condition)](
                    hash_cache& hashes) { return delete_file(*files, path, condition, hashes); });
    if (gone) {
        (*where)->changed_by_client({path.str(), std::nullopt, std::nullopt});
        auto const kept =
            co_await keep_version(context_, *where, path.str(), file_change::kind::deleted);
        if (!kept) {
            co_return kept.error();
        }
    }
    co_return gone;
}

task<result<std::shared_ptr<session_upload>>> service::begin_upload(
    session_key key, workspace_path path, file_condition condition,
    std::shared_ptr<upload_call> call) {
    if (auto const open = admits(work::begins); !open) {
        co_return open.error();
    }
    if (call->of && call->of->closing) {
        co_return no_session();  // another one of its name has none of the files before
    }
    if (!call->of) {
        auto const there = co_await sessions_.find_or_open(key);
        if (!there) {
            co_return there.error();
        }
        call->of = *there;
        call->made = call->of->unclaimed && call->of->uses == 0;
    }
    ++call->uses;
    auto const where = co_await with_files(std::move(key));
    if (!where) {
        co_return where.error();
    }
    auto begun = co_await in_turn(
        *where, [files = (*where)->files, path = std::move(path), condition = std::move(condition)](
                    hash_cache&) { return workspace_upload::begin(files, path, condition); });
    if (!begun) {
        co_return begun.error();
    }
    co_return std::make_shared<session_upload>(session_upload{*where, *std::move(begun)});
}

task<result<void>> service::write_upload(std::shared_ptr<session_upload> upload,
                                         std::string bytes) {
    if (upload->of->closing) {
        co_return no_session();
    }
    co_return co_await offload(
        context_.pool, [upload, bytes = std::move(bytes)] { return upload->file.write(bytes); });
}

task<result<stored_file>> service::commit_upload(std::shared_ptr<session_upload> upload) {
    auto const where = upload->of;
    if (where->closing) {
        co_return no_session();
    }
    auto stored = co_await in_turn(where, [upload](hash_cache&) { return upload->file.commit(); });
    if (where->closing) {
        co_return no_session();  // and with it what was stored
    }
    if (stored) {
        where->changed_by_client({stored->info.path, stored->identity, stored->info.sha256});
        auto const kept = co_await keep_version(
            context_, where, stored->info.path,
            stored->created ? file_change::kind::created : file_change::kind::modified);
        if (!kept) {
            co_return kept.error();
        }
        stored->info.version = *kept;
        where->life.on_used(context_.clock());
        (void)context_.store.update_session(where->stored());
    }
    co_return stored;
}

task<> service::undo_upload(std::shared_ptr<upload_call> call) {
    auto const where = call->of;
    if (call->made && where->uses == call->uses && !where->closing) {
        co_await drop(where);
    }
}

}  // namespace broker
