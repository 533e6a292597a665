// SPDX-License-Identifier: Apache-2.0
#include "broker/base/beneath.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <atomic>
#include <cstdio>
#include <thread>

namespace beneath = broker::beneath;
using broker::unique_fd;

namespace {

constexpr int rounds = 10'000;

/// Runs `flip` in a second thread, as the session's code would, while `look` is called `rounds`
/// times.
template <class Flip, class Look>
void race(Flip flip, Look look) {
    std::atomic<bool> done{false};
    std::thread session([&] {
        while (!done.load(std::memory_order_relaxed)) {
            flip();
        }
    });
    for (int i = 0; i < rounds; ++i) {
        look();
    }
    done = true;
    session.join();
}

}  // namespace

TEST_CASE("a name that flips between file and symlink never leaks what it points to",
          "[base][beneath][race]") {
    test::temporary_directory outside;
    outside.write("canary", "secret");
    outside.make("data");
    outside.write("data/honest", "honest");
    outside.link("../canary", "data/link");
    outside.make("data/folder");
    outside.write("data/folder/canary", "honest");
    outside.link("..", "data/up");
    unique_fd const root{openat(outside.fd(), "data", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    auto const swap = [&](char const* a, char const* b) {
        renameat2(root.get(), a, root.get(), b, RENAME_EXCHANGE);
    };
    int served = 0;
    int leaked = 0;
    race(
        [&] {
            swap("honest", "link");
            swap("folder", "up");
        },
        [&] {
            for (auto const* path : {"honest", "link", "folder/canary", "up/canary"}) {
                if (auto const file = beneath::open_file(root.get(), path, getuid())) {
                    ++served;
                    leaked += test::read_all(file->get()) == "honest" ? 0 : 1;
                }
            }
        });
    CHECK(leaked == 0);
    CHECK(served > 0);
}

TEST_CASE("removing and replacing under a flipping name leaves the outside alone",
          "[base][beneath][race]") {
    test::temporary_directory outside;
    outside.write("canary", "secret");
    outside.make("data");
    outside.make("staging");
    outside.make("data/folder");
    outside.link("..", "data/up");
    unique_fd const root{openat(outside.fd(), "data", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    unique_fd const staging{openat(outside.fd(), "staging", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    int stored = 0;
    race([&] { renameat2(root.get(), "folder", root.get(), "up", RENAME_EXCHANGE); },
         [&] {
             (void)beneath::remove_file(root.get(), "folder/canary", getuid());
             auto const file = beneath::nameless_file(staging.get(), getuid());
             auto const parent = beneath::make_parent(root.get(), "folder/canary", getuid());
             if (file && parent &&
                 beneath::give_name(file->get(), parent->get(), "canary", staging.get(),
                                    beneath::if_exists::replace)) {
                 ++stored;
             }
         });
    CHECK(outside.read("canary") == "secret");
    CHECK(stored > 0);
}
