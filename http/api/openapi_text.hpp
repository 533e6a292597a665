// SPDX-License-Identifier: Apache-2.0
// docs/openapi.yaml as JSON, made at build time (embed_openapi.py). Never edited by hand. A
// constant.
#pragma once

#include <string_view>

namespace http::api {

extern std::string_view const openapi_text;

}  // namespace http::api
