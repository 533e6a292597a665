// SPDX-License-Identifier: Apache-2.0
// multipart/form-data (RFC 7578, RFC 2046 §5.1) as it arrives: bytes go in, events come out.
// Never holds more than one piece and one part's header, and gives the same parts and bytes however
// the body is cut. Pure; one thread at a time.
#pragma once

#include "http/proto/content_disposition.hpp"
#include "http/proto/media_type.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace http {

enum class multipart_error {
    no_boundary,        // Content-Type has none, or one that RFC 2046 does not allow
    preamble_too_long,  // too much before the first delimiter
    bad_delimiter,      // the boundary is followed by something else than a line end or "--"
    too_many_parts,     //
    header_too_long,    // of one part
    bad_header,         // a line that is no field, a control character, a field given twice
    no_disposition,     // the part does not say form-data with a name
    name_too_long,      // field name or file name
    nested,             // a part that is multipart itself
    transfer_encoding,  // base64 and quoted-printable are not taken (RFC 7578 §4.7)
    truncated,          // the body ended before the last delimiter
};

/// A sentence for the client.
std::string_view describe(multipart_error error) noexcept;

struct multipart_limits {
    std::size_t parts = 1000;
    std::size_t header_bytes = std::size_t{8} * 1024;  // of one part; also of the preamble
    std::size_t name_bytes = 256;
    std::size_t file_name_bytes = 4096;
};

struct multipart_part {
    form_disposition disposition;
    std::string content_type;  // raw; empty if the part has none
};

class multipart_parser {
public:
    enum class event {
        need_more,  // `feed`, or `finish` at the end of the body
        part,       // `part()` is new
        data,       // `data()` belongs to the part; empty pieces are not given
        part_end,
        end,     // behind the last delimiter; whatever follows is ignored
        failed,  // `error()`; given again from then on
    };

    /// `boundary` comes from `boundary_of`.
    explicit multipart_parser(std::string_view boundary, multipart_limits limits = {});

    /// Hands over the next bytes. Only when `next` has said `need_more` or `end`.
    void feed(std::string_view bytes);
    /// The body is complete: `end`, or `failed` with `truncated`.
    event finish();
    event next();

    multipart_part const& part() const noexcept { return part_; }
    /// Valid until `feed` is called.
    std::string_view data() const noexcept { return data_; }
    multipart_error error() const noexcept { return error_; }

private:
    enum class state { preamble, delimiter, header, data, epilogue, failed };

    event fail(multipart_error why);
    event in_preamble();
    event in_delimiter();
    event in_header();
    event in_data();
    std::optional<multipart_error> read_header(std::string_view block);
    std::optional<multipart_error> read_field(std::string_view line, bool& disposed);
    std::string_view left() const noexcept { return std::string_view(buffer_).substr(position_); }
    std::size_t held_back() const;

    std::string const delimiter_;  // with the line end that belongs to it
    multipart_limits const limits_;
    state state_ = state::preamble;
    std::string buffer_;
    std::size_t position_ = 0;
    std::size_t skipped_ = 0;  // of the preamble
    std::size_t parts_ = 0;
    multipart_part part_;
    std::string_view data_;
    multipart_error error_ = multipart_error::truncated;
};

/// The boundary of a multipart/form-data type; absent if it has none that is allowed.
std::optional<std::string> boundary_of(media_type const& type);

}  // namespace http
