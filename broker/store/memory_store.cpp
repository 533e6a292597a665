// SPDX-License-Identifier: Apache-2.0
// The table as maps. Never cheaper in what it refuses than the one on disk. One owner, one thread.
#include "broker/store/memory_store.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace broker {
namespace {

failure no_session() { return fail(errc::session_not_found, "no such session"); }
failure broken(char const* what) { return fail(errc::internal, what); }

class memory_store final : public session_store {
public:
    result<void> plan_session(session_row const& row) override {
        bool const taken = std::any_of(sessions_.begin(), sessions_.end(),
                                       [&](auto const& s) { return s.second.key == row.key; });
        if (taken || sessions_.contains(row.id)) {
            return fail(errc::session_exists, "a session of that name exists");
        }
        sessions_.emplace(row.id, row);
        expired_.erase(row.key);
        return {};
    }

    result<void> update_session(session_row const& row) override {
        auto const found = sessions_.find(row.id);
        if (found == sessions_.end()) {
            return no_session();
        }
        auto const closing = found->second.closing;
        found->second = row;
        found->second.closing = closing;
        return {};
    }

    result<void> intend_close(session_id const& id, close_kind why) override {
        auto const found = sessions_.find(id);
        if (found == sessions_.end()) {
            return no_session();
        }
        found->second.closing = why;
        return {};
    }

    result<void> forget_session(session_id const& id) override {
        sessions_.erase(id);
        std::erase_if(sandboxes_, [&](auto const& s) { return s.second.session == id; });
        std::erase_if(executions_, [&](auto const& e) { return e.session == id; });
        std::erase_if(pruned_, [&](auto const& e) { return e.second == id; });
        return {};
    }

    result<void> expire_session(session_id const& id, wall_time keep_until) override {
        auto const found = sessions_.find(id);
        if (found == sessions_.end()) {
            return no_session();
        }
        expired_[found->second.key] = keep_until;
        return forget_session(id);
    }

    result<bool> had_expired(session_key const& key, wall_time now) override {
        auto const found = expired_.find(key);
        return found != expired_.end() && found->second > now;
    }

