// SPDX-License-Identifier: Apache-2.0
// Content bytes of a peer through every reader, and without their middle. No input may crash one;
// whatever is told must be valid UTF-8, and raw slices must be JSON objects by a strict parser's
// word. One thread.
#include "kernelproto/wire/content.hpp"
#include "kernelproto/wire/excerpt.hpp"
#include "kernelproto/wire/json_text.hpp"
#include "kernelproto/wire/utf8.hpp"

#include <boost/json/parse.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

using namespace kernelproto;

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void require_object(std::string const& text) {
    boost::json::parse_options options;
    options.max_depth = max_json_depth;
    boost::system::error_code why;
    auto const value = boost::json::parse(text, why, {}, options);
    require(!why && value.is_object());
}

void require_text(raised const& error) {
    require(is_utf8(error.ename) && is_utf8(error.evalue));
    require(error.traceback.size() <= max_traceback_lines + 1);
    for (auto const& line : error.traceback) {
        require(is_utf8(line));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    frame const content{std::string(reinterpret_cast<char const*>(data), size)};
    if (auto const out = read_stream(content)) {
        require(is_utf8(out->text));
    }
    excerpt_sizes const sizes{size / 3, size / 4};
    if (sizes.tail_bytes > 0 && size > sizes.held_bytes()) {
        auto const cut = excerpt_of(content, sizes);
        require(cut.size() == size && cut.bytes().size() <= sizes.held_bytes());
        if (auto const out = read_stream(cut)) {
            require(is_utf8(out->text) && out->missing == cut.cut()->left_out);
        }
    }
    if (auto const out = read_rich_output(rich_output::kind::execute_result, content)) {
        require_object(out->data);
        require_object(out->metadata);
        require(is_utf8(out->display_id.value_or("")));
    }
    if (auto const out = read_error(content)) {
        require_text(*out);
    }
    if (auto const out = read_execute_reply(content); out && out->error) {
        require_text(*out->error);
    }
    if (auto const out = read_input_request(content)) {
        require(is_utf8(out->prompt));
    }
    if (auto const out = read_kernel_info_reply(content)) {
        require(is_utf8(out->implementation) && is_utf8(out->language));
    }
    (void)read_status(content);
    (void)read_execute_input(content);
    (void)read_clear_output(content);
    return 0;
}
