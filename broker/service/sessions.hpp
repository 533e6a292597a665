// SPDX-License-Identifier: Apache-2.0
// The table of sessions: opening, finding, putting away, deleting.
// Never gives one tenant's session to another, and never forgets one before everything of it is
// gone. On the loop; sessions are shared with the coroutines that are about them.
#pragma once

#include "broker/core/admission.hpp"
#include "broker/core/names.hpp"
#include "broker/core/uid_pool.hpp"
#include "broker/service/context.hpp"
#include "broker/service/session.hpp"
#include "broker/service/session_runner.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace broker {

/// What a client may ask for when it opens a session.
struct session_request {
    std::optional<std::string> language;
    std::optional<std::string> image;
    limits_request wanted;
    std::optional<double> idle_timeout_s;
    label_list labels;
    /// For one execution: its name, an id of ours, is its id, and it goes at the next start of the
    /// broker at the latest.
    bool once = false;
};

class sessions {
public:
    sessions(service_context& context, session_runner& runner)
        : context_(context), runner_(runner) {}

    /// Nothing when there is none, or while it is being deleted.
    std::shared_ptr<session> find(session_key const& key) const;
    /// The same, and also one that is being deleted.
    std::shared_ptr<session> find_any(session_key const& key) const;

    /// A new one: its row is stored, nothing else of it exists. `session_exists`,
    /// `too_many_sessions`, `limit_too_high`, `invalid_field`, `unsupported_language`,
    /// `image_unavailable`.
    result<std::shared_ptr<session>> open(session_key const& key, session_request const& wish);

    /// The one with that id of ours, unless it is being deleted.
    std::shared_ptr<session> find(session_id const& id) const;

    /// What `open` would refuse now.
    result<void> check(session_key const& key, session_request const& wish);

    /// The language of a new session; `unsupported_language` where its image has no kernel of it.
    result<std::string> language_of(session_request const& wish) const;

    /// The image of a session has a kernel of that language; `unsupported_language`,
    /// `image_unavailable`.
    result<void> check_language(session const& where, std::string const& language) const;

    /// The one of that name, or a new one as `wish` has it, `unclaimed`. Waits for one that is
    /// being deleted.
    task<result<std::shared_ptr<session>>> find_or_open(session_key key, session_request wish = {});

    /// Deletes kernel, sandbox, workspace, rows: it is `gone` then. What waits on it ends as
    /// cancelled. What cannot be removed now is tried again by `reap`, and keeps name and uid.
    task<> close(std::shared_ptr<session> which, close_kind why);

    /// Ends the sandbox and unmounts the workspace; files stay.
    task<> put_away(std::shared_ptr<session> which, state_reason why);

    /// One look at everything that is due: idle sessions are put away, expired ones deleted.
    void reap();

    /// From the store at boot.
    std::shared_ptr<session> restore(session_row row);

    /// Of one tenant, by name.
    std::vector<std::shared_ptr<session>> of_tenant(std::string const& tenant) const;
    std::vector<std::shared_ptr<session>> all() const;

private:
    task<> remove(std::shared_ptr<session> which);
    task<> let_go(std::shared_ptr<session> which);
    task<result<void>> remove_from_host(std::shared_ptr<session> which);
    result<void> remove_row(session& which);
    task<> unmount(std::shared_ptr<session> which);
    void reap_one(std::shared_ptr<session> const& one, steady_time now);
    life_times times_of(session_row const& row) const;
    std::shared_ptr<session> add(session_row row, session_life life);
    result<session_row> admit(session_key const& key, session_request const& wish);
    result<session_row> plan(session_key const& key, session_request const& wish);
    result<std::uint32_t> take_uid();

    service_context& context_;
    session_runner& runner_;
    std::map<session_key, std::shared_ptr<session>> table_;
    std::uint32_t last_uid_given_ = last_uid;
};

}  // namespace broker
