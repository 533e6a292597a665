// SPDX-License-Identifier: Apache-2.0
// A form cut anywhere gives the same parts and bytes as the form in one piece, and never more than
// was put in. The first byte chooses the cut; the rest is the body.
#include "http/proto/multipart.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

struct part {
    std::string head;
    std::string data;
    bool whole = false;
};

struct form {
    std::vector<part> parts;
    std::string end;
};

form parse(std::string_view body, std::size_t piece) {
    http::multipart_parser parser("b", {16, 256, 32, 64});
    form out;
    std::size_t bytes = 0;
    auto const failed = [&] {
        out.end = "failed " + std::to_string(static_cast<int>(parser.error()));
        return out;
    };
    for (;;) {
        switch (parser.next()) {
            case http::multipart_parser::event::need_more:
                if (body.empty()) {
                    parser.finish();
                    return failed();
                }
                bytes += std::min(piece, body.size());
                parser.feed(body.substr(0, piece));
                body.remove_prefix(std::min(piece, body.size()));
                break;
            case http::multipart_parser::event::part: {
                auto const& [disposition, type] = parser.part();
                out.parts.push_back(
                    {disposition.name + "|" + disposition.file_name.value_or("-") + "|" + type,
                     {}});
                break;
            }
            case http::multipart_parser::event::data:
                if (parser.data().empty() || parser.data().size() > bytes) {
                    std::abort();
                }
                out.parts.back().data += parser.data();
                break;
            case http::multipart_parser::event::part_end:
                out.parts.back().whole = true;
                break;
            case http::multipart_parser::event::end:
                out.end = "end";
                return out;
            case http::multipart_parser::event::failed:
                return failed();
        }
    }
}

/// Of a part that broke off, how much was given out may depend on the cut; nothing else may.
bool same(part const& a, part const& b) {
    bool const begin_alike = a.data.starts_with(b.data) || b.data.starts_with(a.data);
    return a.head == b.head && a.whole == b.whole && (a.whole ? a.data == b.data : begin_alike);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    std::string_view const body(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = parse(body, std::max<std::size_t>(body.size(), 1));
    auto const cut = parse(body, std::size_t{data[0]} % 32 + 1);
    if (whole.end != cut.end || !std::equal(whole.parts.begin(), whole.parts.end(),
                                            cut.parts.begin(), cut.parts.end(), same)) {
        std::abort();
    }
    return 0;
}
