// SPDX-License-Identifier: Apache-2.0
// A store of which the test can let verbs fail, each by its name.
// Never changes anything when it fails. One thread, as the store itself.
#pragma once

#include "broker/store/memory_store.hpp"
#include "tests/support/verb_control.hpp"

#include <functional>
#include <memory>
#include <string>

namespace test {

class faulty_store final : public broker::session_store {
public:
    template <class T>
    using result = broker::result<T>;

    verb_control verbs;
    /// Called with the name of each verb, before it works or fails.
    std::function<void(std::string const&)> on_verb;
    std::unique_ptr<broker::session_store> table = broker::make_memory_store();

    result<void> plan_session(broker::session_row const& row) override {
        return verb("plan_session", [&] { return table->plan_session(row); });
    }
    result<void> update_session(broker::session_row const& row) override {
        return verb("update_session", [&] { return table->update_session(row); });
    }
    result<void> intend_close(broker::session_id const& id, broker::close_kind why) override {
        return verb("intend_close", [&] { return table->intend_close(id, why); });
    }
    result<void> forget_session(broker::session_id const& id) override {
        return verb("forget_session", [&] { return table->forget_session(id); });
    }
    result<void> expire_session(broker::session_id const& id, broker::wall_time until) override {
        return verb("expire_session", [&] { return table->expire_session(id, until); });
    }
    result<bool> had_expired(broker::session_key const& key, broker::wall_time now) override {
        return verb("had_expired", [&] { return table->had_expired(key, now); });
    }
    result<std::vector<broker::session_row>> sessions() override {
        return verb("sessions", [&] { return table->sessions(); });
    }
    result<void> plan_sandbox(broker::sandbox_row const& row) override {
        return verb("plan_sandbox", [&] { return table->plan_sandbox(row); });
    }
    result<void> sandbox_ready(broker::sandbox_id const& id,
                               broker::session_row const& session) override {
        return verb("sandbox_ready", [&] { return table->sandbox_ready(id, session); });
    }
    result<void> sandbox_reached(broker::sandbox_id const& id,
                                 broker::sandbox_stage stage) override {
        return verb("sandbox_reached", [&] { return table->sandbox_reached(id, stage); });
    }
    result<void> forget_sandbox(broker::sandbox_id const& id) override {
        return verb("forget_sandbox", [&] { return table->forget_sandbox(id); });
    }
    result<std::vector<broker::sandbox_row>> sandboxes() override {
        return verb("sandboxes", [&] { return table->sandboxes(); });
    }
    result<void> queue_execution(broker::execution_row const& row) override {
        return verb("queue_execution", [&] { return table->queue_execution(row); });
    }
    result<void> send_execution(broker::execution_row const& row,
                                broker::session_row const& session) override {
        return verb("send_execution", [&] { return table->send_execution(row, session); });
    }
    result<void> finish_execution(broker::execution_row const& row,
                                  broker::session_row const& session) override {
        return verb("finish_execution", [&] { return table->finish_execution(row, session); });
    }
    result<void> forget_execution(broker::execution_id const& id) override {
        return verb("forget_execution", [&] { return table->forget_execution(id); });
    }
    result<std::optional<broker::execution_row>> execution(
        broker::execution_id const& id) override {
        return table->execution(id);
    }
    result<std::vector<broker::execution_row>> executions(
        broker::session_id const& session, std::size_t limit,
        broker::execution_id const* before) override {
        return table->executions(session, limit, before);
    }
    result<std::vector<broker::execution_row>> unfinished_executions() override {
        return verb("unfinished_executions", [&] { return table->unfinished_executions(); });
    }
    result<std::optional<broker::execution_row>> execution_of_key(broker::session_id const& session,
                                                                  std::string_view key) override {
        return verb("execution_of_key", [&] { return table->execution_of_key(session, key); });
    }
    result<std::vector<broker::execution_id>> executions_with_files(
        broker::session_id const* session) override {
        return table->executions_with_files(session);
    }
    result<std::vector<broker::execution_id>> prune_executions(
        broker::session_id const& session, broker::execution_keep const& keep) override {
        return verb("prune_executions", [&] { return table->prune_executions(session, keep); });
    }
    result<std::optional<broker::session_id>> pruned_execution(
        broker::execution_id const& id) override {
        return table->pruned_execution(id);
    }
    result<void> add_key(broker::key_row const& row) override { return table->add_key(row); }
    result<bool> revoke_key(std::string_view id, broker::wall_time at) override {
        return table->revoke_key(id, at);
    }
    result<std::vector<broker::key_row>> keys() override { return table->keys(); }
    result<std::optional<broker::key_row>> key_of(std::string_view sha256) override {
        return table->key_of(sha256);
    }
    result<std::optional<std::string>> note(std::string_view name) override {
        return verb("note", [&] { return table->note(name); });
    }
    result<void> set_note(std::string_view name, std::string_view value) override {
        return table->set_note(name, value);
    }

private:
    template <class Work>
    auto verb(char const* name, Work work) -> decltype(work()) {
        if (on_verb) {
            on_verb(name);
        }
        if (!verbs.enter(name)) {
            return broker::fail(broker::errc::internal, std::string("fake store: ") + name);
        }
        return work();
    }
};

}  // namespace test
