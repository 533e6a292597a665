// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/wire/content.hpp"

#include "kernelproto/wire/errc.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <vector>

using namespace kernelproto;
using kind = rich_output::kind;

namespace {

frame json(std::string text) { return frame{std::move(text)}; }

template <class T>
bool bad(result<T> const& read) {
    return !read && read.error() == wire_errc::bad_content;
}

}  // namespace

TEST_CASE("a status is one of three, or another", "[wire][content]") {
    CHECK(read_status(json(R"({"execution_state":"busy"})")).value() == execution_state::busy);
    CHECK(read_status(json(R"({"execution_state":"idle"})")).value() == execution_state::idle);
    CHECK(read_status(json(R"({"execution_state":"starting"})")).value() ==
          execution_state::starting);
    CHECK(read_status(json(R"({"execution_state":"resting"})")).value() == execution_state::other);
    CHECK(bad(read_status(json(R"({"execution_state":1})"))));
    CHECK(bad(read_status(json("{}"))));
}

TEST_CASE("every reader refuses what is not a JSON object", "[wire][content]") {
    for (auto const* text : {"", "null", "[]", "{", "1", "{}}"}) {
        CAPTURE(text);
        CHECK(bad(read_status(json(text))));
        CHECK(bad(read_execute_input(json(text))));
        CHECK(bad(read_stream(json(text))));
        CHECK(bad(read_clear_output(json(text))));
        CHECK(bad(read_error(json(text))));
        CHECK(bad(read_input_request(json(text))));
        CHECK(bad(read_execute_reply(json(text))));
        CHECK(bad(read_kernel_info_reply(json(text))));
        CHECK(bad(read_rich_output(kind::display_data, json(text))));
    }
}

TEST_CASE("printed text comes with its stream", "[wire][content]") {
    auto const out = read_stream(json(R"({"name":"stdout","text":"a\nb"})")).value();
    CHECK(out.name == stream_text::stream::stdout_stream);
    CHECK(out.text == "a\nb");
    CHECK(read_stream(json(R"({"name":"stderr","text":""})")).value().name ==
          stream_text::stream::stderr_stream);
    CHECK(bad(read_stream(json(R"({"name":"stdlog","text":"x"})"))));
    CHECK(bad(read_stream(json(R"({"name":"stdout"})"))));
    CHECK(bad(read_stream(json(R"({"name":"stdout","text":["x"]})"))));
}

TEST_CASE("of printed text that is too long the beginning and the end are kept",
          "[wire][content]") {
    std::string const text = "begin" + std::string(max_content_bytes, 'x') + "end";
    auto const content = json(R"({"name":"stdout","text":")" + text + "\"}");
    auto const out = read_stream(content).value();
    CHECK(out.text.size() <= max_content_bytes);
    CHECK(out.text.size() > max_content_bytes - 1024 * 1024);
    CHECK(out.text.size() + out.missing == text.size());
    CHECK(out.text.substr(0, 6) == "beginx");
    CHECK(out.text.substr(out.text.size() - 4) == "xend");
    CHECK(read_stream(json(R"({"name":"stdout","text":"x"})")).value().missing == 0);
}

TEST_CASE("other contents that are too long are refused", "[wire][content]") {
    std::string const filler(max_content_bytes, ' ');
    CHECK(bad(read_status(json(R"({"execution_state":"idle"})" + filler))));
    CHECK(bad(read_execute_reply(json(R"({"status":"ok"})" + filler))));
    CHECK(bad(read_rich_output(kind::display_data, json(R"({"data":{}})" + filler))));
}

TEST_CASE("raw bytes of a file name in printed text become U+FFFD", "[wire][content]") {
    CHECK(read_stream(json("{\"name\":\"stdout\",\"text\":\"caf\xE9.txt\"}")).value().text ==
          "caf\uFFFD.txt");
}

TEST_CASE("a lone surrogate escape in printed text becomes U+FFFD", "[wire][content]") {
    CHECK(read_stream(json(R"({"name":"stdout","text":"\ud800"})")).value().text == "\uFFFD");
}

TEST_CASE("data and metadata are the kernel's own bytes", "[wire][content]") {
    auto const output = read_rich_output(
        kind::display_data, json(R"({"data" : {"text/plain":"x" , "application/json":{"a":[1e3]}},)"
                                 R"("metadata":{"k" : 1},"transient":{"display_id":"d1"}})"));
    REQUIRE(output.has_value());
    CHECK(output->data == R"({"text/plain":"x" , "application/json":{"a":[1e3]}})");
    CHECK(output->metadata == R"({"k" : 1})");
    CHECK(output->display_id == "d1");
    CHECK_FALSE(output->execution_count);
}

TEST_CASE("a result carries its count, a display does not", "[wire][content]") {
    auto const text = R"({"data":{},"metadata":{},"execution_count":7})";
    CHECK(read_rich_output(kind::execute_result, json(text)).value().execution_count == 7);
    CHECK_FALSE(read_rich_output(kind::display_data, json(text)).value().execution_count);
}

TEST_CASE("what only adorns a display may be missing or wrong", "[wire][content]") {
    for (auto const* text : {R"({"data":{}})", R"({"data":{},"metadata":null,"transient":null})",
                             R"({"data":{},"metadata":[],"transient":{"display_id":7}})"}) {
        CAPTURE(text);
        auto const output = read_rich_output(kind::display_data, json(text));
        REQUIRE(output.has_value());
        CHECK(output->metadata == "{}");
        CHECK_FALSE(output->display_id);
    }
}