    result<std::vector<session_row>> sessions() override {
        std::vector<session_row> rows;
        for (auto const& [id, row] : sessions_) {
            rows.push_back(row);
        }
        std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) {
            return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
        });
        return rows;
    }

    result<void> plan_sandbox(sandbox_row const& row) override {
        if (!sessions_.contains(row.session) || sandboxes_.contains(row.id)) {
            return broken("a sandbox of no session, or planned twice");
        }
        sandboxes_.emplace(row.id, row);
        return {};
    }

    result<void> sandbox_ready(sandbox_id const& id, session_row const& session) override {
        if (!sandboxes_.contains(id) || !sessions_.contains(session.id)) {
            return broken("an unknown sandbox or session became ready");
        }
        sandboxes_[id].stage = sandbox_stage::ready;
        return update_session(session);
    }

    result<void> sandbox_reached(sandbox_id const& id, sandbox_stage stage) override {
        auto const found = sandboxes_.find(id);
        if (found == sandboxes_.end()) {
            return broken("an unknown sandbox reached a stage");
        }
        found->second.stage = stage;
        return {};
    }

    result<void> forget_sandbox(sandbox_id const& id) override {
        sandboxes_.erase(id);
        return {};
    }

    result<std::vector<sandbox_row>> sandboxes() override {
        std::vector<sandbox_row> rows;
        for (auto const& [id, row] : sandboxes_) {
            rows.push_back(row);
        }
        std::sort(rows.begin(), rows.end(), [](auto const& a, auto const& b) {
            return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
        });
        return rows;
    }

    result<void> queue_execution(execution_row const& row) override {
        if (!sessions_.contains(row.session) || find(row.id) != executions_.end()) {
            return broken("an execution of no session, or queued twice");
        }
        executions_.push_back(row);
        return {};
    }

    result<void> send_execution(execution_row const& row, session_row const& session) override {
        return replace(row, session);
    }

    result<void> finish_execution(execution_row const& row, session_row const& session) override {
        return replace(row, session);
    }

    result<void> forget_execution(execution_id const& id) override {
        std::erase_if(executions_, [&](auto const& e) { return e.id == id; });
        return {};
    }

    result<std::optional<execution_row>> execution(execution_id const& id) override {
        auto const found = find(id);
        return found == executions_.end() ? std::nullopt : std::optional(*found);
    }

    result<std::optional<execution_row>> execution_of_key(session_id const& session,
                                                          std::string_view key) override {
        for (auto const& row : executions_) {
            if (row.session == session && row.idempotency_key == key) {
                return std::optional(row);
            }
        }
        return std::optional<execution_row>();
    }

    result<std::vector<execution_row>> executions(session_id const& session, std::size_t limit,
                                                  execution_id const* before) override {
        auto const end = before == nullptr ? executions_.end() : find(*before);
        std::vector<execution_row> rows;
        for (auto at = std::make_reverse_iterator(end);
             at != executions_.rend() && rows.size() < limit; ++at) {
            if (at->session == session && (before == nullptr || end != executions_.end())) {
                rows.push_back(*at);
                shorten(rows.back());
            }
        }
        return rows;
    }

    result<std::vector<execution_row>> unfinished_executions() override {
        std::vector<execution_row> rows;
        std::copy_if(executions_.begin(), executions_.end(), std::back_inserter(rows),
                     [](auto const& e) { return e.stage != execution_stage::done; });
        return rows;
    }

    result<std::vector<execution_id>> executions_with_files(session_id const* session) override {
        std::vector<execution_id> ids;
        for (auto const& row : executions_) {
            if (session != nullptr && row.session != *session) {
                continue;
            }
            if (has_files(row) || row.stage != execution_stage::done) {
                ids.push_back(row.id);
            }
        }
        return ids;
    }

    result<std::vector<execution_id>> prune_executions(session_id const& session,
                                                       execution_keep const& keep) override {
        std::vector<execution_id> in_files;
        std::size_t seen = 0;
        std::uint64_t newer = 0;
        for (auto at = executions_.end(); at != executions_.begin();) {
            --at;
            if (at->session != session || at->stage != execution_stage::done) {
                continue;
            }
            bool const room = newer <= keep.file_bytes;
            newer += at->file_bytes;
            if (++seen <= keep.number && at->ended_at.value_or(keep.since) >= keep.since && room) {
                continue;
            }
            if (has_files(*at)) {
                in_files.push_back(at->id);
            }
            pruned_.emplace(at->id, session);
            at = executions_.erase(at);
        }
        return in_files;
    }

    result<std::optional<session_id>> pruned_execution(execution_id const& id) override {
        auto const found = pruned_.find(id);
        return found == pruned_.end() ? std::nullopt : std::optional(found->second);
    }

    result<void> add_key(key_row const& row) override {
        bool const taken = std::any_of(keys_.begin(), keys_.end(), [&](auto const& k) {
            return k.sha256 == row.sha256 || k.id == row.id;
        });
        if (taken) {
            return fail(errc::invalid_field, "this key is there already");
        }
        keys_.push_back(row);
        return {};
    }

    result<bool> revoke_key(std::string_view id, wall_time at) override {
        for (auto& key : keys_) {
            if (key.id == id && !key.revoked_at) {
                key.revoked_at = at;
                return true;
            }
        }
        return false;
    }

    result<std::vector<key_row>> keys() override { return keys_; }

    result<std::optional<key_row>> key_of(std::string_view sha256) override {
        for (auto const& key : keys_) {
            if (key.sha256 == sha256 && !key.revoked_at) {
                return std::optional(key);
            }
        }
        return std::optional<key_row>();
    }

    result<std::optional<std::string>> note(std::string_view name) override {
        auto const found = notes_.find(name);
        return found == notes_.end() ? std::nullopt : std::optional(found->second);
    }

    result<void> set_note(std::string_view name, std::string_view value) override {
        notes_.insert_or_assign(std::string(name), std::string(value));
        return {};
    }

private:
    static bool has_files(execution_row const& row) {
        return row.result_in_file || row.events_at == events_place::file;
    }
    static void shorten(execution_row& row) {
        row.outputs_json.clear();
        row.events.clear();
        row.code.reset();
        row.argv.clear();
    }

    std::vector<execution_row>::iterator find(execution_id const& id) {
        return std::find_if(executions_.begin(), executions_.end(),
                            [&](auto const& e) { return e.id == id; });
    }

    result<void> replace(execution_row const& row, session_row const& session) {
        if (!sessions_.contains(row.session) || !sessions_.contains(session.id)) {
            return broken("an execution of no session");
        }
        if (auto const found = find(row.id); found != executions_.end()) {
            *found = row;
        } else {
            executions_.push_back(row);
        }
        return update_session(session);
    }

    std::map<session_id, session_row> sessions_;
    std::map<session_key, wall_time> expired_;
    std::map<sandbox_id, sandbox_row> sandboxes_;
    std::vector<execution_row> executions_;  // in the order in which they were queued
    std::map<execution_id, session_id> pruned_;
    std::vector<key_row> keys_;
    std::map<std::string, std::string, std::less<>> notes_;
};

}  // namespace

std::unique_ptr<session_store> make_memory_store() { return std::make_unique<memory_store>(); }

}  // namespace broker
