// SPDX-License-Identifier: Apache-2.0
// The entry point of every test program, compiled once. Never holds a test.
#define CATCH_CONFIG_RUNNER
#include "tests/support/catch.hpp"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
