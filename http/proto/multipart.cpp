// SPDX-License-Identifier: Apache-2.0
// The states of the form parser. Never gives out bytes that could still become a delimiter.
// Pure; one thread at a time.
#include "http/proto/multipart.hpp"

#include "http/proto/ascii.hpp"

#include <algorithm>

namespace http {
namespace {

constexpr std::size_t longest_boundary = 70;  // RFC 2046 §5.1.1

bool is_boundary_char(char c) {
    return ascii::is_alnum(c) ||
           std::string_view{"'()+_,-./:=? "}.find(c) != std::string_view::npos;
}

}  // namespace

std::string_view describe(multipart_error error) noexcept {
    switch (error) {
        case multipart_error::no_boundary:
            return "Content-Type must be multipart/form-data with a boundary of 1 to 70 "
                   "characters.";
        case multipart_error::preamble_too_long:
            return "The form does not start with its boundary.";
        case multipart_error::bad_delimiter:
            return "A boundary of the form is not followed by a line end.";
        case multipart_error::too_many_parts:
            return "The form has too many parts.";
        case multipart_error::header_too_long:
            return "The header of a part of the form is too long.";
        case multipart_error::bad_header:
            return "The header of a part of the form is malformed.";
        case multipart_error::no_disposition:
            return "A part of the form has no Content-Disposition: form-data with a name.";
        case multipart_error::name_too_long:
            return "A field name or file name in the form is too long.";
        case multipart_error::nested:
            return "A part of the form is a form itself; send each file as a part of its own.";
        case multipart_error::transfer_encoding:
            return "A part of the form has a transfer encoding; send the bytes as they are.";
        case multipart_error::truncated:
            return "The form ends before its last boundary.";
    }
    return "The form is malformed.";
}

std::optional<std::string> boundary_of(media_type const& type) {
    auto const* const boundary = type.param("boundary");
    if (!type.is("multipart", "form-data") || boundary == nullptr || boundary->empty() ||
        boundary->size() > longest_boundary || boundary->back() == ' ' ||
        !std::all_of(boundary->begin(), boundary->end(), is_boundary_char)) {
        return std::nullopt;
    }
    return *boundary;
}

// The first delimiter may stand at the very start: an empty line before it makes it like the
// others.
multipart_parser::multipart_parser(std::string_view boundary, multipart_limits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits), buffer_("\r\n") {}

void multipart_parser::feed(std::string_view bytes) {
    data_ = {};
    buffer_.erase(0, position_);
    position_ = 0;
    if (state_ != state::epilogue && state_ != state::failed) {
        buffer_ += bytes;
    }
}

multipart_parser::event multipart_parser::finish() {
    if (state_ == state::epilogue) {
        return event::end;
    }
    return fail(state_ == state::failed ? error_ : multipart_error::truncated);
}

multipart_parser::event multipart_parser::fail(multipart_error why) {
    state_ = state::failed;
    error_ = why;
    return event::failed;
}

multipart_parser::event multipart_parser::next() {
    switch (state_) {
        case state::preamble:
            return in_preamble();
        case state::delimiter:
            return in_delimiter();
        case state::header:
            return in_header();
        case state::data:
            return in_data();
        case state::epilogue:
            position_ = buffer_.size();
            return event::end;
        case state::failed:
            break;
    }
    return event::failed;
}

/// How many bytes at the end of the buffer could be the start of a delimiter.
std::size_t multipart_parser::held_back() const {
    auto const rest = left();
    auto const most = std::min(rest.size(), delimiter_.size() - 1);
    for (auto at = rest.find('\r', rest.size() - most); at != std::string_view::npos;
         at = rest.find('\r', at + 1)) {
        if (std::string_view(delimiter_).starts_with(rest.substr(at))) {
            return rest.size() - at;
        }
    }
    return 0;
}

multipart_parser::event multipart_parser::in_preamble() {
    auto const at = left().find(delimiter_);
    auto const skip = at == std::string_view::npos ? left().size() - held_back() : at;
    skipped_ += skip;
    position_ += skip;
    if (skipped_ > limits_.header_bytes) {
        return fail(multipart_error::preamble_too_long);
    }
    if (at == std::string_view::npos) {
        return event::need_more;
    }
    position_ += delimiter_.size();
    state_ = state::delimiter;
    return in_delimiter();
}

/// Behind a boundary: padding and a line end, or "--".
multipart_parser::event multipart_parser::in_delimiter() {
    auto const rest = left();
    if (rest.starts_with("--")) {
        state_ = state::epilogue;
        position_ = buffer_.size();
        return event::end;
    }
    auto const text = rest.find_first_not_of(" \t");
    if (std::min(text, rest.size()) > limits_.header_bytes) {
        return fail(multipart_error::bad_delimiter);
    }
    auto const after = text == std::string_view::npos ? std::string_view{} : rest.substr(text);
    if (after.empty() || after == "\r" || rest == "-") {
        return event::need_more;
    }
    if (!after.starts_with("\r\n")) {
        return fail(multipart_error::bad_delimiter);
    }
    if (++parts_ > limits_.parts) {
        return fail(multipart_error::too_many_parts);
    }
    // The line end stays: a header that is empty is then found like any other.
    position_ += text;
    state_ = state::header;
    return in_header();
}

multipart_parser::event multipart_parser::in_header() {
    auto const rest = left();
    auto const end = rest.find("\r\n\r\n");
    bool const whole = end != std::string_view::npos;
    // Three bytes more: those of the empty line that may be there already.
    if (whole ? end > limits_.header_bytes : rest.size() > limits_.header_bytes + 3) {
        return fail(multipart_error::header_too_long);
    }
    if (!whole) {
        return event::need_more;
    }
    part_ = {};
    if (auto const wrong = read_header(rest.substr(0, end))) {
        return fail(*wrong);
    }
    position_ += end + 4;
    state_ = state::data;
    return event::part;
}

std::optional<multipart_error> multipart_parser::read_header(std::string_view block) {
    bool disposed = false;
    while (!block.empty()) {
        block.remove_prefix(2);
        auto const line = block.substr(0, block.find("\r\n"));
        block.remove_prefix(line.size());
        if (auto const wrong = read_field(line, disposed)) {
            return wrong;
        }
    }
    return disposed ? std::nullopt : std::optional(multipart_error::no_disposition);
}

std::optional<multipart_error> multipart_parser::read_field(std::string_view line, bool& disposed) {
    auto const colon = std::min(line.find(':'), line.size());
    auto const name = line.substr(0, colon);
    bool const clean = std::none_of(line.begin(), line.end(),
                                    [](char c) { return ascii::is_control(c) && c != '\t'; });
    if (!clean || !ascii::is_token(name) || colon == line.size()) {
        return multipart_error::bad_header;
    }
    auto const value = ascii::trim(line.substr(colon + 1));
    if (ascii::equal(name, "Content-Disposition")) {
        auto parsed = parse_form_disposition(value);
        if (!parsed) {
            return multipart_error::no_disposition;
        }
        if (std::exchange(disposed, true)) {
            return multipart_error::bad_header;
        }
        part_.disposition = std::move(*parsed);
        auto const& file_name = part_.disposition.file_name;
        if (part_.disposition.name.size() > limits_.name_bytes ||
            (file_name && file_name->size() > limits_.file_name_bytes)) {
            return multipart_error::name_too_long;
        }
    } else if (ascii::equal(name, "Content-Type")) {
        if (!part_.content_type.empty()) {
            return multipart_error::bad_header;
        }
        part_.content_type = value;
        if (ascii::equal(value.substr(0, 10), "multipart/")) {
            return multipart_error::nested;
        }
    } else if (ascii::equal(name, "Content-Transfer-Encoding") && !ascii::equal(value, "binary") &&
               !ascii::equal(value, "8bit") && !ascii::equal(value, "7bit")) {
        return multipart_error::transfer_encoding;
    }
    return std::nullopt;
}

multipart_parser::event multipart_parser::in_data() {
    auto const rest = left();
    auto const at = rest.find(delimiter_);
    bool const found = at != std::string_view::npos;
    data_ = rest.substr(0, found ? at : rest.size() - held_back());
    position_ += data_.size();
    if (found && data_.empty()) {
        position_ += delimiter_.size();
        state_ = state::delimiter;
        return event::part_end;
    }
    return data_.empty() ? event::need_more : event::data;
}

}  // namespace http
