// SPDX-License-Identifier: Apache-2.0
// The protocol's rules. Never performs anything: orders are actions. Pure; one owner.
#include "images/language-kernel/kernel_session.hpp"

#include "images/language-kernel/replies.hpp"

#include <algorithm>
#include <utility>

namespace language_kernel {
namespace {

using kernelproto::header;

constexpr std::string_view request_suffix = "_request";

/// `x_reply` for `x_request`.
std::string reply_type(std::string const& type) {
    return type.substr(0, type.size() - request_suffix.size()) + "_reply";
}

}  // namespace

kernel_session::kernel_session(language const& of, std::string id)
    : language_(of), id_(std::move(id)) {}

void kernel_session::say_on(actions& out, channel to, std::string before, std::string type,
                            std::string content, header parent) {
    header head{id_ + '_' + std::to_string(++said_),
                id_,
                "kernel",
                kernelproto::print_date(now_),
                std::move(type),
                "5.3"};
    out.emplace_back(
        say{to, std::move(before), {std::move(head), std::move(parent), std::move(content)}});
}

void kernel_session::publish(actions& out, std::string_view type, std::string content,
                             header const& parent) {
    say_on(out, channel::iopub, "kernel." + id_ + '.' + std::string{type}, std::string{type},
           std::move(content), parent);
}

void kernel_session::answer(actions& out, request const& to, std::string content) {
    say_on(out, to.from, to.identity, reply_type(to.what.head.msg_type), std::move(content),
           to.what.head);
}

actions kernel_session::on_start(std::int64_t now) {
    now_ = now;
    actions out;
    publish(out, "status", status_content("starting"), {});
    return out;
}

actions kernel_session::on_request(request heard, std::int64_t now) {
    now_ = now;
    actions out;
    if (ending_) {
        return out;
    }
    if (heard.from == channel::control) {
        on_control(out, heard);
    } else if (heard.from == channel::stdin_channel) {
        on_input_reply(out, heard);
    } else {
        auto const bytes = heard.what.content.bytes().size();
        if (waiting_.size() < max_waiting && waiting_bytes_ + bytes <= max_waiting_bytes) {
            waiting_bytes_ += bytes;
            waiting_.push_back(std::move(heard));
        }
        advance(out);
    }
    return out;
}

/// Not behind a cell, and never one itself.
void kernel_session::on_control(actions& out, request const& heard) {
    if (heard.what.head.msg_type == "interrupt_request" && running_) {
        out.emplace_back(interrupt_cell{});
    }
    if (heard.what.head.msg_type != "execute_request") {
        handle(out, heard);
    }
}

void kernel_session::advance(actions& out) {
    while (!running_ && !ending_ && !waiting_.empty()) {
        auto const next = std::move(waiting_.front());
        waiting_.pop_front();
        waiting_bytes_ -= next.what.content.bytes().size();
        bool const aborted = aborting_ > 0 && next.what.head.msg_type == "execute_request";
        aborting_ -= std::min<std::size_t>(aborting_, 1);
        if (aborted) {
            publish(out, "status", status_content("busy"), next.what.head);
            answer(out, next, aborted_content());
            publish(out, "status", status_content("idle"), next.what.head);
        } else if (next.what.head.msg_type == "execute_request") {
            begin_cell(out, next);
        } else {
            handle(out, next);
        }
    }
}

void kernel_session::handle(actions& out, request const& heard) {
    auto const& parent = heard.what.head;
    publish(out, "status", status_content("busy"), parent);
    // A type that is unknown gets no reply.
    if (auto content = answer_to(heard)) {
        answer(out, heard, *content);
        if (parent.msg_type == "shutdown_request") {
            publish(out, "shutdown_reply", std::move(*content), parent);
            ending_ = true;
        }
    }
    publish(out, "status", status_content("idle"), parent);
    if (ending_) {
        out.emplace_back(end_kernel{});
    }
}

std::optional<std::string> kernel_session::answer_to(request const& heard) const {
    auto const& type = heard.what.head.msg_type;
    auto const& content = heard.what.content;
    if (type == "kernel_info_request") {
        return kernel_info_content(language_);
    }
    if (type == "interrupt_request") {
        return ok_content();
    }
    if (type == "shutdown_request") {
        return shutdown_content(read_restart(content));
    }
    if (type == "is_complete_request") {
        return is_complete_content();
    }
    if (type == "complete_request") {
        return complete_content(read_cursor_pos(content));
    }
    if (type == "inspect_request") {
        return inspect_content();
    }
    if (type == "history_request") {
        return history_content();
    }
    if (type == "comm_info_request") {
        return comm_info_content();
    }
    return std::nullopt;
}

void kernel_session::begin_cell(actions& out, request const& heard) {
    auto what = read_execute_request(heard.what);
    auto const& parent = heard.what.head;
    if (what.store_history) {
        ++count_;
    }
    publish(out, "status", status_content("busy"), parent);
    if (!what.silent) {
        publish(out, "execute_input", execute_input_content(what.code, count_), parent);
    }
    running_ = cell{parent, heard.identity, std::move(what), false};
    auto& mine = running_->what;
    if (!mine.refused.empty()) {
        end_cell(out, {cell_end::how::not_started, 0, mine.refused, shell_state::kept});
        return;
    }
    out.emplace_back(run_cell{std::move(mine.code), std::move(mine.argv), mine.allow_stdin});
}

actions kernel_session::on_output(output_stream from, std::string_view text, std::int64_t now) {
    now_ = now;
    actions out;
    if (running_ && !text.empty()) {
        std::string const name = from == output_stream::out ? "stdout" : "stderr";
        say_on(out, channel::iopub, "stream." + name, "stream", stream_content(name, text),
               running_->parent);
    }
    return out;
}

actions kernel_session::on_input_wanted(std::int64_t now) {
    now_ = now;
    actions out;
    if (running_ && running_->what.allow_stdin && !running_->asked) {
        running_->asked = true;
        say_on(out, channel::stdin_channel, running_->identity, "input_request",
               input_request_content(), running_->parent);
    }
    return out;
}

void kernel_session::on_input_reply(actions& out, request const& heard) {
    if (heard.what.head.msg_type == "input_reply" && running_ && running_->asked) {
        running_->asked = false;
        out.emplace_back(give_input{read_input_value(heard.what.content)});
    }
}

actions kernel_session::on_cell_end(cell_end const& end, std::int64_t now) {
    now_ = now;
    actions out;
    if (running_) {
        end_cell(out, end);
        advance(out);
    }
    return out;
}

void kernel_session::end_cell(actions& out, cell_end const& end) {
    auto const ended = *std::exchange(running_, std::nullopt);
    if (auto const note = shell_note(end.shell); !note.empty()) {
        say_on(out, channel::iopub, "stream.stderr", "stream", stream_content("stderr", note),
               ended.parent);
    }
    auto const error = error_of(end);
    if (error) {
        publish(out, "error", error_content(*error), ended.parent);
        if (ended.what.stop_on_error && !ended.what.silent) {
            aborting_ = waiting_.size();
        }
    }
    say_on(out, channel::shell, ended.identity, "execute_reply", execute_reply_content(end, count_),
           ended.parent);
    publish(out, "status", status_content("idle"), ended.parent);
}

}  // namespace language_kernel
