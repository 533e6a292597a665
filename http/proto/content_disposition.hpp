// SPDX-License-Identifier: Apache-2.0
// Content-Disposition, written for downloads (RFC 6266) and read from form parts (RFC 7578).
// Never writes a control character, and never takes a file name for a path: that is the caller's
// decision. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace http {

/// `attachment; filename="…"; filename*=UTF-8''…` for a file name of any bytes. The second form is
/// there when the first cannot say it; what is not UTF-8 becomes U+FFFD.
std::string attachment(std::string_view file_name);

struct form_disposition {
    std::string name;
    std::optional<std::string> file_name;  // as sent; filename* wins over filename
};

/// Absent unless it is form-data with a name, well-formed. In file names %22 and `\"` are a quote,
/// as browsers write it.
std::optional<form_disposition> parse_form_disposition(std::string_view value);

}  // namespace http
