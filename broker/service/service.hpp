// SPDX-License-Identifier: Apache-2.0
// What every facade calls: sessions, executions and files in the broker's own words.
// Never knows HTTP or JSON, and never shows one tenant what belongs to another: a foreign name and
// a missing one look the same. On the loop; owned by the composition root.
#pragma once

#include "broker/core/execution.hpp"
#include "broker/service/context.hpp"
#include "broker/service/live_executions.hpp"
#include "broker/service/reconciliation.hpp"
#include "broker/service/session_runner.hpp"
#include "broker/service/sessions.hpp"
#include "broker/service/workspace_files.hpp"
#include "broker/service/workspace_inputs.hpp"
#include "broker/service/workspace_upload.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace broker {

/// One language that has run in a session.
struct kernel_view {
    std::string language;
    session_status status =
        session_status::stopped;  // of the kernel: starting, idle, busy, stopped
    std::uint32_t generation = 0;
};

struct session_view {
    std::string name;
    session_status status = session_status::stopped;
    std::string language;
    std::uint32_t generation = 0;  // of the kernel of that language
    std::vector<kernel_view> kernels;
    wall_time created_at;
    wall_time last_used_at;
    wall_time expires_at;
    limits own_limits;
    double idle_timeout_s = 0;
    sandbox_usage usage;
    std::uint64_t disk_bytes = 0;
    std::size_t queue_length = 0;
    std::string runtime;
    bool seccomp = false;
    bool user_namespace = false;
    label_list labels;
};

struct session_page {
    std::vector<session_view> sessions;
    std::optional<std::string> next;  // name after which the next page begins
};

/// What keeps the broker from serving, with what a request is told; empty when it serves.
struct readiness {
    std::vector<failure> missing;
};

/// The uploads of one request: they all go to the session that the first of them found.
struct upload_call {
    std::shared_ptr<session> of;
    bool made = false;  // `of`, by this request
    unsigned uses = 0;  // of `of`, by this request
};

/// An upload and the session that it is meant for, which may be deleted before it ends.
struct session_upload {
    std::shared_ptr<session> of;
    workspace_upload file;
};

/// An execution as its client holds it: one that was live when it was asked for, or a row.
struct execution_ticket {
    execution_id id;
    live_execution live;
    std::optional<execution_row> row;
    bool joined = false;  // by its key: another request has sent it

    bool has_ended() const noexcept { return !live || live.what->done.raised(); }
};

/// A version of a file that code is to find at a path.
struct wanted_input {
    file_version version;
    std::string path;  // as its client writes it
};

/// An execution that brings its files with it: in a session that is there for it alone, or in one
/// that lives on.
struct file_run {
    std::shared_ptr<session> where;
    std::string language;
    bool once = false;
    /// Why an input is not there, in the order of the inputs.
    std::vector<std::optional<failure>> not_placed;
    execution_ticket ticket;  // once it was sent
    bool has_versions = false;
    /// In words, of images that were shown and are not among the files; empty where there are none.
    std::string figures_lost;

    /// Where versions of its files stand.
    session_id const& files() const noexcept { return where->row.id; }
};

struct execution_page {
    std::vector<std::string> executions;  // JSON, without outputs
    std::optional<execution_id> next;
};

class service {
public:
    explicit service(service_context& context);

    /// Table, host and kernels are compared; what lives is adopted. Until it has returned every
    /// call is refused. Where table or host cannot be read it tries again, and touches nothing.
    task<> reconcile();

    /// Nothing new begins from now on. Returns when no execution runs or waits; at `until` those
    /// that are left are given up, each with an answer of its own.
    task<> drain(steady_time until);
    bool is_draining() const noexcept { return draining_; }

    /// Looks at what is due.
    void reap();

    /// Ends every sandbox; rows and files stay. The last call, when no task runs any more.
    task<> end_sandboxes();

    task<readiness> ready();

    /// Accepts an execution, or finds the one that has its key. `promised`: the client is told its
    /// id before it ends, and whatever becomes of it is kept.
    task<result<execution_ticket>> submit(session_key key, execution_options options,
                                          bool promised);
    /// Until it has ended, or until a time; whether it has ended. `refused` where nothing ran and
    /// nobody knows of it.
    task<result<bool>> wait(execution_ticket ticket, std::optional<steady_time> until = {});
    /// From now on a client knows of it.
    static void promise(execution_ticket const& ticket);
    /// A client that has submitted it left before its end, and wants it interrupted then: it is,
    /// unless another who has submitted the same is still there.
    void leave(execution_ticket const& ticket);

    /// `submit` and `wait`, for those who need no more.
    task<result<execution>> execute(session_key key, execution_options options);

    /// Those of the image that sessions get when they ask for none, the default one first.
    result<std::vector<std::string>> languages() const;

    /// The name of the session of a tenant whose files stand under that id.
    std::optional<std::string> name_of(std::string const& tenant, session_id const& id) const;

    /// A run in a session of its own, whose kernel is started, or in the one that has a name and
    /// lives on, made if need be. The inputs are put there; in one that lives on, none takes the
    /// place of what the session itself has made since. What keeps one input out stops nothing.
    task<result<std::shared_ptr<file_run>>> begin_run(std::string tenant, std::string language,
                                                      std::vector<wanted_input> inputs,
                                                      std::optional<std::string> name = {});
    /// Sends code; more than once, one after the other. On failure the run is over.
    task<result<void>> send_run(std::shared_ptr<file_run> run, execution_options options);
    /// The end of what was sent last. The run goes on.
    task<result<execution>> await_run(std::shared_ptr<file_run> run);
    /// A file for code that waits for it: no version of it is kept.
    task<result<void>> hand_in(std::shared_ptr<file_run> run, workspace_path path,
                               std::string bytes);
    /// The same as `await_run`, and the run is over: what was shown as images is among its files,
    /// as `plot_1.png` and so on, and the session goes if it was for this run.
    task<result<execution>> finish_run(std::shared_ptr<file_run> run);
    /// Nobody waits for it any more.
    void abandon_run(std::shared_ptr<file_run> const& run);

