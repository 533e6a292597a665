// SPDX-License-Identifier: Apache-2.0
#include "broker/client/presenter.hpp"

#include "broker/client/verdict_text.hpp"
#include "tests/support/catch.hpp"

using namespace broker::client;
using kind = effect::kind;

namespace {

/// What two streams hold after some events; files and prompts are noted in brackets.
struct screen {
    explicit screen(presenter_options options = {}) : shown(options) {}

    screen& on(std::string type, std::string data) {
        for (auto const& one : shown.on_event({"1", std::move(type), std::move(data)})) {
            switch (one.what) {
                case kind::out:
                    out += one.text;
                    break;
                case kind::err:
                    err += one.text;
                    break;
                case kind::file:
                    files += "[" + one.name + ":" + one.text + "]";
                    break;
                case kind::ask:
                    asked += "[" + one.text + (one.secret ? ":secret]" : "]");
                    break;
                case kind::end:
                    status = one.status;
                    break;
            }
        }
        return *this;
    }

    presenter shown;
    std::string out;
    std::string err;
    std::string files;
    std::string asked;
    int status = -1;
};

constexpr presenter_options terminal{true, true};

}  // namespace

TEST_CASE("text goes where it was printed to, as it is", "[client][presenter]") {
    screen s;
    s.on("stdout", R"({"text":"a\r\u001b[1mb"})").on("stderr", R"({"text":"c\n"})");
    CHECK(s.out == "a\r\x1b[1mb");
    CHECK(s.err == "c\n");
}

TEST_CASE("a result begins a line and ends it", "[client][presenter]") {
    screen s;
    s.on("stdout", R"({"text":"a"})").on("execute_result", R"({"data":{"text/plain":"42"}})");
    CHECK(s.out == "a\n42\n");
    s.on("display_data", R"({"data":{"text/plain":"<obj>","text/markdown":["# t\n","x"]}})");
    CHECK(s.out == "a\n42\n# t\nx\n");
    s.on("display_data", R"({"data":{"text/html":"<b>"}})");
    CHECK(s.out == "a\n42\n# t\nx\n");
}

TEST_CASE("images are files; only a result shows its text too", "[client][presenter]") {
    screen s;
    s.on("display_data", R"({"data":{"image/png":"Zm9v\n","text/plain":"<Figure>"}})");
    s.on("execute_result",
         R"({"data":{"image/jpeg":"Zm9v","image/svg+xml":"<svg/>","text/plain":"x"}})");
    CHECK(s.files == "[1.png:foo][2.jpg:foo][2.svg:<svg/>]");
    CHECK(s.out == "x\n");
    s.on("display_data", R"({"data":{"image/png":"???","text/plain":"<Figure>"}})");
    CHECK(s.err == "kernel-broker: an image/png that is not base64 was left out\n");
    CHECK(s.out == "x\n<Figure>\n");
}

TEST_CASE("an image that is shown again replaces its file", "[client][presenter]") {
    screen s;
    s.on("display_data", R"({"data":{"image/png":"Zg=="},"display_id":"d"})");
    s.on("display_data", R"({"data":{"image/png":"Zg=="}})");
    s.on("update_display_data", R"({"data":{"image/png":"Zm8="},"display_id":"d"})");
    CHECK(s.files == "[1.png:f][2.png:f][1.png:fo]");
}

TEST_CASE("a line is cleared on a terminal only, and late if that was asked for",
          "[client][presenter]") {
    screen pipe;
    pipe.on("stdout", R"({"text":"a"})").on("clear_output", "{}").on("stdout", R"({"text":"b"})");
    CHECK(pipe.out == "ab");
    screen now{terminal};
    now.on("stdout", R"({"text":"a"})").on("clear_output", R"({"wait":false})");
    CHECK(now.out == "a\r\x1b[2K");
    screen late{terminal};
    late.on("stdout", R"({"text":"a"})").on("clear_output", R"({"wait":true})");
    CHECK(late.out == "a");
    late.on("stdout", R"({"text":"b\n"})").on("clear_output", R"({"wait":false})");
    CHECK(late.out == "a\r\x1b[2Kb\n");
}

TEST_CASE("a traceback keeps its colours on a terminal only", "[client][presenter]") {
    auto const* event =
        R"({"ename":"E","evalue":"v","traceback":["\u001b[0;31mE\u001b[0m: v","\u001bMx"]})";
    screen pipe;
    pipe.on("stdout", R"({"text":"a"})").on("error", event);
    CHECK(pipe.err == "E: v\nx\n");
    screen colored{terminal};
    colored.on("stdout", R"({"text":"a"})").on("error", event);
    CHECK(colored.err == "\n\x1b[0;31mE\x1b[0m: v\n\x1bMx\n");
    screen bare;
    bare.on("stderr", R"({"text":"a"})")
        .on("error", R"({"ename":"E","evalue":"v","traceback":[]})");
    CHECK(bare.err == "a\nE: v\n");
}

TEST_CASE("a program that ends itself shows its message and nothing of IPython",
          "[client][presenter]") {
    auto const hint =
        R"({"text":"/x.py:1: UserWarning: To exit: use 'exit', 'quit', or Ctrl-D.\n)"
        R"(  warn(\"To exit: use 'exit', 'quit', or Ctrl-D.\", stacklevel=1)\nmine\n"})";
    screen s;
    s.on("stderr", hint).on("error", R"({"ename":"SystemExit","evalue":"bye","traceback":["t"]})");
    s.on("end", R"({"outcome":"error","exit_code":1})");
    CHECK(s.err == "mine\nbye\n");
    for (auto const* quiet : {"", "3", "-3", "True", "False", "None"}) {
        screen q;
        q.on("end",
             std::string(
                 R"({"outcome":"error","exit_code":3,"error":{"ename":"SystemExit","evalue":")") +
                 quiet + "\"}}");
        CAPTURE(quiet);
        CHECK(q.err.empty());
        CHECK(q.status == 3);
    }
}

TEST_CASE("a prompt is asked with its text and its secrecy", "[client][presenter]") {
    screen s;
    s.on("input_request", R"({"prompt":"name? ","password":false})");
    s.on("input_request", R"({"prompt":"key? ","password":true})");
    CHECK(s.asked == "[name? ][key? :secret]");
}

TEST_CASE("a sentence of ours has a line of its own", "[client][presenter]") {
    screen pipe;
    pipe.on("stdout", R"({"text":"a"})").on("truncated", R"({"dropped_bytes":7})");
    CHECK(pipe.err == "kernel-broker: too much output: 7 bytes of it were dropped\n");
    screen one{terminal};
    one.on("stdout", R"({"text":"a"})").on("truncated", R"({"dropped_bytes":7})");
    CHECK(one.err == "\nkernel-broker: too much output: 7 bytes of it were dropped\n");
    screen queue{terminal};
    queue.on("queued", R"({"position":0})").on("queued", R"({"position":2})");
    CHECK(queue.err == "kernel-broker: waiting behind 2 others\n");
}

TEST_CASE("the last line on a terminal ends before the shell goes on", "[client][presenter]") {
    screen s{terminal};
    s.on("stdout", R"({"text":"a"})").on("end", R"({"outcome":"ok","exit_code":0})");
    CHECK(s.out == "a\n");
    CHECK(s.status == 0);
}

TEST_CASE("events that have another form than they should harm nothing", "[client][presenter]") {
    screen s{terminal};
    for (auto const* type : {"queued", "started", "stdout", "stderr", "display_data",
                             "update_display_data", "execute_result", "clear_output", "error",
                             "input_request", "truncated", "files", "message", ""}) {
        for (auto const* data :
             {"", "{", "[]", "7", "null", "{}", R"({"text":7,"data":7,"traceback":7})",
              R"({"data":{"text/plain":7,"image/png":{}},"position":"x"})"}) {
            s.on(type, data);
        }
    }
    CHECK(s.out.empty());
    CHECK(s.files.empty());
    s.on("end", "{");
    CHECK(s.status == no_verdict);
}
