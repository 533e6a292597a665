// SPDX-License-Identifier: Apache-2.0
// The page for people: complete, and of itself alone.
#include "http/api/openapi_text.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

using http::api::docs_page;
using http::api::openapi_text;

namespace {

using nlohmann::json;

/// The object of that name, or an empty one.
json member(json const& of, std::string const& name) { return of.value(name, json::object()); }

bool holds(std::string_view text) { return docs_page.find(text) != std::string_view::npos; }

/// Values of an attribute, in order.
std::vector<std::string> values_of(std::string const& attribute) {
    std::vector<std::string> all;
    auto const start = attribute + "=\"";
    for (auto at = docs_page.find(start); at != std::string_view::npos;
         at = docs_page.find(start, at + 1)) {
        auto const from = at + start.size();
        all.emplace_back(docs_page.substr(from, docs_page.find('"', from) - from));
    }
    return all;
}

}  // namespace

TEST_CASE("the page loads nothing and runs nothing", "[http][docs]") {
    for (auto const* const word :
         {"http://", "https://", "src=", "<script", "<link", "<img", "<iframe", "<object", "<form",
          "@import", "url(", "javascript:", "onclick", "onload", "style=\""}) {
        INFO(word);
        CHECK_FALSE(holds(word));
    }
}

TEST_CASE("each link of the page leads into it, or to the description", "[http][docs]") {
    auto const ids = values_of("id");
    std::set<std::string> const targets(ids.begin(), ids.end());
    CHECK(targets.size() == ids.size());
    for (auto const& href : values_of("href")) {
        INFO(href);
        CHECK((href == "/openapi.json" ||
               (href.starts_with('#') && targets.contains(href.substr(1)))));
    }
}

TEST_CASE("the page shows each route, parameter, field and answer", "[http][docs]") {
    auto const document = json::parse(openapi_text, nullptr, false);
    auto const paths = member(document, "paths");
    for (auto const& [path, item] : paths.items()) {
        INFO(path);
        CHECK(holds("<code>" + path + "</code></h3>"));
        for (auto const& [method, operation] : item.items()) {
            if (operation.is_object()) {
                auto const id = operation.value("operationId", "none");
                CHECK(holds("<h3 id=\"" + id + "\"><span class=\"verb " + method));
            }
        }
    }
    auto const parts = member(document, "components");
    auto const schemas = member(parts, "schemas");
    for (auto const& [name, schema] : schemas.items()) {
        INFO(name);
        CHECK(holds("<h3 id=\"" + name + "\">"));
        auto const fields = member(schema, "properties");
        for (auto const& [field, what] : fields.items()) {
            INFO(field);
            CHECK(holds("<td><code>" + field + "</code>"));
        }
    }
    auto const parameters = member(parts, "parameters");
    for (auto const& [name, one] : parameters.items()) {
        INFO(name);
        CHECK(holds("<td><code>" + one.value("name", "none") + "</code>"));
    }
    for (auto const* const status : {"200", "201", "206", "404", "507"}) {
        CHECK(holds(std::string("<td><code>") + status + "</code></td>"));
    }
}