    /// Files that no session has.
    file_versions& stored_files() noexcept { return context_.versions; }
    /// Whether it is a session of one of the tenants, or was there for a run of theirs.
    task<result<bool>> knows_session(std::vector<std::string> tenants, session_id id);

    /// In its native form, as it is now.
    task<result<std::string>> text_of(execution_ticket ticket);

    /// `execution_not_found`, `execution_expired`.
    task<result<execution_ticket>> find_execution(std::string tenant, execution_id id);
    /// `events_expired`.
    task<result<std::shared_ptr<event_reader>>> read_events(execution_ticket ticket,
                                                            std::uint64_t after, bool follow);
    /// `already_ended`.
    result<void> interrupt_execution(execution_ticket const& ticket);
    /// `no_input_wanted`.
    result<void> answer_input(execution_ticket const& ticket, std::string value);
    task<result<execution_page>> list_executions(session_key key, std::size_t limit,
                                                 std::optional<execution_id> before);

    /// False when nothing runs.
    task<result<bool>> interrupt_session(session_key key);
    task<result<session_view>> restart_session(session_key key);

    task<result<session_view>> create_session(session_key key, session_request wish);
    task<result<session_view>> find_session(session_key key);
    task<result<session_page>> list_sessions(std::string tenant, std::size_t limit,
                                             std::string after, label_list labels);
    task<result<void>> delete_session(session_key key);

    task<result<file_page>> list_session_files(session_key key, file_query query);
    task<result<opened_file>> open_session_file(session_key key, workspace_path path);
    /// Newest first; `file_not_found` when there is none.
    task<result<version_page>> list_versions(session_key key, workspace_path path,
                                             std::size_t limit,
                                             std::optional<file_version_id> before);
    /// `file_not_found` for one of another path, too.
    task<result<opened_file>> open_version(session_key key, workspace_path path,
                                           file_version_id id);
    task<result<void>> delete_session_file(session_key key, workspace_path path,
                                           file_condition condition);
    /// An unknown session is made (stopped); `call` knows it for `undo_upload`.
    task<result<std::shared_ptr<session_upload>>> begin_upload(
        session_key key, workspace_path path, file_condition condition,
        std::shared_ptr<upload_call> call = std::make_shared<upload_call>());
    /// `session_not_found` when the session has been deleted since.
    task<result<void>> write_upload(std::shared_ptr<session_upload> upload, std::string bytes);
    task<result<stored_file>> commit_upload(std::shared_ptr<session_upload> upload);
    /// The request has failed: a session that it made goes with its files, unless somebody else has
    /// used it since.
    task<> undo_upload(std::shared_ptr<upload_call> call);

    service_context& context() noexcept { return context_; }

private:
    enum class work { looks, begins };
    /// `draining` while the broker starts, and for what begins when it stops.
    result<void> admits(work kind) const;
    task<session_view> view_of(std::shared_ptr<session> which);
    task<result<std::shared_ptr<session>>> with_files(session_key key);
    /// What keeps runtime and workspaces from being used; empty when nothing does.
    task<std::vector<failure>> host_problems();
    /// `runtime_unavailable` or `no_capacity` when no kernel could be started.
    task<result<void>> can_start();
    result<std::shared_ptr<pending_execution>> accept(session& where, execution_options options,
                                                      std::string code_sha256);
    result<std::optional<execution_ticket>> of_key(std::shared_ptr<session> const& where,
                                                   std::string const& key,
                                                   std::string const& request_sha256);
    task<std::string> hash_of_code(std::string code);
    result<execution_ticket> submit_to(std::shared_ptr<session> const& where,
                                       execution_options options, std::string code_sha256,
                                       bool promised);
    task<> keep_figures(std::shared_ptr<file_run> run, execution& ended);
    task<result<file_change>> keep_new_file(std::shared_ptr<session> where, std::string path,
                                            std::string bytes);
    task<result<std::shared_ptr<session>>> session_of_run(session_key key, session_request wish);
    task<> place_inputs(std::shared_ptr<file_run> run, std::vector<wanted_input> inputs);
    task<std::set<std::string>> newer_there(std::shared_ptr<session> where,
                                            std::vector<wanted_input> const& inputs);
    void end_run(file_run const& run);
    task<> note_run(std::shared_ptr<session> where);
    task<> drop_unclaimed(std::shared_ptr<session> where);
    task<> drop(std::shared_ptr<session> where);
    template <class Work>
    auto in_turn(std::shared_ptr<session> where, Work work)
        -> task<std::invoke_result_t<Work, hash_cache&>>;

    service_context& context_;
    live_executions live_;
    session_runner runner_;
    sessions sessions_;
    reconciliation reconciliation_;  // busy kernels are heard out long after `reconcile`
    bool reconciled_ = false;
    bool unreadable_ = false;  // table or host, at the last try
    bool draining_ = false;
    std::size_t looks_ = 0;  // of `reap`
};

}  // namespace broker
