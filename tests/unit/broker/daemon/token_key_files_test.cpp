// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/token_key_files.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/signing_key.hpp"
#include "tests/support/temporary_directory.hpp"

#include <fstream>

using broker::token_key_files;
using Catch::Matchers::ContainsSubstring;
using test::signing_key;

namespace {

void write(std::string const& path, std::string const& text) {
    std::ofstream{path, std::ios::binary} << text;
}

std::string why_not(token_key_files& files) {
    auto const read = files.read();
    return read ? "read" : read.error().detail;
}

}  // namespace

TEST_CASE("key files are read again when they have changed", "[daemon][jwt]") {
    test::temporary_directory place;
    auto const a = place / "a.pem";
    auto const b = place / "b.pem";
    write(a, signing_key::ed25519().public_pem());
    write(b, signing_key::rsa().public_pem());
    token_key_files files{{a, b}};
    auto const first = files.read();
    REQUIRE((first && *first));
    CHECK((*first)->all().size() == 2);
    auto const second = files.read();
    REQUIRE(second);
    CHECK_FALSE(*second);

    write(a, signing_key("ED25519").public_pem());  // as long as the one before
    auto const third = files.read();
    REQUIRE((third && *third));
    CHECK((*third)->find("a")->bits != (*first)->find("a")->bits);
}

TEST_CASE("a broken file is told once, and its repair is seen", "[daemon][jwt]") {
    test::temporary_directory place;
    auto const a = place / "a.pem";
    auto const good = signing_key::ed25519().public_pem();
    token_key_files files{{a}};
    CHECK(why_not(files) == a + ": it cannot be read: No such file or directory");
    CHECK(why_not(files) == "read");
    write(a, good.substr(0, 40));
    CHECK_THAT(why_not(files), ContainsSubstring(a + ": "));
    CHECK(why_not(files) == "read");
    write(a, good);
    auto const repaired = files.read();
    REQUIRE((repaired && *repaired));
    REQUIRE(unlink(a.c_str()) == 0);
    CHECK_THAT(why_not(files), ContainsSubstring("cannot be read"));
    write(a, good);
    auto const back = files.read();
    CHECK((back && *back));
}

TEST_CASE("what is no file of keys is not read on", "[daemon][jwt]") {
    test::temporary_directory place;
    token_key_files directory{{place.path()}};
    CHECK_THAT(why_not(directory), ContainsSubstring("not a regular file"));
    auto const pipe = place / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    token_key_files waiting{{pipe}};
    CHECK_THAT(why_not(waiting), ContainsSubstring("not a regular file"));
    auto const large = place / "large.pem";
    write(large, std::string(300 << 10, ' ') + signing_key::ed25519().public_pem());
    token_key_files too_much{{large}};
    CHECK_THAT(why_not(too_much), ContainsSubstring("larger than 256 KiB"));
    token_key_files none{{}};
    CHECK(why_not(none) == "read");
}
