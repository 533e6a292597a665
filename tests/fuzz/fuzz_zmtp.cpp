// SPDX-License-Identifier: Apache-2.0
// Bytes of a kernel through `zmtp::peer`, cut in two ways, from the greeting on and from the first
// frame on, with and without excerpts of what is long. No input may crash it, pass its limit, or
// mean something else when it is cut elsewhere.
// One thread.
#include "kernelproto/zmtp/peer.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace kernelproto;

namespace {

constexpr std::size_t limit = 5000;

struct heard {
    std::vector<zmtp::peer::message> whole;
    std::string output;
    std::optional<zmtp::fault> failed;
};

heard hear(zmtp::peer_options options, std::string_view before, std::string_view bytes,
           std::size_t piece, bool direct) {
    options.max_message_bytes = limit;
    options.max_frames = 10;
    zmtp::peer p{options};
    heard h;
    p.feed(before, h.whole);
    while (!bytes.empty() && !p.failed()) {
        auto now = bytes.substr(0, piece);
        bytes.remove_prefix(now.size());
        auto const room = p.room();
        if (auto const into = std::min(room.size(), now.size()); direct && into > 0) {
            std::copy_n(now.data(), into, room.data());
            p.filled(into, h.whole);
            now.remove_prefix(into);
        }
        p.feed(now, h.whole);
        if (p.unfinished_bytes() > limit + 64 * 1024) {
            std::abort();
        }
    }
    h.output = p.take_output();
    h.failed = p.failed();
    return h;
}

bool same(heard const& a, heard const& b) {
    return a.output == b.output && a.failed == b.failed &&
           std::equal(a.whole.begin(), a.whole.end(), b.whole.begin(), b.whole.end(),
                      [](auto const& x, auto const& y) {
                          return x.bytes == y.bytes && x.bytes <= limit &&
                                 std::equal(x.frames.begin(), x.frames.end(), y.frames.begin(),
                                            y.frames.end(), [](frame const& f, frame const& g) {
                                                return f.bytes() == g.bytes() &&
                                                       f.size() == g.size();
                                            });
                      });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace std::string_literals;
    static std::string const greeted = zmtp::greeting();
    static std::string const router = greeted + "\x04\x1C\x05READY\x0BSocket-Type\0\0\0\x06ROUTER"s;
    static std::string const publisher =
        greeted + "\x04\x1A\x05READY\x0BSocket-Type\0\0\0\x04XPUB"s;
    if (size < 2) {
        return 0;
    }
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 2, size - 2);
    auto const ours = (data[0] & 1U) != 0 ? zmtp::socket_type::sub : zmtp::socket_type::dealer;
    auto const& established = ours == zmtp::socket_type::sub ? publisher : router;
    auto const before = (data[0] & 2U) != 0   ? std::string_view{established}
                        : (data[0] & 4U) != 0 ? std::string_view{greeted}
                                              : std::string_view{};
    std::size_t const piece = 1U + data[1];
    zmtp::peer_options options;
    options.ours = ours;
    if ((data[0] & 16U) != 0) {
        options.excerpts = std::make_shared<long_frames>("key", 300, excerpt_sizes{100, 30});
    }
    if (!same(hear(options, before, bytes, piece, (data[0] & 8U) != 0),
              hear(options, before, bytes, bytes.size() + 1, false))) {
        std::abort();
    }
    return 0;
}
