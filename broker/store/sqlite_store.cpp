// SPDX-License-Identifier: Apache-2.0
// The verbs over their statements, one transaction each. Never a verb that is half done. One
// thread.
#include "broker/store/sqlite_store.hpp"

#include "broker/store/row_io.hpp"
#include "broker/store/schema.hpp"
#include "broker/store/sql.hpp"

#include <chrono>
#include <limits>
#include <map>
#include <utility>

namespace broker {
namespace {

/// A start after a kill may take a session for unused since this long before its last use. Writing
/// that time with every execution costs as much as the execution's own row.
constexpr std::chrono::seconds use_told_within{10};

failure no_session() { return fail(errc::session_not_found, "no such session"); }
failure broken(char const* what) { return fail(errc::internal, what); }

class sqlite_store final : public session_store {
public:
    explicit sqlite_store(database_ptr db) : db_(std::move(db)) {}

    /// Names nobody came back for; once a start is often enough.
    result<void> prune_expired(wall_time now) { return run(prune_expired_, now); }

    result<void> plan_session(session_row const& row) override {
        transaction t(db());
        if (auto begun = t.begin(); !begun) {
            return begun;
        }
        auto const taken = exists(session_of_key_, row.key.tenant, row.key.name);
        if (!taken) {
            return taken.error();
        }
        if (*taken) {
            return fail(errc::session_exists, "a session of that name exists");
        }
        auto insert = insert_session_.use(db());
        insert.bind(row.id.str()).bind(number_of(row.closing));
        bind_session(insert, row);
        if (auto done = insert.run(); !done) {
            return done;
        }
        if (auto done = run(delete_expired_, row.key.tenant, row.key.name); !done) {
            return done;
        }
        return t.commit();
    }

    result<void> update_session(session_row const& row) override {
        auto q = update_session_.use(db());
        bind_session(q, row);
        auto done = changed(q.bind(row.id.str()), no_session);
        if (done) {
            written_.insert_or_assign(row.id, row);
        } else {
            written_.erase(row.id);
        }
        return done;
    }

    result<void> intend_close(session_id const& id, close_kind why) override {
        written_.erase(id);
        auto q = close_session_.use(db());
        return changed(q.bind(number_of(why)).bind(id.str()), no_session);
    }

    result<void> forget_session(session_id const& id) override {
        written_.erase(id);
        return run(delete_session_, id.str());
    }

    result<void> expire_session(session_id const& id, wall_time keep_until) override {
        written_.erase(id);
        transaction t(db());
        if (auto begun = t.begin(); !begun) {
            return begun;
        }
        {
            auto q = insert_expired_.use(db());
            if (auto noted = changed(q.bind(keep_until).bind(id.str()), no_session); !noted) {
                return noted;
            }
        }
        if (auto done = run(delete_session_, id.str()); !done) {
            return done;
        }
        return t.commit();
    }

    result<bool> had_expired(session_key const& key, wall_time now) override {
        return exists(select_expired_, key.tenant, key.name, now);
    }

    result<std::vector<session_row>> sessions() override {
        auto q = select_sessions_.use(db());
        return all<session_row>(q, read_session);
    }

    result<void> plan_sandbox(sandbox_row const& row) override {
        auto q = insert_sandbox_.use(db());
        bind_sandbox(q, row);
        return q.run();
    }

    result<void> sandbox_ready(sandbox_id const& id, session_row const& session) override {
        transaction t(db());
        if (auto begun = t.begin(); !begun) {
            return begun;
        }
        if (auto done = sandbox_reached(id, sandbox_stage::ready); !done) {
            return done;
        }
        if (auto done = update_session(session); !done) {
            return done;
        }
        return t.commit();
    }

    result<void> sandbox_reached(sandbox_id const& id, sandbox_stage stage) override {
        auto q = update_sandbox_.use(db());
        return changed(q.bind(to_string(stage)).bind(id.str()),
                       [] { return broken("an unknown sandbox reached a stage"); });
    }

    result<void> forget_sandbox(sandbox_id const& id) override {
        return run(delete_sandbox_, id.str());
    }

    result<std::vector<sandbox_row>> sandboxes() override {
        auto q = select_sandboxes_.use(db());
        return all<sandbox_row>(q, read_sandbox);
    }

    result<void> queue_execution(execution_row const& row) override {
        auto q = insert_execution_.use(db());
        bind_execution(q, row);
        return q.run();
    }

    result<void> send_execution(execution_row const& row, session_row const& session) override {
        return progress(session, [&] { return put(row); });
    }

    result<void> finish_execution(execution_row const& row, session_row const& session) override {
        return progress(session, [&] {
            auto q = update_execution_.use(db());
            bind_execution(q, row);
            return changed(q, [&] { return put(row); });
        });
    }

