// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/kernel_session.hpp"

#include "tests/support/catch.hpp"

#include <set>

using namespace language_kernel;
using kernelproto::frame;

namespace {

constexpr std::int64_t now = 1'700'000'000'000'000;

request ask(std::string const& type, std::string content = "{}", channel from = channel::shell,
            std::string id = "m1") {
    request out;
    out.from = from;
    out.identity = "peer-" + id;
    out.what.head.msg_id = std::move(id);
    out.what.head.msg_type = type;
    out.what.content = frame{std::move(content)};
    out.what.metadata = frame{"{}"};
    return out;
}

request execute(std::string const& code, std::string id = "m1", std::string const& more = "") {
    return ask("execute_request", R"({"code":")" + code + '"' + more + '}', channel::shell,
               std::move(id));
}

cell_end exited(int status) { return {cell_end::how::exited, status, {}, shell_state::kept}; }

/// Actions in one line: where, type, whose; orders by their names.
std::string told(actions const& list) {
    std::string out;
    for (auto const& each : list) {
        out += out.empty() ? "" : " ";
        if (auto const* said = std::get_if<say>(&each)) {
            constexpr char const* names[] = {"shell:", "control:", "stdin:", ""};
            out += names[static_cast<int>(said->to)] + said->what.head.msg_type;
            if (said->what.head.msg_type == "status") {
                out = out.substr(0, out.size() - 6);
                auto const& text = said->what.content;
                out += text.substr(20, text.size() - 22);
            }
            out += said->what.parent.empty() ? "" : "/" + said->what.parent.msg_id;
        } else if (auto const* run = std::get_if<run_cell>(&each)) {
            out += "run(" + run->code + ")";
        } else if (auto const* input = std::get_if<give_input>(&each)) {
            out += "input(" + input->text + ")";
        } else {
            out += std::holds_alternative<interrupt_cell>(each) ? "interrupt" : "end";
        }
    }
    return out;
}

/// The content of the first message of a type.
std::string content_of(actions const& list, std::string const& type) {
    for (auto const& each : list) {
        if (auto const* said = std::get_if<say>(&each); said && said->what.head.msg_type == type) {
            return said->what.content;
        }
    }
    return "none";
}

struct stage {
    kernel_session kernel{*find_language("bash"), "id"};

    actions hear(request r) { return kernel.on_request(std::move(r), now); }
};

}  // namespace

TEST_CASE("a cell runs between busy and idle and is replied to once",
          "[language-kernel][session]") {
    stage s;
    CHECK(told(s.kernel.on_start(now)) == "starting");
    CHECK(told(s.hear(execute("ls"))) == "busy/m1 execute_input/m1 run(ls)");
    CHECK(s.kernel.running());
    CHECK(told(s.kernel.on_output(output_stream::out, "a", now)) == "stream/m1");
    auto const end = s.kernel.on_cell_end(exited(0), now);
    CHECK(told(end) == "shell:execute_reply/m1 idle/m1");
    CHECK(content_of(end, "execute_reply") ==
          R"({"status":"ok","execution_count":1,"payload":[],"user_expressions":{}})");
    CHECK(s.kernel.on_output(output_stream::out, "late", now).empty());
    CHECK(s.kernel.on_cell_end(exited(0), now).empty());
}

TEST_CASE("replies go to who asked and outputs to topics", "[language-kernel][session]") {
    stage s;
    s.hear(execute("ls"));
    auto const out = s.kernel.on_output(output_stream::err, "e", now);
    CHECK(std::get<say>(out[0]).before == "stream.stderr");
    CHECK(content_of(out, "stream") == R"({"name":"stderr","text":"e"})");
    auto const end = s.kernel.on_cell_end(exited(0), now);
    CHECK(std::get<say>(end[0]).before == "peer-m1");
    CHECK(std::get<say>(end[1]).before == "kernel.id.status");
}

