// SPDX-License-Identifier: Apache-2.0
// Versions in an SQLite table of their own, beside their contents: a commit waits for the disk, and
// the loop's table must not. Contents come before the rows that name them and go after them, so
// that a crash leaves a content without a row, never a row without its content. One thread at a
// time.
#include "broker/store/version_store.hpp"

#include "broker/store/schema.hpp"
#include "broker/store/statement.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace broker {
namespace {

#define KB_VERSION_COLUMNS \
    "id, tenant, session, path, sha256, size_bytes, modified_ns, created_at, execution, read_only"

constexpr char const* insert_version = "INSERT INTO file_version (" KB_VERSION_COLUMNS
                                       ", used_at) "
                                       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?8)";
constexpr char const* select_version =
    "SELECT " KB_VERSION_COLUMNS " FROM file_version WHERE tenant = ? AND id = ?";
constexpr char const* touch_version = "UPDATE file_version SET used_at = ? WHERE id = ?";
constexpr char const* number_of_version =
    "SELECT number FROM file_version WHERE id = ? AND session = ? AND path = ?";
constexpr char const* select_of_path =
    "SELECT " KB_VERSION_COLUMNS
    " FROM file_version WHERE session = ? AND path = ? AND number < ? "
    "ORDER BY number DESC LIMIT ?";
constexpr char const* select_of_session =
    "SELECT " KB_VERSION_COLUMNS
    " FROM file_version WHERE tenant = ?1 AND session = ?2 AND sha256 IS NOT NULL AND number IN "
    "(SELECT max(number) FROM file_version WHERE session = ?2 GROUP BY path) "
    "ORDER BY path LIMIT ?3";
#undef KB_VERSION_COLUMNS
constexpr char const* select_usage = "SELECT bytes FROM usage WHERE tenant = ?";
constexpr char const* has_content = "SELECT 1 FROM content WHERE tenant = ? AND sha256 = ?";
constexpr char const* has_any_content = "SELECT 1 FROM content WHERE sha256 = ?";
constexpr char const* delete_session =
    "DELETE FROM file_version WHERE session = ? RETURNING sha256";
constexpr char const* delete_version =
    "DELETE FROM file_version WHERE tenant = ? AND id = ? RETURNING sha256";
constexpr char const* delete_unused = "DELETE FROM file_version WHERE used_at < ? RETURNING sha256";
constexpr char const* delete_oldest =
    "DELETE FROM file_version WHERE number = (SELECT number FROM file_version WHERE tenant = ? "
    "AND used_at < ? ORDER BY used_at, number LIMIT 1) RETURNING sha256";

/// SQLite reads the last page of a log into the table when it has grown to so many; here, on a
/// pool, it may wait for that.
constexpr char const* durable = "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000;";

std::string_view bytes_of(sha256_digest const& digest) {
    return {reinterpret_cast<char const*>(digest.data()), digest.size()};
}

std::optional<sha256_digest> digest_of(std::optional<std::string> const& bytes) {
    sha256_digest digest{};
    if (!bytes || bytes->size() != digest.size()) {
        return std::nullopt;
    }
    std::copy(bytes->begin(), bytes->end(), digest.begin());
    return digest;
}

file_version read_version(query& q) {
    file_version one;
    one.id = file_version_id(q.text());
    one.tenant = q.text();
    one.session = session_id(q.text());
    one.path = q.text();
    auto const digest = digest_of(q.optional_text());
    auto const size = static_cast<std::uint64_t>(q.integer());
    if (digest) {
        one.content = content_key{*digest, size};
    }
    one.modified_ns = q.integer();
    one.created_at = q.wall();
    if (auto execution = q.optional_text()) {
        one.execution = execution_id(std::move(*execution));
    }
    one.read_only = q.integer() != 0;
    return one;
}

using digests = std::set<sha256_digest>;

class sqlite_version_store final : public version_store {
public:
    sqlite_version_store(database_ptr db, content_store contents)
        : db_(std::move(db)), contents_(std::move(contents)) {}

    content_store const& contents() const noexcept override { return contents_; }

    result<std::vector<file_version>> add(std::vector<file_version> made,
                                          std::vector<content_draft> drafts,
                                          version_keep const& keep) override {
        digests gone;
        {
            transaction t(db_.get());
            if (auto begun = t.begin(); !begun) {
                return begun.error();
            }
            for (auto& one : made) {
                one.id = file_version_id::make();
                if (auto done = make_room(one, keep, gone); !done) {
                    return done.error();
                }
                if (auto done = insert(one); !done) {
                    return done.error();
                }
            }
            if (auto kept = contents_.keep(std::move(drafts)); !kept) {
                return kept.error();
            }
            if (auto done = t.commit(); !done) {
                return done.error();
            }
        }
        if (auto done = remove_forgotten(gone); !done) {
            return done.error();
        }
        return made;
    }

