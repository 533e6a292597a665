// SPDX-License-Identifier: Apache-2.0
// A form cut anywhere gives the same parts and bytes as the form in one piece, and never more than
// was put in. The first byte chooses the cut; the rest is the body.
#include "http/proto/multipart.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

std::string parse(std::string_view body, std::size_t piece) {
    http::multipart_parser parser("b", {16, 256, 32, 64});
    std::string log;
    std::size_t bytes = 0;
    for (;;) {
        switch (parser.next()) {
            case http::multipart_parser::event::need_more:
                if (body.empty()) {
                    parser.finish();
                    return log + "!" + std::to_string(static_cast<int>(parser.error()));
                }
                bytes += std::min(piece, body.size());
                parser.feed(body.substr(0, piece));
                body.remove_prefix(std::min(piece, body.size()));
                break;
            case http::multipart_parser::event::part:
                log += "[" + parser.part().disposition.name + "|" +
                       parser.part().disposition.file_name.value_or("-") + "|" +
                       parser.part().content_type + "]";
                break;
            case http::multipart_parser::event::data:
                if (parser.data().empty() || parser.data().size() > bytes) {
                    std::abort();
                }
                log += parser.data();
                break;
            case http::multipart_parser::event::part_end:
                log += ";";
                break;
            case http::multipart_parser::event::end:
                return log + "end";
            case http::multipart_parser::event::failed:
                return log + "!" + std::to_string(static_cast<int>(parser.error()));
        }
    }
}

/// Data before a failure may differ in how much of it was given out; parts and the end may not.
std::string without_trailing_data(std::string const& log) {
    auto const mark = log.rfind('!');
    return mark == std::string::npos ? log : log.substr(mark);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    std::string_view const body(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = parse(body, std::max<std::size_t>(body.size(), 1));
    auto const cut = parse(body, std::size_t{data[0]} % 32 + 1);
    if (without_trailing_data(whole) != without_trailing_data(cut)) {
        std::abort();
    }
    return 0;
}