TEST_CASE("no message id is used twice", "[language-kernel][session]") {
    stage s;
    std::set<std::string> ids;
    std::size_t said = 0;
    auto const add = [&](actions const& list) {
        for (auto const& each : list) {
            if (auto const* message = std::get_if<say>(&each)) {
                ids.insert(message->what.head.msg_id);
                ++said;
            }
        }
    };
    add(s.kernel.on_start(now));
    for (auto const* id : {"a", "b", "c"}) {
        add(s.hear(execute("x", id)));
        add(s.kernel.on_cell_end(exited(1), now));
    }
    CHECK(ids.size() == said);
}

TEST_CASE("a failed cell is told on iopub and in the reply", "[language-kernel][session]") {
    stage s;
    s.hear(execute("x"));
    auto const end = s.kernel.on_cell_end(exited(3), now);
    CHECK(told(end) == "error/m1 shell:execute_reply/m1 idle/m1");
    CHECK(content_of(end, "error") ==
          R"({"ename":"ExitStatus","evalue":"3","traceback":["exit status 3"]})");
    CHECK(
        content_of(end, "execute_reply").starts_with(R"({"status":"error","execution_count":1,)"));
}

TEST_CASE("a lost shell is told by a note and a payload", "[language-kernel][session]") {
    stage s;
    s.hear(execute("exit 0"));
    auto const end = s.kernel.on_cell_end({cell_end::how::exited, 0, {}, shell_state::ended}, now);
    CHECK(told(end) == "stream/m1 shell:execute_reply/m1 idle/m1");
    CHECK(content_of(end, "execute_reply").find(R"({"source":"shell_lost","when":"after"})") !=
          std::string::npos);
}

TEST_CASE("an error aborts what waits behind it, and only that", "[language-kernel][session]") {
    stage s;
    s.hear(execute("1", "a"));
    CHECK(s.hear(execute("2", "b")).empty());
    CHECK(s.hear(ask("kernel_info_request", "{}", channel::shell, "i")).empty());
    CHECK(s.hear(execute("3", "c")).empty());
    auto const end = s.kernel.on_cell_end(exited(1), now);
    CHECK(told(end) ==
          "error/a shell:execute_reply/a idle/a busy/b shell:execute_reply/b idle/b "
          "busy/i shell:kernel_info_reply/i idle/i busy/c shell:execute_reply/c idle/c");
    CHECK(told(s.hear(execute("4", "d"))) == "busy/d execute_input/d run(4)");
}

TEST_CASE("without stop_on_error the next cell runs", "[language-kernel][session]") {
    stage s;
    s.hear(execute("1", "a", R"(,"stop_on_error":false)"));
    s.hear(execute("2", "b"));
    CHECK(told(s.kernel.on_cell_end(exited(1), now)) ==
          "error/a shell:execute_reply/a idle/a busy/b execute_input/b run(2)");
}

TEST_CASE("a silent cell is not counted and not shown", "[language-kernel][session]") {
    stage s;
    CHECK(told(s.hear(execute("x", "a", R"(,"silent":true)"))) == "busy/a run(x)");
    s.kernel.on_cell_end(exited(0), now);
    s.hear(execute("x", "b"));
    CHECK(content_of(s.kernel.on_cell_end(exited(0), now), "execute_reply")
              .find(R"("execution_count":1)") != std::string::npos);
}

TEST_CASE("control is answered while a cell runs", "[language-kernel][session]") {
    stage s;
    s.hear(execute("x"));
    CHECK(told(s.hear(ask("interrupt_request", "{}", channel::control, "i"))) ==
          "interrupt busy/i control:interrupt_reply/i idle/i");
    CHECK(told(s.hear(ask("kernel_info_request", "{}", channel::control, "k"))) ==
          "busy/k control:kernel_info_reply/k idle/k");
    CHECK(s.hear(ask("execute_request", R"({"code":"y"})", channel::control, "e")).empty());
}

TEST_CASE("an interrupt without a cell interrupts nothing", "[language-kernel][session]") {
    stage s;
    CHECK(told(s.hear(ask("interrupt_request", "{}", channel::control))) ==
          "busy/m1 control:interrupt_reply/m1 idle/m1");
}

