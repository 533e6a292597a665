// SPDX-License-Identifier: Apache-2.0
// Targets, paths and queries of any bytes: what matches rebuilds the path that was asked for.
#include "http/proto/percent.hpp"
#include "http/proto/router.hpp"
#include "http/proto/target.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

http::router const& table() {
    static http::router const made({{"GET", "/"},
                                    {"GET", "/a"},
                                    {"PUT", "/a/{x}"},
                                    {"GET", "/a/b"},
                                    {"GET", "/a/{x}/c/{rest...}"},
                                    {"POST", "/{y}/b/c"}});
    return made;
}

/// The path that the route and its parameters stand for.
std::string rebuild(http::routing const& found) {
    std::string out{table().routes()[found.route].pattern};
    for (auto const& [name, value] : found.params) {
        for (auto const& hole : {"{" + std::string(name) + "}", "{" + std::string(name) + "...}"}) {
            if (auto const at = out.find(hole); at != std::string::npos) {
                out.replace(at, hole.size(), value);
                break;
            }
        }
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text(reinterpret_cast<char const*>(data), size);
    for (auto const* const method : {"GET", "HEAD", "PUT", "PATCH"}) {
        auto const found = table().find(method, text);
        if (found.kind == http::routing::outcome::found && text.find('{') == text.npos &&
            rebuild(found) != text) {
            std::abort();
        }
        if ((found.kind == http::routing::outcome::method_not_allowed) != !found.allow.empty()) {
            std::abort();
        }
    }
    if (auto const path = http::decode_path(text)) {
        if (path->find('\0') != std::string::npos ||
            http::decode_path(http::encode_path(*path)) != path) {
            std::abort();
        }
    }
    http::parse_query(text);
    if (auto const parts = http::parse_target(text); parts && !parts->path.starts_with('/')) {
        std::abort();
    }
    return 0;
}
