// SPDX-License-Identifier: Apache-2.0
// Each input is an upload of its own whose bytes come from the content store. Pool only.
#include "broker/service/workspace_inputs.hpp"

#include "broker/service/workspace_upload.hpp"

#include <unistd.h>

#include <cerrno>

namespace broker {
namespace {

result<void> copy(int from, std::uint64_t size, workspace_upload& to) {
    static constexpr std::size_t at_once = std::size_t{128} << 10;
    std::string piece(at_once, '\0');
    for (std::uint64_t done = 0; done < size;) {
        auto const n = ::pread(from, piece.data(), piece.size(), static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return fail(errc::internal, "a content of the version store ends early");
        }
        if (auto const written = to.write({piece.data(), static_cast<std::size_t>(n)}); !written) {
            return written.error();
        }
        done += static_cast<std::uint64_t>(n);
    }
    return {};
}

result<stored_file> place(std::shared_ptr<workspace const> in, content_store const& contents,
                          input_file const& input) {
    auto const content = contents.read(input.version.content->sha256);
    if (!content) {
        return content.error();
    }
    auto upload = workspace_upload::begin(std::move(in), input.path, {});
    if (!upload) {
        return upload.error();
    }
    if (auto done = copy(content->get(), input.version.content->size_bytes, *upload); !done) {
        return done.error();
    }
    if (input.version.read_only) {
        upload->make_read_only();
    }
    return upload->commit();
}

}  // namespace

std::vector<result<stored_file>> place_files(std::shared_ptr<workspace const> in,
                                             content_store const& contents,
                                             std::vector<input_file> const& inputs) {
    std::vector<result<stored_file>> placed;
    placed.reserve(inputs.size());
    for (auto const& one : inputs) {
        placed.push_back(place(in, contents, one));
    }
    return placed;
}

}  // namespace broker