    result<file_version> use(std::string const& tenant, file_version_id const& id,
                             wall_time now) override {
        file_version found;
        {
            auto q = select_version_.use(db_.get());
            auto const row =
                q.bind(std::string_view(tenant)).bind(std::string_view(id.str())).step();
            if (!row) {
                return row.error();
            }
            if (!*row) {
                return fail(errc::file_not_found, "there is no file version of that id");
            }
            found = read_version(q);
        }
        auto q = touch_version_.use(db_.get());
        if (auto const done = q.bind(now).bind(std::string_view(id.str())).run(); !done) {
            return done.error();
        }
        return found;
    }

    result<version_page> of_path(session_id const& session, std::string const& path,
                                 std::size_t limit, file_version_id const* before) override {
        std::int64_t behind = INT64_MAX;
        if (before != nullptr) {
            auto q = number_of_version_.use(db_.get());
            auto const row = q.bind(std::string_view(before->str()))
                                 .bind(std::string_view(session.str()))
                                 .bind_bytes(path)
                                 .step();
            if (!row) {
                return row.error();
            }
            if (!*row) {
                return fail(errc::invalid_field, "'cursor' is not one that this listing gave");
            }
            behind = q.integer();
        }
        version_page page;
        auto q = select_of_path_.use(db_.get());
        q.bind(std::string_view(session.str())).bind_bytes(path).bind(behind);
        q.bind(static_cast<std::int64_t>(limit) + 1);
        for (;;) {
            auto const row = q.step();
            if (!row) {
                return row.error();
            }
            if (!*row) {
                return page;
            }
            if (page.versions.size() == limit) {
                page.next = page.versions.back().id;
                return page;
            }
            page.versions.push_back(read_version(q));
        }
    }

    result<std::vector<file_version>> newest(session_id const& session,
                                             std::span<std::string const> paths) override {
        std::vector<file_version> found;
        for (auto const& path : paths) {
            auto page = of_path(session, path, 1, nullptr);
            if (!page) {
                return page.error();
            }
            std::move(page->versions.begin(), page->versions.end(), std::back_inserter(found));
        }
        return found;
    }

    result<std::vector<file_version>> of_session(std::string const& tenant,
                                                 session_id const& session,
                                                 std::size_t limit) override {
        std::vector<file_version> found;
        auto q = select_of_session_.use(db_.get());
        q.bind(std::string_view(tenant)).bind(std::string_view(session.str()));
        q.bind(static_cast<std::int64_t>(limit));
        for (;;) {
            auto const row = q.step();
            if (!row) {
                return row.error();
            }
            if (!*row) {
                return found;
            }
            found.push_back(read_version(q));
        }
    }

    result<void> remove(std::string const& tenant, file_version_id const& id) override {
        digests gone;
        bool any = false;
        {
            auto q = delete_version_.use(db_.get());
            q.bind(std::string_view(tenant)).bind(std::string_view(id.str()));
            if (auto done = all_gone(q, gone, &any); !done) {
                return done;
            }
        }
        if (!any) {
            return fail(errc::file_not_found, "there is no file version of that id");
        }
        auto const freed = remove_forgotten(gone);
        return freed ? result<void>{} : freed.error();
    }

    result<std::uint64_t> used_bytes(std::string const& tenant) override {
        auto q = select_usage_.use(db_.get());
        auto const row = q.bind(std::string_view(tenant)).step();
        if (!row) {
            return row.error();
        }
        return *row ? static_cast<std::uint64_t>(q.integer()) : 0;
    }

    result<void> forget(session_id const& session) override {
        digests gone;
        {
            auto q = delete_session_.use(db_.get());
            if (auto done = all_gone(q.bind(std::string_view(session.str())), gone); !done) {
                return done;
            }
        }
        auto const freed = remove_forgotten(gone);
        return freed ? result<void>{} : freed.error();
    }

    result<std::uint64_t> prune(version_keep const& keep) override {
        digests gone;
        {
            auto q = delete_unused_.use(db_.get());
            if (auto const done = all_gone(q.bind(keep.since), gone); !done) {
                return done.error();
            }
        }
        return remove_forgotten(gone);
    }

