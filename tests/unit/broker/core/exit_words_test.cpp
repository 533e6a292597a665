// SPDX-License-Identifier: Apache-2.0
#include "broker/core/exit_words.hpp"

#include "tests/support/catch.hpp"

using broker::plain_stderr;
using broker::raised_error;
using broker::strip_ansi;
using broker::system_exit_status;

TEST_CASE("the value of SystemExit is read from its text", "[core][exit]") {
    CHECK(system_exit_status("") == 0);
    CHECK(system_exit_status("0") == 0);
    CHECK(system_exit_status("3") == 3);
    CHECK(system_exit_status("255") == 255);
    CHECK(system_exit_status("256") == 0);
    CHECK(system_exit_status("257") == 1);
    CHECK(system_exit_status("-1") == 255);
    CHECK(system_exit_status("-256") == 0);
    CHECK(system_exit_status("1208925819614629174706179") == 3);  // 2**80 + 3
    CHECK(system_exit_status("True") == 1);
    CHECK(system_exit_status("False") == 0);
}

TEST_CASE("any other text of SystemExit is a message", "[core][exit]") {
    for (auto const* text : {"bye", "3 errors", " 3", "3 ", "+3", "-", "007", "-0", "1.5", "0x10",
                             "true", "None", "1e3", "\xC2\xB3"}) {
        CAPTURE(text);
        CHECK_FALSE(system_exit_status(text));
    }
}

TEST_CASE("a wait status is told apart by exit and signal", "[core][exit]") {
    CHECK(broker::process_end_of(7 << 8).exit_code() == 7);
    CHECK(broker::process_end_of(7 << 8).signal == 0);
    CHECK(broker::process_end_of(11).exit_code() == 139);
    CHECK(broker::process_end_of(11).signal == 11);
    CHECK(broker::process_end_of((128 + 15) << 8).signal == 15);
    CHECK(broker::process_end_of(128 << 8).signal == 0);
    CHECK(broker::process_end_of(255 << 8).signal == 0);
    CHECK(broker::signal_words(11) == "SIGSEGV (segmentation fault)");
    CHECK(broker::signal_words(42) == "signal 42");
}

TEST_CASE("the end of a program is read from the words of the language kernel", "[core][exit]") {
    auto const end = [](std::string ename, std::string evalue) {
        return broker::program_end_of({std::move(ename), std::move(evalue), {"one line"}});
    };
    CHECK(end("ExitStatus", "3")->exit_code == 3);
    CHECK(end("ExitStatus", "3")->note.empty());
    CHECK(end("CompileError", "1")->exit_code == 1);
    auto const crash = end("Signal", "SIGSEGV (11)");
    REQUIRE(crash);
    CHECK(crash->exit_code == 139);
    CHECK(crash->by_signal);
    CHECK(crash->note == "the program was ended by SIGSEGV (segmentation fault)");
    CHECK(end("Signal", "signal (42)")->note == "the program was ended by signal 42");
    CHECK(end("MissingProgram", "rustc")->exit_code == 127);
    CHECK(end("MissingProgram", "rustc")->note == "the session's image has no rustc");
    CHECK(end("NotStarted", "no space")->exit_code == 126);
    CHECK(end("NotStarted", "no space")->note == "the code was not run: no space");
}

TEST_CASE("an exception that only bears such a name is an exception", "[core][exit]") {
    CHECK_FALSE(broker::program_end_of({"ExitStatus", "3", {"---", "Cell", "ExitStatus: 3"}}));
    CHECK_FALSE(broker::program_end_of({"ExitStatus", "3", {}}));
    for (auto const& [ename, evalue] : {std::pair{"ExitStatus", ""},
                                        {"ExitStatus", "-1"},
                                        {"ExitStatus", "256"},
                                        {"ExitStatus", "3x"},
                                        {"ExitStatus", "0000"},
                                        {"Signal", ""},
                                        {"Signal", "SIGSEGV"},
                                        {"Signal", ")"},
                                        {"Signal", "()"},
                                        {"Signal", "(0)"},
                                        {"Signal", "(65)"},
                                        {"Signal", "SIGSEGV (11) "},
                                        {"ValueError", "3"}}) {
        CAPTURE(ename, evalue);
        CHECK_FALSE(broker::program_end_of({ename, evalue, {"one line"}}));
    }
}