TEST_CASE("a display without data, or an update of nothing, is refused", "[wire][content]") {
    CHECK(bad(read_rich_output(kind::display_data, json("{}"))));
    CHECK(bad(read_rich_output(kind::display_data, json(R"({"data":[]})"))));
    CHECK(bad(read_rich_output(kind::display_data, json(R"({"data":"x"})"))));
    CHECK(bad(read_rich_output(kind::update_display_data, json(R"({"data":{}})"))));
}

TEST_CASE("an error is read with as many lines as are kept", "[wire][content]") {
    auto const error =
        read_error(json(R"({"ename":"E","evalue":"v","traceback":["a",1,"b"]})")).value();
    CHECK(error.ename == "E");
    CHECK(error.evalue == "v");
    CHECK(error.traceback == std::vector<std::string>{"a", "b"});
    CHECK(read_error(json("{}")).value().ename.empty());

    std::string many = R"({"traceback":["")";
    for (std::size_t i = 0; i < max_traceback_lines + 4; ++i) {
        many += R"(,"")";
    }
    auto const cut = read_error(json(many + "]}")).value().traceback;
    REQUIRE(cut.size() == max_traceback_lines + 1);
    CHECK(cut.back() == "(5 more lines)");
}

TEST_CASE("replies say ok, error or aborted", "[wire][content]") {
    using status = execute_reply::status;
    auto const ok =
        read_execute_reply(json(R"({"status":"ok","execution_count":3,"payload":[]})")).value();
    CHECK(ok.what == status::ok);
    CHECK(ok.execution_count == 3);
    CHECK_FALSE(ok.error);
    CHECK_FALSE(ok.ask_exit);
    auto const error =
        read_execute_reply(json(R"({"status":"error","ename":"E","evalue":"v","traceback":["t"]})"))
            .value();
    CHECK(error.what == status::error);
    REQUIRE(error.error);
    CHECK(error.error->traceback.size() == 1);
    auto const aborted = read_execute_reply(json(R"({"status":"aborted"})")).value();
    CHECK(aborted.what == status::aborted);
    CHECK_FALSE(aborted.execution_count);
    CHECK(bad(read_execute_reply(json("{}"))));
    CHECK(bad(read_execute_reply(json(R"({"status":"fine"})"))));
}

TEST_CASE("exit() is seen in the payload, exit(keep_kernel=True) is not the end",
          "[wire][content]") {
    auto const asks = [](std::string const& payload) {
        return read_execute_reply(json(R"({"status":"ok","payload":)" + payload + "}"))
            .value()
            .ask_exit;
    };
    CHECK(asks(R"([{"source":"ask_exit","keepkernel":false}])"));
    CHECK(asks(R"([{"source":"page"},{"source":"ask_exit"}])"));
    CHECK_FALSE(asks(R"([{"source":"ask_exit","keepkernel":true}])"));
    CHECK_FALSE(asks(R"([{"source":"page"}])"));
    CHECK_FALSE(asks("null"));
    CHECK_FALSE(asks(R"(["ask_exit"])"));
}

TEST_CASE("exit(n) keeps the kernel, whatever n is but nothing", "[wire][content]") {
    auto const after = [](std::string const& keep) {
        return read_execute_reply(
                   json(R"({"status":"ok","payload":[{"source":"ask_exit","keepkernel":)" + keep +
                        "}]}"))
            .value();
    };
    for (auto const* keep : {"null", "false", "0", "0.0", "-0.0", "\"\"", "[]", "{}"}) {
        CAPTURE(keep);
        CHECK(after(keep).ask_exit);
        CHECK_FALSE(after(keep).exit_with);
    }
    auto const [keep, with] = GENERATE(table<std::string, std::string>(
        {{"1", "1"}, {"-3", "-3"}, {"1.5", "1.5"}, {R"("no more")", "no more"}, {"[1]", "[1]"}}));
    CHECK_FALSE(after(keep).ask_exit);
    CHECK(after(keep).exit_with == with);
    CHECK_FALSE(after("true").exit_with);
}

TEST_CASE("small contents fall back to their defaults", "[wire][content]") {
    CHECK(read_execute_input(json(R"({"code":"1","execution_count":4})")).value().execution_count ==
          4);
    CHECK(read_execute_input(json("{}")).value().execution_count == 0);
    CHECK(read_clear_output(json(R"({"wait":true})")).value().wait);
    CHECK_FALSE(read_clear_output(json("{}")).value().wait);
    auto const input = read_input_request(json(R"({"prompt":"? ","password":true})")).value();
    CHECK(input.prompt == "? ");
    CHECK(input.password);
    CHECK_FALSE(read_input_request(json("{}")).value().password);
}

TEST_CASE("a kernel's account of itself is read, in whatever version", "[wire][content]") {
    auto const info =
        read_kernel_info_reply(
            json(R"({"status":"ok","protocol_version":"5.3","implementation":"ipython",)"
                 R"("implementation_version":"9.1","language_info":{"name":"python",)"
                 R"("version":"3.11.2"},"banner":"x","supported_features":["a"]})"))
            .value();
    CHECK(info.implementation == "ipython");
    CHECK(info.implementation_version == "9.1");
    CHECK(info.protocol_version == "5.3");
    CHECK(info.language == "python");
    CHECK(info.language_version == "3.11.2");
    CHECK(read_kernel_info_reply(json("{}")).value().language.empty());
}

TEST_CASE("a shell that was lost is seen in the payload", "[wire][content]") {
    auto const lost = [](std::string const& payload) {
        return read_execute_reply(
                   json(R"({"status":"error","ename":"ExitStatus","evalue":"3","payload":)" +
                        payload + "}"))
            .value()
            .shell_lost;
    };
    CHECK(lost(R"([{"source":"shell_lost","when":"after"}])"));
    CHECK_FALSE(lost("[]"));
    CHECK_FALSE(lost(R"([{"source":"page"}])"));
}
