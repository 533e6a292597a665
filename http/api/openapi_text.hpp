// SPDX-License-Identifier: Apache-2.0
// docs/openapi.yaml as JSON and as a page for people, made at build time (embed_openapi.py,
// embed_docs.py). Never edited by hand. Constants.
#pragma once

#include <string_view>

namespace http::api {

extern std::string_view const openapi_text;
extern std::string_view const docs_page;

}  // namespace http::api
