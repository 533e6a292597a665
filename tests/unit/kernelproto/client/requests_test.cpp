// SPDX-License-Identifier: Apache-2.0
#include "kernelproto/client/requests.hpp"

#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/json_text.hpp"
#include "kernelproto/wire/session_id.hpp"
#include "tests/support/catch.hpp"

#include <set>
#include <string>

using namespace kernelproto;
using namespace std::chrono_literals;

namespace {

request_author author() { return {"ours", steady_time{}, std::chrono::system_clock::time_point{}}; }

}  // namespace

TEST_CASE("message ids never repeat, and are known again", "[client][requests]") {
    auto writes = author();
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        auto const id = writes.sign_off("x", {}).msg_id;
        REQUIRE(seen.insert(id).second);
        REQUIRE(writes.wrote(id));
    }
    CHECK_FALSE(writes.wrote("ours_1001"));
    CHECK_FALSE(writes.wrote("ours_0"));
    for (auto const* id : {"", "ours", "ours_", "ours_x", "ours_1x", "ours_-1", "ours_+1",
                           "other_1", "ours1_1", "ours_99999999999999999999999"}) {
        CAPTURE(id);
        CHECK_FALSE(writes.wrote(id));
    }
}

TEST_CASE("a chosen id is used as it is, and is known again for a while", "[client][requests]") {
    auto writes = author();
    auto const named = [](std::string id) {
        execute_request what;
        what.msg_id = std::move(id);
        return what;
    };
    auto const head = write_execute(writes, named("chosen-1"), {}).what.head;
    CHECK(head.msg_id == "chosen-1");
    CHECK(head.session == "ours");
    CHECK(write_execute(writes, named(""), {}).what.head.msg_id == "ours_1");
    CHECK(writes.wrote("chosen-1"));
    CHECK_FALSE(writes.wrote("chosen"));
    writes.take_over("another's");
    CHECK(writes.wrote("another's"));
    for (std::size_t i = 2; i < request_author::chosen_to_keep; ++i) {
        write_execute(writes, named("more-" + std::to_string(i)), {});
    }
    CHECK(writes.wrote("chosen-1"));
    write_execute(writes, named("one more"), {});
    CHECK_FALSE(writes.wrote("chosen-1"));
    CHECK(writes.wrote("another's"));
    CHECK(writes.wrote("one more"));
    CHECK_FALSE(writes.wrote(""));
}

TEST_CASE("a client that starts again writes under another session", "[client][requests]") {
    // A kernel drops a message whose signature it has seen, silently and for its whole life.
    request_author before(make_session_id(), {}, {});
    request_author after(make_session_id(), {}, {});
    signer keys("key");
    auto const one = encode(write_execute(before, {"1", false, true, false}, {}).what, keys);
    auto const two = encode(write_execute(after, {"1", false, true, false}, {}).what, keys);
    CHECK(one[1].bytes() != two[1].bytes());
}

TEST_CASE("equal requests of one author have different signatures", "[client][requests]") {
    auto writes = author();
    signer keys("key");
    CHECK(encode(write_kernel_info(writes, channel::shell, {}).what, keys)[1].bytes() !=
          encode(write_kernel_info(writes, channel::shell, {}).what, keys)[1].bytes());
}

TEST_CASE("headers are dated by the wall and the time that passed", "[client][requests]") {
    request_author writes("s", steady_time{5s}, std::chrono::system_clock::time_point{10s});
    CHECK(writes.sign_off("x", steady_time{5s}).date == "1970-01-01T00:00:10.000000Z");
    CHECK(writes.sign_off("x", steady_time{6s + 1us}).date == "1970-01-01T00:00:11.000001Z");
    auto const head = writes.sign_off("kind", steady_time{5s});
    CHECK(head.session == "s");
    CHECK(head.msg_type == "kind");
    CHECK_FALSE(head.username.empty());
    CHECK_FALSE(head.version.empty());
}

TEST_CASE("an execute_request has all six fields and never stops on error", "[client][requests]") {
    auto writes = author();
    auto const sent = write_execute(writes, {"a\n\"b\"", false, true, true}, {});
    CHECK(sent.to == channel::shell);
    CHECK(sent.what.head.msg_type == "execute_request");
    CHECK(sent.what.parent.empty());
    CHECK(sent.what.content ==
          R"({"code":"a\u000a\"b\"","silent":false,"store_history":true,"user_expressions":{},)"
          R"("allow_stdin":true,"stop_on_error":false})");
}

TEST_CASE("a silent request stores no history", "[client][requests]") {
    auto writes = author();
    auto const text = write_execute(writes, {"x", true, true, false}, {}).what.content;
    json_value const content{text};
    CHECK(content.member("silent").boolean() == true);
    CHECK(content.member("store_history").boolean() == false);
    CHECK(content.member("allow_stdin").boolean() == false);
}

TEST_CASE("code of any bytes makes a request of valid JSON", "[client][requests]") {
    auto writes = author();
    for (std::string const& code : {std::string("\0\x1f\x7f", 3), std::string("\xff\xfe"),
                                    std::string("\\u0000\"}"), std::string("\U0001F600")}) {
        auto const content = write_execute(writes, {code, false, true, false}, {}).what.content;
        CHECK(json_object::parse(frame{content}).has_value());
    }
}

TEST_CASE("interrupts go to control, kernel_info where it is wanted", "[client][requests]") {
    auto writes = author();
    CHECK(write_interrupt(writes, {}).to == channel::control);
    CHECK(write_interrupt(writes, {}).what.head.msg_type == "interrupt_request");
    CHECK(write_interrupt(writes, {}).what.content == "{}");
    CHECK(write_kernel_info(writes, channel::control, {}).to == channel::control);
    CHECK(write_kernel_info(writes, channel::shell, {}).what.head.msg_type ==
          "kernel_info_request");
}

TEST_CASE("arguments are sent where there are some", "[client][requests]") {
    auto writes = author();
    execute_request what{"x"};
    what.argv = {"one", "two \"words\"", ""};
    CHECK(write_execute(writes, what, {}).what.content ==
          R"({"code":"x","silent":false,"store_history":true,"user_expressions":{},)"
          R"("allow_stdin":false,"argv":["one","two \"words\"",""],"stop_on_error":false})");
}