TEST_CASE("shutdown is answered, told to all, and is the last word", "[language-kernel][session]") {
    stage s;
    s.hear(execute("x"));
    auto const out = s.hear(ask("shutdown_request", R"({"restart":true})", channel::control, "q"));
    CHECK(told(out) == "busy/q control:shutdown_reply/q shutdown_reply/q idle/q end");
    CHECK(content_of(out, "shutdown_reply") == R"({"status":"ok","restart":true})");
    CHECK(s.hear(ask("kernel_info_request")).empty());
}

TEST_CASE("small requests get empty and valid replies", "[language-kernel][session]") {
    stage s;
    CHECK(content_of(s.hear(ask("complete_request", R"({"code":"l","cursor_pos":1})")),
                     "complete_reply") ==
          R"({"status":"ok","matches":[],"cursor_start":1,"cursor_end":1,"metadata":{}})");
    CHECK(content_of(s.hear(ask("inspect_request")), "inspect_reply") ==
          R"({"status":"ok","found":false,"data":{},"metadata":{}})");
    CHECK(content_of(s.hear(ask("is_complete_request")), "is_complete_reply") ==
          R"({"status":"unknown"})");
    CHECK(content_of(s.hear(ask("history_request")), "history_reply") ==
          R"({"status":"ok","history":[]})");
    CHECK(content_of(s.hear(ask("comm_info_request")), "comm_info_reply") ==
          R"({"status":"ok","comms":{}})");
    auto const info = content_of(s.hear(ask("kernel_info_request")), "kernel_info_reply");
    CHECK(info.find(R"("language_info":{"name":"bash","version":"","mimetype":"text/x-sh",)"
                    R"("file_extension":".sh"})") != std::string::npos);
}

TEST_CASE("an unknown type is busy, idle and nothing else", "[language-kernel][session]") {
    stage s;
    CHECK(told(s.hear(ask("comm_open"))) == "busy/m1 idle/m1");
    CHECK(told(s.hear(ask("nonsense_request"))) == "busy/m1 idle/m1");
}

TEST_CASE("a request that can not be run is an error, and the next one runs",
          "[language-kernel][session]") {
    stage s;
    CHECK(told(s.hear(ask("execute_request", R"({"code":5})"))) ==
          "busy/m1 execute_input/m1 error/m1 shell:execute_reply/m1 idle/m1");
    CHECK(told(s.hear(execute("x", "b"))) == "busy/b execute_input/b run(x)");
}

TEST_CASE("input is asked of who runs the cell, once, and only if allowed",
          "[language-kernel][session]") {
    stage s;
    s.hear(execute("x", "a"));
    CHECK(s.kernel.on_input_wanted(now).empty());
    s.kernel.on_cell_end(exited(0), now);
    s.hear(execute("x", "b", R"(,"allow_stdin":true)"));
    auto const asked = s.kernel.on_input_wanted(now);
    CHECK(told(asked) == "stdin:input_request/b");
    CHECK(std::get<say>(asked[0]).before == "peer-b");
    CHECK(s.kernel.on_input_wanted(now).empty());
    auto const reply = ask("input_reply", R"({"value":"v"})", channel::stdin_channel, "r");
    CHECK(told(s.hear(reply)) == "input(v)");
    CHECK(s.hear(reply).empty());
    CHECK(told(s.kernel.on_input_wanted(now)) == "stdin:input_request/b");
}

TEST_CASE("what waits is bounded", "[language-kernel][session]") {
    stage s;
    s.hear(execute("x", "a", R"(,"stop_on_error":false)"));
    for (std::size_t i = 0; i < kernel_session::max_waiting + 10; ++i) {
        s.hear(ask("is_complete_request", "{}", channel::shell, std::to_string(i)));
    }
    std::size_t replies = 0;
    for (auto const& each : s.kernel.on_cell_end(exited(0), now)) {
        auto const* said = std::get_if<say>(&each);
        replies += said && said->what.head.msg_type == "is_complete_reply" ? 1 : 0;
    }
    CHECK(replies == kernel_session::max_waiting);
}
