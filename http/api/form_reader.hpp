// SPDX-License-Identifier: Apache-2.0
// A multipart/form-data body, read to its end into whoever takes its parts.
// Never holds more of it than one piece, and never decides what a part means. On the loop.
#pragma once

#include "broker/base/async.hpp"
#include "broker/base/result.hpp"
#include "http/proto/message.hpp"
#include "http/proto/multipart.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace http::api {

/// What takes the parts, one after the other: `on_part`, any number of `on_data`, `on_part_end`.
/// A failure ends the reading and is the answer.
class form_sink {
public:
    virtual ~form_sink() = default;
    form_sink() = default;
    form_sink(form_sink const&) = delete;
    form_sink& operator=(form_sink const&) = delete;

    virtual broker::task<broker::result<void>> on_part(multipart_part const& part) = 0;
    virtual broker::task<broker::result<void>> on_data(std::string_view bytes) = 0;
    virtual broker::task<broker::result<void>> on_part_end() = 0;
};

/// Whether a part is a file, whatever its client calls it.
inline bool is_file_part(multipart_part const& part) {
    return part.disposition.name == "file" || part.disposition.name == "files";
}

/// Nothing at the end of the form, else the answer: 415, 413, 408, 400, or what `sink` refused.
broker::task<std::optional<response>> read_form(request const& incoming, std::uint64_t limit,
                                                form_sink& sink);

}  // namespace http::api
