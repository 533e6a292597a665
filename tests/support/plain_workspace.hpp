// SPDX-License-Identifier: Apache-2.0
// A workspace in a temporary directory, for tests that need neither root nor a mount.
// Never used where the limit on its size matters. One test.
#pragma once

#include "broker/runtime/workspace_store.hpp"
#include "tests/support/temporary_directory.hpp"

#include <memory>

namespace test {

struct plain_workspace {
    temporary_directory outside;
    std::shared_ptr<broker::workspace> in = std::make_shared<broker::workspace>();

    plain_workspace() {
        outside.write("canary", "secret");
        outside.make("data");
        outside.make("staging");
        in->owner = getuid();
        in->data.reset(openat(outside.fd(), "data", O_PATH | O_DIRECTORY | O_CLOEXEC));
        in->staging.reset(openat(outside.fd(), "staging", O_PATH | O_DIRECTORY | O_CLOEXEC));
        REQUIRE((in->data && in->staging));
    }
    void write(std::string const& name, std::string const& bytes) const {
        outside.write("data/" + name, bytes);
    }
    void make(std::string const& name) const { outside.make("data/" + name); }
    std::string read(std::string const& name) const { return outside.read("data/" + name); }
    mode_t kind(std::string const& name) const { return outside.kind("data/" + name); }
    /// Names in the staging directory; 0 when nothing was left behind.
    bool staging_is_empty() const {
        bool const empty = rmdir((outside / "staging").c_str()) == 0;
        if (empty) {
            outside.make("staging");
        }
        return empty;
    }
};

}  // namespace test
