// SPDX-License-Identifier: Apache-2.0
#include "broker/base/sha256.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace broker;

TEST_CASE("digests are those of FIPS 180-4, in one piece or many", "[base][sha256]") {
    CHECK(to_hex(sha256{}.finish()) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256 pieces;
    pieces.add("a");
    pieces.add("");
    pieces.add("bc");
    CHECK(to_hex(pieces.finish()) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("only 64 lower-case digits are read back", "[base][sha256]") {
    auto const digest = sha256{}.finish();
    auto const text = to_hex(digest);
    CHECK(sha256_from_hex(text) == digest);
    CHECK_FALSE(sha256_from_hex(text.substr(1)));
    CHECK_FALSE(sha256_from_hex(text + "0"));
    CHECK_FALSE(sha256_from_hex("E" + text.substr(1)));
    CHECK_FALSE(sha256_from_hex("g" + text.substr(1)));
}

TEST_CASE("a file is hashed up to the size asked for and not short of it", "[base][sha256]") {
    test::temporary_directory dir;
    std::string const big(300'000, 'x');
    dir.write("big", big);
    unique_fd const file{open((dir / "big").c_str(), O_RDONLY | O_CLOEXEC)};
    sha256 whole;
    whole.add(big);
    CHECK(sha256_of_file(file.get(), big.size()) == whole.finish());
    CHECK(sha256_of_file(file.get(), 0) == sha256{}.finish());
    CHECK_FALSE(sha256_of_file(file.get(), big.size() + 1));
    CHECK_FALSE(sha256_of_file(-1, 1));
}