    result<void> forget_execution(execution_id const& id) override {
        return run(delete_execution_, id.str());
    }

    result<std::optional<execution_row>> execution(execution_id const& id) override {
        auto q = select_execution_.use(db());
        return at_most_one<execution_row>(q.bind(id.str()), read_execution);
    }

    result<std::optional<execution_row>> execution_of_key(session_id const& session,
                                                          std::string_view key) override {
        auto q = select_execution_of_key_.use(db());
        return at_most_one<execution_row>(q.bind(session.str()).bind(key), read_execution);
    }

    result<std::vector<execution_row>> executions(session_id const& session, std::size_t limit,
                                                  execution_id const* before) override {
        std::int64_t below = std::numeric_limits<std::int64_t>::max();
        if (before != nullptr) {
            auto number = number_of_execution_.use(db());
            auto const found = number.bind(before->str()).bind(session.str()).step();
            if (!found) {
                return found.error();
            }
            below = *found ? number.integer() : 0;
        }
        auto q = select_executions_.use(db());
        q.bind(session.str()).bind(below).bind(std::uint64_t{limit});
        return all<execution_row>(q, read_execution);
    }

    result<std::vector<execution_row>> unfinished_executions() override {
        auto q = select_unfinished_.use(db());
        return all<execution_row>(q, read_execution);
    }

    result<std::vector<execution_id>> executions_with_files(session_id const* session) override {
        auto q = select_files_.use(db());
        if (session != nullptr) {
            q.bind(session->str());
        } else {
            q.bind_null();
        }
        return all<execution_id>(
            q, [](query& row) { return result<execution_id>(execution_id(row.text())); });
    }

    result<std::vector<execution_id>> prune_executions(session_id const& session,
                                                       execution_keep const& keep) override {
        transaction t(db());
        if (auto begun = t.begin(); !begun) {
            return begun.error();
        }
        auto const gone = pruned(session, keep);
        if (!gone) {
            return gone.error();
        }
        std::vector<execution_id> in_files;
        for (auto const& [id, has_files] : *gone) {
            if (auto noted = run(insert_pruned_, id.str(), session.str()); !noted) {
                return noted.error();
            }
            if (has_files) {
                in_files.push_back(id);
            }
        }
        if (!gone->empty()) {
            if (auto done = run(forget_pruned_, session.str(), remembered_pruned); !done) {
                return done.error();
            }
        }
        if (auto done = t.commit(); !done) {
            return done.error();
        }
        return in_files;
    }

    result<std::optional<session_id>> pruned_execution(execution_id const& id) override {
        auto q = select_pruned_.use(db());
        return at_most_one<session_id>(q.bind(id.str()), [](query& row) {
            return result<session_id>(session_id(row.text()));
        });
    }

    result<void> add_key(key_row const& row) override {
        auto q = insert_key_.use(db());
        bind_key(q, row);
        return changed(q, [] { return fail(errc::invalid_field, "this key is there already"); });
    }

    result<bool> revoke_key(std::string_view id, wall_time at) override {
        auto done = run(revoke_key_, at, id);
        if (!done) {
            return done.error();
        }
        return sqlite3_changes64(db()) > 0;
    }

    result<std::vector<key_row>> keys() override {
        auto q = select_keys_.use(db());
        return all<key_row>(q, [](query& row) { return result<key_row>(read_key(row)); });
    }

    result<std::optional<key_row>> key_of(std::string_view sha256) override {
        auto q = select_key_.use(db());
        return at_most_one<key_row>(q.bind(sha256),
                                    [](query& row) { return result<key_row>(read_key(row)); });
    }

    result<std::optional<std::string>> note(std::string_view name) override {
        auto q = select_note_.use(db());
        return at_most_one<std::string>(q.bind(name),
                                        [](query& row) { return result<std::string>(row.text()); });
    }

    result<void> set_note(std::string_view name, std::string_view value) override {
        return run(upsert_note_, name, value);
    }

private:
    sqlite3* db() const noexcept { return db_.get(); }

    template <class... Values>
    result<void> run(prepared& statement, Values const&... values) {
        auto q = statement.use(db());
        (bind_one(q, values), ...);
        return q.run();
    }

    template <class... Values>
    result<bool> exists(prepared& statement, Values const&... values) {
        auto q = statement.use(db());
        (bind_one(q, values), ...);
        return q.step();
    }

    template <class Value>
    static void bind_one(query& q, Value const& value) {
        q.bind(value);
    }

    /// Runs a statement that has to change a row.
    template <class Otherwise>
    result<void> changed(query& q, Otherwise otherwise) {
        if (auto done = q.run(); !done) {
            return done;
        }
        if (sqlite3_changes64(db()) == 0) {
            return otherwise();
        }
        return {};
    }

