// SPDX-License-Identifier: Apache-2.0
// A cell is one execution: watched to its end, then fetched with its outputs. Never runs a cell
// after one that stopped the run. One thread.
#include "broker/daemon/notebook_command.hpp"

#include "broker/client/notebook.hpp"
#include "broker/client/verdict_text.hpp"
#include "broker/daemon/execution_watch.hpp"
#include "broker/daemon/whole_file.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <ostream>
#include <utility>

namespace broker {
namespace {

using namespace std::chrono_literals;
using how = execution_watch::how;

constexpr auto fetch_time = 60s;
constexpr auto delete_time = 30s;
constexpr auto parting_time = 3s;

class notebook_run {
public:
    notebook_run(command_line const& line, command_context const& context,
                 client_target const& target, client::notebook& document)
        : line_(line), context_(context), target_(target), document_(document), answers_(false) {}

    exit_code run() {
        auto const& cells = document_.to_run();
        auto const language = document_.language();
        for (std::size_t i = 0; i < cells.size() && !stopped_; ++i) {
            run_cell(i, cells.size(), cells[i], language);
        }
        bool const nothing_to_do = cells.empty();
        if (ran_ || nothing_to_do) {
            if (auto const written = replace_file(line_.client.into, document_.text()); !written) {
                note(written.error().detail);
                stopped_ = exit_code::no_answer;
            }
        }
        if (target_.own_session && sent_) {
            client::wakers const also{left_ ? -1 : signals_.fd(), -1};
            auto const why = delete_session(target_, also, left_ ? parting_time : delete_time);
            if (why && ran_) {
                note(*why);
            }
        }
        return stopped_.value_or(exit_code::ok);
    }

private:
    using clock = std::chrono::steady_clock;

    void run_cell(std::size_t number, std::size_t count, std::size_t cell,
                  std::string const& language) {
        progress(fmt::format("cell {} of {} ...", number + 1, count));
        auto const begin = clock::now();
        client::json end = client::json::object();
        execution_watch::handlers const told{
            [this, &end](client::sse_event const& event) {
                auto data = client::parse_json(event.data).value_or(client::json::object());
                if (event.type == "end") {
                    end = std::move(data);
                } else {
                    document_.hear(event.type, data);
                }
            },
            [this](std::string_view text) {
                note(text);
            }};
        execution_watch watch{target_.to,
                              target_.session,
                              execution_request(document_.source(cell), line_.client, language),
                              signals_,
                              answers_,
                              told};
        auto const outcome = watch.run();
        sent_ = sent_ || watch.was_sent();
        left_ = outcome.what == how::left;
        if (!watch.execution_id().empty()) {
            ran_ = true;
            if (outcome.what != how::failed) {
                take_outputs(cell, watch.execution_id());
            }
        }
        std::chrono::duration<double> const took = clock::now() - begin;
        if (outcome.what == how::left) {
            note(fmt::format("left in cell {} of {}", number + 1, count));
            stopped_ = stopped_.value_or(static_cast<exit_code>(128 + outcome.signal));
        } else if (outcome.what == how::failed) {
            note(fmt::format("cell {} of {}: {}", number + 1, count, outcome.why));
            stopped_ = exit_code::no_answer;
        } else {
            on_end(end, cell, fmt::format("cell {} of {}", number + 1, count), took.count());
        }
    }

    void on_end(client::json const& end, std::size_t cell, std::string const& which, double took) {
        auto const outcome = client::text_of(end, "outcome");
        if (auto const state = client::state_text(end); !state.empty()) {
            note(fmt::format("{}: {}", which, state));
        }
        if (outcome == "ok") {
            progress_end(fmt::format(" {:.1f} s\n", took));
            return;
        }
        auto what = client::verdict_text(end);
        if (outcome == "error") {
            auto const* error = client::member(end, "error");
            what = error == nullptr ? "raised"
                                    : fmt::format("{}: {}", client::text_of(*error, "ename"),
                                                  client::text_of(*error, "evalue"));
            if (line_.client.allow_errors || document_.may_raise(cell)) {
                progress_end(fmt::format(" {:.1f} s, {}\n", took, what));
                return;
            }
        }
        note(fmt::format("{}, after {:.1f} s: {}", which, took, what));
        bool const known = !outcome.empty() && outcome != "unknown";
        stopped_ = stopped_.value_or(outcome == "interrupted" ? exit_code::interrupted
                                     : known                  ? exit_code::failed
                                                              : exit_code::no_answer);
    }

    void take_outputs(std::size_t cell, std::string const& id) {
        client::wakers const also{left_ ? -1 : signals_.fd(), -1};
        auto const execution =
            fetch_execution(target_.to, id, also, left_ ? parting_time : fetch_time);
        if (execution) {
            document_.take_outputs(cell, *execution);
            return;
        }
        if (int const signal = signals_.take(); signal != 0) {
            left_ = true;
            stopped_ = static_cast<exit_code>(128 + signal);
        } else if (!left_) {
            stopped_ = exit_code::no_answer;
        }
        note("the outputs could not be fetched: " + execution.error().detail);
    }

    void progress(std::string const& text) {
        if (!line_.client.quiet) {
            context_.err << text << std::flush;
            line_open_ = true;
        }
    }

    void progress_end(std::string const& text) {
        if (!line_.client.quiet) {
            context_.err << text << std::flush;
            line_open_ = false;
        }
    }

    void note(std::string_view text) {
        context_.err << (std::exchange(line_open_, false) ? "\n" : "") << "kernel-broker: " << text
                     << '\n'
                     << std::flush;
    }

    command_line const& line_;
    command_context const& context_;
    client_target const& target_;
    client::notebook& document_;
    client_signals signals_;
    answer_source answers_;
    std::optional<exit_code> stopped_;  // no further cell is run
    bool ran_ = false;                  // the server took a cell
    bool sent_ = false;                 // the session may exist
    bool left_ = false;                 // by a signal: nobody waits any more
    bool line_open_ = false;            // progress whose line has not ended
};

}  // namespace

exit_code exec_notebook_command(command_line const& line, command_context const& context) {
    auto const told = [&context](failure const& why, exit_code code) {
        context.err << "kernel-broker: " << why.detail << '\n';
        return code;
    };
    auto const target = make_client_target(line.client, context.environment);
    if (!target) {
        return told(target.error(), exit_code::usage);
    }
    auto const text = read_whole_file(line.client.file);
    if (!text) {
        return told(text.error(), exit_code::no_answer);
    }
    auto document = client::notebook::parse(*text);
    if (!document) {
        return told({errc::invalid_field, line.client.file + ": " + document.error().detail},
                    exit_code::no_answer);
    }
    return notebook_run{line, context, *target, *document}.run();
}

}  // namespace broker
