// SPDX-License-Identifier: Apache-2.0
// What the presenter says is done here: print, save, ask. Never prints an event twice.
// One thread.
#include "broker/daemon/run_command.hpp"

#include "broker/base/utf8.hpp"
#include "broker/client/presenter.hpp"
#include "broker/client/verdict_text.hpp"
#include "broker/daemon/execution_watch.hpp"
#include "broker/daemon/whole_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <ostream>
#include <system_error>

namespace broker {
namespace {

using namespace std::chrono_literals;
using client::effect;

constexpr auto fetch_time = 60s;
constexpr auto delete_time = 30s;
constexpr auto parting_time = 3s;

class code_run {
public:
    code_run(command_line const& line, command_context const& context, client_target const& target,
             std::string const& code)
        : line_(line),
          context_(context),
          target_(target),
          answers_(!line.client.code && line.client.file == "-"),
          presenter_({context.color, context.err_color}),
          told_{[this](client::sse_event const& event) { on_event(event); },
                [this](std::string_view text) {
                    do_effect(presenter_.note(text));
                }},
          watch_(target.to, target.session, execution_request(code, line.client, {}), signals_,
                 answers_, told_) {}

    int run() {
        auto const outcome = watch_.run();
        bool const left = outcome.what == execution_watch::how::left;
        if (left) {
            status_ = 128 + outcome.signal;
        } else if (outcome.what == execution_watch::how::failed) {
            on_failure(outcome.why);
        } else if (line_.json && !print_execution()) {
            status_ = client::no_verdict;
        }
        if (target_.own_session && watch_.was_sent()) {
            client::wakers const also{left ? -1 : signals_.fd(), -1};
            auto const why = delete_session(target_, also, left ? parting_time : delete_time);
            // Where nothing was begun there need be nothing, and that was told already.
            if (why && !watch_.execution_id().empty()) {
                told_.on_note(*why);
            }
        }
        return status_;
    }

private:
    void on_failure(std::string const& why) {
        status_ = client::no_verdict;
        told_.on_note(why);
        if (!watch_.execution_id().empty() && !target_.own_session) {
            told_.on_note(fmt::format("execution {} may go on in session {}", watch_.execution_id(),
                                      target_.session));
        }
    }

    void on_event(client::sse_event const& event) {
        for (auto const& one : presenter_.on_event(event)) {
            // With --json only what must be asked is shown before the end.
            bool const wanted = one.what == effect::kind::ask || one.what == effect::kind::end;
            if (wanted || !line_.json) {
                do_effect(one);
            }
        }
        if (!context_.out && !out_failed_) {
            out_failed_ = true;
            told_.on_note("standard output cannot be written: the code is interrupted");
            watch_.interrupt();
        }
    }

    void do_effect(effect const& one) {
        switch (one.what) {
            case effect::kind::out:
                context_.out << one.text << std::flush;
                break;
            case effect::kind::err:
                context_.err << one.text << std::flush;
                break;
            case effect::kind::file:
                save(one);
                break;
            case effect::kind::ask:
                context_.err << one.text << std::flush;
                watch_.ask(one.secret);
                break;
            case effect::kind::end:
                status_ = one.status;
                break;
        }
    }

    void save(effect const& image) {
        std::error_code error;
        std::filesystem::path const directory{line_.client.save_dir};
        std::filesystem::create_directories(directory, error);
        auto const path =
            (directory / fmt::format("kernel-broker-{}-{}", watch_.execution_id(), image.name))
                .lexically_normal()
                .string();
        auto const written = replace_file(path, image.text);
        told_.on_note(written ? "saved " + path : written.error().detail);
    }

    bool print_execution() {
        auto const execution =
            fetch_execution(target_.to, watch_.execution_id(), {signals_.fd(), -1}, fetch_time);
        if (!execution) {
            told_.on_note("the execution ended and could not be fetched: " +
                          execution.error().detail);
            return false;
        }
        context_.out << client::to_text(*execution) << '\n' << std::flush;
        return true;
    }

    command_line const& line_;
    command_context const& context_;
    client_target const& target_;
    client_signals signals_;
    answer_source answers_;
    client::presenter presenter_;
    execution_watch::handlers told_;
    execution_watch watch_;
    int status_ = client::no_verdict;
    bool out_failed_ = false;
};

result<std::string> code_of(client_words const& words) {
    auto code = words.code ? result<std::string>{*words.code} : read_whole_file(words.file);
    if (code && !is_utf8(*code)) {
        return fail(errc::invalid_field, "the code is not UTF-8");
    }
    if (code && code->starts_with("\xEF\xBB\xBF")) {
        code->erase(0, 3);
    }
    return code;
}

}  // namespace

exit_code run_code_command(command_line const& line, command_context const& context) {
    auto const target = make_client_target(line.client, context.environment);
    if (!target) {
        context.err << "kernel-broker: " << target.error().detail << '\n';
        return exit_code::usage;
    }
    auto const code = code_of(line.client);
    if (!code) {
        context.err << "kernel-broker: " << code.error().detail << '\n';
        return exit_code::no_answer;
    }
    return static_cast<exit_code>(code_run{line, context, *target, *code}.run());
}

}  // namespace broker
