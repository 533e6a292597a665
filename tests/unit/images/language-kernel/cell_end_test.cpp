// SPDX-License-Identifier: Apache-2.0
#include "images/language-kernel/cell_end.hpp"

#include "tests/support/catch.hpp"

#include <signal.h>

using namespace language_kernel;

namespace {

std::string told(cell_end const& end) {
    auto const error = error_of(end);
    return error ? error->ename + '|' + error->evalue + '|' + error->traceback.at(0) : "ok";
}

cell_end ended(cell_end::how what, int number, std::string detail = {}) {
    return {what, number, std::move(detail), shell_state::kept};
}

}  // namespace

TEST_CASE("every end of a cell has its words", "[language-kernel][cell_end]") {
    using how = cell_end::how;
    CHECK(told(ended(how::exited, 0)) == "ok");
    CHECK(told(ended(how::exited, 3)) == "ExitStatus|3|exit status 3");
    CHECK(told(ended(how::signalled, SIGSEGV)) == "Signal|SIGSEGV (11)|ended by SIGSEGV (11)");
    CHECK(told(ended(how::signalled, 34)) == "Signal|signal (34)|ended by signal (34)");
    CHECK(told(ended(how::compile_failed, 1)) ==
          "CompileError|1|the program was not compiled: exit status 1");
    CHECK(told(ended(how::program_missing, 0, "rustc")) ==
          "MissingProgram|rustc|not in this image: the program rustc");
    CHECK(told(ended(how::not_started, 0, "no space")) ==
          "NotStarted|no space|the code was not run: no space");
}

TEST_CASE("a status of wait becomes an exit status or a signal", "[language-kernel][cell_end]") {
    CHECK(end_of_process(0) == ended(cell_end::how::exited, 0));
    CHECK(end_of_process(3 << 8) == ended(cell_end::how::exited, 3));
    CHECK(end_of_process(SIGKILL) == ended(cell_end::how::signalled, SIGKILL));
    CHECK(end_of_compiler(1 << 8) == ended(cell_end::how::compile_failed, 1));
    CHECK(end_of_compiler(SIGINT) == ended(cell_end::how::compile_failed, 130));
}

TEST_CASE("a lost shell is told, a kept one is not", "[language-kernel][cell_end]") {
    CHECK(shell_note(shell_state::kept).empty());
    CHECK(shell_note(shell_state::ended).find("variables") != std::string::npos);
}