    /// What has no row: a broker was killed between the two, or the table is another one.
    result<void> sweep() {
        digests found;
        auto looked =
            contents_.for_each([&found](content_key const& one) { found.insert(one.sha256); });
        if (!looked) {
            return looked;
        }
        auto const freed = remove_forgotten(found);
        return freed ? result<void>{} : freed.error();
    }

private:
    result<void> insert(file_version const& one) {
        auto q = insert_version_.use(db_.get());
        q.bind(std::string_view(one.id.str())).bind(std::string_view(one.tenant));
        q.bind(std::string_view(one.session.str())).bind_bytes(one.path);
        if (one.content) {
            q.bind_bytes(bytes_of(one.content->sha256)).bind(one.content->size_bytes);
        } else {
            q.bind_null().bind(std::uint64_t{0});
        }
        q.bind(one.modified_ns).bind(one.created_at);
        if (one.execution) {
            q.bind(std::string_view(one.execution->str()));
        } else {
            q.bind_null();
        }
        q.bind(std::int64_t{one.read_only});
        return q.run();
    }

    result<bool> exists(prepared& what, std::string const* tenant, sha256_digest const& digest) {
        auto q = what.use(db_.get());
        if (tenant != nullptr) {
            q.bind(std::string_view(*tenant));
        }
        return q.bind_bytes(bytes_of(digest)).step();
    }

    /// For a content that the tenant does not have yet.
    result<void> make_room(file_version const& one, version_keep const& keep, digests& gone) {
        if (!one.content) {
            return {};
        }
        auto const has = exists(has_content_, &one.tenant, one.content->sha256);
        if (!has) {
            return has.error();
        }
        auto const wanted = *has ? 0 : one.content->size_bytes;
        for (;;) {
            auto const used = used_bytes(one.tenant);
            if (!used) {
                return used.error();
            }
            if (wanted <= keep.tenant_bytes && *used <= keep.tenant_bytes - wanted) {
                return {};
            }
            bool any = false;
            {
                auto q = delete_oldest_.use(db_.get());
                q.bind(std::string_view(one.tenant)).bind(keep.at_least);
                auto removed = all_gone(q, gone, &any);
                if (!removed) {
                    return removed;
                }
            }
            if (!any) {
                return fail(errc::no_capacity,
                            "the tenant has as many bytes of file versions as it may have, all of "
                            "them used lately: delete sessions that are done with");
            }
        }
    }

    /// Runs a deletion to its end.
    result<void> all_gone(query& q, digests& gone, bool* any = nullptr) {
        for (;;) {
            auto const row = q.step();
            if (!row) {
                return row.error();
            }
            if (!*row) {
                return {};
            }
            if (any != nullptr) {
                *any = true;
            }
            if (auto const digest = digest_of(q.optional_text())) {
                gone.insert(*digest);
            }
        }
    }

    result<std::uint64_t> remove_forgotten(digests const& candidates) {
        std::vector<sha256_digest> forgotten;
        for (auto const& one : candidates) {
            auto const has = exists(has_any_content_, nullptr, one);
            if (!has) {
                return has.error();
            }
            if (!*has) {
                forgotten.push_back(one);
            }
        }
        return contents_.remove(forgotten);
    }

    database_ptr db_;
    content_store contents_;
    prepared insert_version_{insert_version};
    prepared select_version_{select_version};
    prepared touch_version_{touch_version};
    prepared number_of_version_{number_of_version};
    prepared select_of_path_{select_of_path};
    prepared select_of_session_{select_of_session};
    prepared select_usage_{select_usage};
    prepared has_content_{has_content};
    prepared has_any_content_{has_any_content};
    prepared delete_session_{delete_session};
    prepared delete_version_{delete_version};
    prepared delete_unused_{delete_unused};
    prepared delete_oldest_{delete_oldest};
};

}  // namespace

result<std::unique_ptr<version_store>> open_version_store(std::string const& directory) {
    auto contents = content_store::open(directory);
    if (!contents) {
        return contents.error();
    }
    auto db = open_tables(directory + "/versions.db", version_schema());
    if (!db) {
        return db.error();
    }
    if (auto const done = run_script(db->get(), durable); !done) {
        return done.error();
    }
    auto made = std::make_unique<sqlite_version_store>(std::move(*db), std::move(*contents));
    if (auto const swept = made->sweep(); !swept) {
        return swept.error();
    }
    return std::unique_ptr<version_store>(std::move(made));
}

}  // namespace broker
