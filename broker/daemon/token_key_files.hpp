// SPDX-License-Identifier: Apache-2.0
// The files of jwt_key_files as they are now, and whether they have changed since the last look.
// Never gives half of them: one that is broken spoils all. Blocks; one thread at a time.
#pragma once

#include "broker/base/result.hpp"
#include "http/api/token_keys.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace broker {

class token_key_files {
public:
    explicit token_key_files(std::vector<std::string> paths) : paths_(std::move(paths)) {}

    /// All keys; nothing when the files are as at the last call, good or bad. `internal` with a
    /// sentence that names the file: it cannot be read, is no regular file, is larger than 256 KiB,
    /// or is not what `token_keys::read` takes.
    result<std::optional<http::api::token_keys>> read();

private:
    using look = std::variant<std::vector<http::api::token_keys::file>, std::string>;
    look look_now() const;

    std::vector<std::string> paths_;
    look last_;
};

}  // namespace broker
