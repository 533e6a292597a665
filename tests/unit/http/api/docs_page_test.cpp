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

/// What the page says of one operation or schema: from its heading to the next.
std::string_view section(std::string const& id) {
    auto const from = docs_page.find("<h3 id=\"" + id + "\">");
    if (from == std::string_view::npos) {
        return {};
    }
    auto const to = docs_page.find("<h3 ", from + 1);
    return docs_page.substr(from, to == std::string_view::npos ? to : to - from);
}

bool has_row(std::string_view section, std::string const& name) {
    return section.find("<td><code>" + name + "</code>") != std::string_view::npos;
}

/// A parameter of its own, or the one of that name.
json followed(json const& document, json const& value) {
    auto const reference = value.value("$ref", "");
    return reference.empty()
               ? value
               : document.value(json::json_pointer(reference.substr(1)), json::object());
}

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
        CHECK(holds("<code>" + path + "</code></h3>"));
        for (auto const& [method, operation] : item.items()) {
            if (!operation.is_object()) {
                continue;
            }
            auto const shown = section(operation.value("operationId", "none"));
            INFO(method + " " + path);
            CHECK(shown.find("<span class=\"verb " + method) != std::string_view::npos);
            auto const answers = member(operation, "responses");
            for (auto const& [status, answer] : answers.items()) {
                INFO(status);
                CHECK(has_row(shown, status));
            }
            for (auto const* const of : {&item, &operation}) {
                auto const parameters = of->value("parameters", json::array());
                for (auto const& one : parameters) {
                    auto const name = followed(document, one).value("name", "none");
                    INFO(name);
                    CHECK(has_row(shown, name));
                }
            }
        }
    }
    auto const schemas = member(member(document, "components"), "schemas");
    for (auto const& [name, schema] : schemas.items()) {
        INFO(name);
        auto const shown = section(name);
        CHECK_FALSE(shown.empty());
        auto const fields = member(schema, "properties");
        for (auto const& [field, what] : fields.items()) {
            INFO(field);
            CHECK(has_row(shown, field));
        }
    }
}
