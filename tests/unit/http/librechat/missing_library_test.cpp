// SPDX-License-Identifier: Apache-2.0
#include "http/librechat/missing_library.hpp"

#include "tests/support/catch.hpp"

using http::librechat::missing_library;

TEST_CASE("each language's words for a library that is not there", "[librechat]") {
    CHECK(missing_library("Traceback\nModuleNotFoundError: No module named 'torch'\n") == "torch");
    CHECK(missing_library("ModuleNotFoundError: No module named 'a.b'") == "a.b");
    CHECK(missing_library("Error: Cannot find module 'left-pad'\nRequire stack:\n") == "left-pad");
    CHECK(missing_library("Error in library(x) : there is no package called \u2018x\u2019\n") ==
          "x");
    CHECK(missing_library("Error in library(x) : there is no package called 'x'\n") == "x");
    CHECK(missing_library("a.c:1:10: fatal error: curl/curl.h: No such file or directory\n") ==
          "curl/curl.h");
    CHECK(missing_library("ModuleNotFoundError: No module named 'a'\n"
                          "ModuleNotFoundError: No module named 'b'\n") == "b");
}

TEST_CASE("what is no such message names nothing", "[librechat]") {
    CHECK_FALSE(missing_library(""));
    CHECK_FALSE(missing_library("No module named pip"));
    CHECK_FALSE(missing_library("Error: Cannot find module './own.js'"));
    CHECK_FALSE(missing_library("Error: Cannot find module '/mnt/data/own.js'"));
    CHECK_FALSE(missing_library("ModuleNotFoundError: No module named '"));
    CHECK_FALSE(missing_library("ModuleNotFoundError: No module named ''"));
    CHECK_FALSE(missing_library("ModuleNotFoundError: No module named 'a\nb'"));
    CHECK_FALSE(
        missing_library("ModuleNotFoundError: No module named '" + std::string(100, 'x') + "'"));
}