TEST_CASE("the end of a program has no traceback", "[core][exit]") {
    CHECK(plain_stderr("warned\n", raised_error{"ExitStatus", "3", {"exit status 3"}}, "") ==
          "warned\n");
    CHECK(plain_stderr("", raised_error{"Signal", "SIGABRT (6)", {"ended by it"}}, "a note") ==
          "kernel-broker: a note\n");
}

TEST_CASE("escape sequences are taken out, text is not", "[core][exit]") {
    CHECK(strip_ansi("plain\n\ttext") == "plain\n\ttext");
    CHECK(strip_ansi("\x1b[0;31mValueError\x1b[0m: x") == "ValueError: x");
    CHECK(strip_ansi("\x1b[38;5;28;01mx\x1b[39;00m") == "x");
    CHECK(strip_ansi("\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\") == "link");
    CHECK(strip_ansi("\x1b]0;title\atext") == "text");
    CHECK(strip_ansi("\x1b(Bx\x1b"
                     "7y") == "xy");
    CHECK(strip_ansi("a\x1b") == "a");
    CHECK(strip_ansi("a\x1b[") == "a");
    CHECK(strip_ansi("a\x1b[31") == "a");
    CHECK(strip_ansi("a\x1b]never ended").size() == 1);
    CHECK(strip_ansi("a\x1b[3\xC3\xA9z") == "a\xC3\xA9z");
    CHECK(strip_ansi("a\x1b]x\x1b[31mz") == "az");
}

TEST_CASE("a traceback follows what was printed, without colours", "[core][exit]") {
    raised_error const error{
        "ValueError", "x", {"\x1b[31m-----\x1b[0m", "Cell\n", "\x1b[31mValueError\x1b[0m: x"}};
    CHECK(plain_stderr("warned", error, "") == "warned\n-----\nCell\n\nValueError: x\n");
    CHECK(plain_stderr("", error, "") == "-----\nCell\n\nValueError: x\n");
    CHECK(plain_stderr("", raised_error{"E", "v", {}}, "") == "E: v\n");
}

TEST_CASE("printed text alone is not touched", "[core][exit]") {
    CHECK(plain_stderr("a\x1b[31mb", {}, "") == "a\x1b[31mb");
    CHECK(plain_stderr("", {}, "").empty());
}

TEST_CASE("SystemExit shows its message, no traceback and no hint on how to leave",
          "[core][exit]") {
    std::string const hint =
        "/usr/lib/python3.11/site-packages/IPython/core/interactiveshell.py:3587: UserWarning: To "
        "exit: use 'exit', 'quit', or Ctrl-D.\n"
        "  warn(\"To exit: use 'exit', 'quit', or Ctrl-D.\", stacklevel=1)\n";
    raised_error error{"SystemExit", "3", {"An exception has occurred", "SystemExit: 3"}};
    CHECK(plain_stderr("own\n" + hint, error, "") == "own\n");
    CHECK(plain_stderr(hint + "own", error, "") == "own");
    error.evalue = "no such file";
    CHECK(plain_stderr(hint, error, "") == "no such file\n");
    CHECK(plain_stderr("own", error, "") == "own\nno such file\n");
    CHECK(plain_stderr(hint, {}, "") == hint);
}

TEST_CASE("the broker's own words are the last line", "[core][exit]") {
    raised_error const error{"KeyboardInterrupt", "", {"KeyboardInterrupt: "}};
    CHECK(plain_stderr("a", error, "the time limit was reached") ==
          "a\nKeyboardInterrupt: \nkernel-broker: the time limit was reached\n");
    CHECK(plain_stderr("", {}, "gone") == "kernel-broker: gone\n");
}