    template <class Row, class Read>
    static result<std::vector<Row>> all(query& q, Read read) {
        std::vector<Row> rows;
        for (;;) {
            auto const there = q.step();
            if (!there) {
                return there.error();
            }
            if (!*there) {
                return rows;
            }
            auto row = read(q);
            if (!row) {
                return row.error();
            }
            rows.push_back(std::move(*row));
        }
    }

    template <class Row, class Read>
    static result<std::optional<Row>> at_most_one(query& q, Read read) {
        auto const there = q.step();
        if (!there) {
            return there.error();
        }
        if (!*there) {
            return std::optional<Row>();
        }
        auto row = read(q);
        if (!row) {
            return row.error();
        }
        return std::optional<Row>(std::move(*row));
    }

    result<std::vector<std::pair<execution_id, bool>>> pruned(session_id const& session,
                                                              execution_keep const& keep) {
        using gone = std::pair<execution_id, bool>;
        auto q = prune_executions_.use(db());
        q.bind(session.str()).bind(keep.since).bind(std::uint64_t{keep.number});
        q.bind(keep.file_bytes);
        return all<gone>(q, [](query& row) {
            execution_id id(row.text());
            return result<gone>(gone(std::move(id), row.boolean()));
        });
    }

    result<void> put(execution_row const& row) {
        auto q = put_execution_.use(db());
        bind_execution(q, row);
        return q.run();
    }

    /// An execution and its session, together or not at all.
    template <class Store>
    result<void> progress(session_row const& session, Store store_execution) {
        if (is_written(session)) {
            return store_execution();
        }
        transaction t(db());
        if (auto begun = t.begin(); !begun) {
            return begun;
        }
        if (auto done = store_execution(); !done) {
            return done;
        }
        auto done = update_session(session);
        if (done) {
            done = t.commit();
        }
        if (!done) {
            written_.erase(session.id);
        }
        return done;
    }

    /// The table says the same of it, but for the last seconds of its use.
    bool is_written(session_row const& session) const {
        auto const found = written_.find(session.id);
        if (found == written_.end()) {
            return false;
        }
        auto same = found->second;
        auto const older = session.life.last_used_at - same.life.last_used_at;
        same.life.last_used_at = session.life.last_used_at;
        return same == session && older < use_told_within && older >= older.zero();
    }

    database_ptr db_;
    std::map<session_id, session_row> written_;
    // After the connection, so that they are finalised before it is closed.
    prepared insert_session_{sql::insert_session};
    prepared update_session_{sql::update_session};
    prepared select_sessions_{sql::select_sessions};
    prepared session_of_key_{sql::session_of_key};
    prepared close_session_{sql::close_session};
    prepared delete_session_{sql::delete_session};
    prepared insert_expired_{sql::insert_expired};
    prepared select_expired_{sql::select_expired};
    prepared delete_expired_{sql::delete_expired};
    prepared prune_expired_{sql::prune_expired};
    prepared insert_sandbox_{sql::insert_sandbox};
    prepared select_sandboxes_{sql::select_sandboxes};
    prepared update_sandbox_{sql::update_sandbox};
    prepared delete_sandbox_{sql::delete_sandbox};
    prepared insert_execution_{sql::insert_execution};
    prepared put_execution_{sql::put_execution};
    prepared update_execution_{sql::update_execution};
    prepared delete_execution_{sql::delete_execution};
    prepared select_execution_{sql::select_execution};
    prepared select_execution_of_key_{sql::select_execution_of_key};
    prepared select_executions_{sql::select_executions};
    prepared select_unfinished_{sql::select_unfinished};
    prepared number_of_execution_{sql::number_of_execution};
    prepared prune_executions_{sql::prune_executions};
    prepared select_files_{sql::select_files};
    prepared insert_pruned_{sql::insert_pruned};
    prepared forget_pruned_{sql::forget_pruned};
    prepared select_pruned_{sql::select_pruned};
    prepared insert_key_{sql::insert_key};
    prepared revoke_key_{sql::revoke_key};
    prepared select_keys_{sql::select_keys};
    prepared select_key_{sql::select_key};
    prepared select_note_{sql::select_note};
    prepared upsert_note_{sql::upsert_note};
};

}  // namespace

result<std::unique_ptr<session_store>> open_sqlite_store(std::string const& path) {
    auto db = open_tables(path, session_schema());
    if (!db) {
        return db.error();
    }
    auto store = std::make_unique<sqlite_store>(std::move(*db));
    if (auto done = store->prune_expired(read_clocks().wall); !done) {
        return done.error();
    }
    return std::unique_ptr<session_store>(std::move(store));
}

}  // namespace broker
