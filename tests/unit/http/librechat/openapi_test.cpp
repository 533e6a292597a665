// SPDX-License-Identifier: Apache-2.0
// The description of LibreChat's calls against what is served and said.
#include "http/api/openapi_text.hpp"
#include "http/librechat/facade.hpp"
#include "http/librechat/object_text.hpp"
#include "tests/support/service_stage.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>

using namespace http::librechat;
using json = nlohmann::json;
using names = std::set<std::string>;

namespace {

json const& document() {
    static json const whole = json::parse(http::api::openapi_text);
    return whole;
}

json const& schema(std::string const& name) {
    return document().at(json::json_pointer("/components/schemas/" + name));
}

json const& followed(json const& shape) {
    return shape.contains("$ref")
               ? document().at(json::json_pointer(shape["$ref"].get<std::string>().substr(1)))
               : shape;
}

/// All that is required, and nothing that is not described.
void check_described(json const& value, json const& described) {
    auto const& shape = followed(described);
    if (value.is_array() && shape.contains("items")) {
        for (auto const& one : value) {
            check_described(one, shape["items"]);
        }
    } else if (value.is_object() && shape.contains("properties")) {
        for (auto const& name : shape.value("required", json::array())) {
            INFO(name);
            CHECK(value.contains(name.get<std::string>()));
        }
        for (auto const& [name, inner] : value.items()) {
            INFO(name);
            REQUIRE(shape["properties"].contains(name));
            check_described(inner, shape["properties"][name]);
        }
    }
}

broker::file_version a_file() {
    broker::file_version one;
    one.path = "a.csv";
    one.content = broker::content_key{};
    one.read_only = true;
    return one;
}

}  // namespace

TEST_CASE("LibreChat's calls are described, at the first of their addresses",
          "[librechat][openapi]") {
    test::fake_host host;
    test::service_stage stage(host);
    facade calls(stage.api, {});
    names served;
    for (auto const& one : calls.endpoints()) {
        auto const path = std::string(one.route.pattern);
        if (!path.starts_with("/v1/") && !path.starts_with("/run/")) {
            served.insert(std::string(one.route.method) + ' ' + path);
        }
    }
    for (auto const& route : http::api::api::routes()) {
        served.erase(std::string(route.method) + ' ' + std::string(route.pattern));
    }
    names described;
    for (auto const& [path, item] : document()["paths"].items()) {
        for (auto const& [method, operation] : item.items()) {
            if (method != "parameters" && operation["tags"] == json{"librechat"}) {
                described.insert((method == "get"    ? "GET "
                                  : method == "post" ? "POST "
                                                     : "DELETE ") +
                                 path);
            }
        }
    }
    CHECK(described.erase("POST /upload/batch") == 1);  // beside /upload
    CHECK(described == served);
}

TEST_CASE("what LibreChat is told is described", "[librechat][openapi]") {
    exec_result ran;
    ran.session = broker::session_id("s");
    ran.ended.files.push_back({.path = "a", .version = broker::file_version_id("v")});
    ran.inputs.push_back({a_file(), "a"});
    ran.inputs.push_back({a_file(), "b"});
    ran.inputs[0].version.read_only = false;
    ran.runtime_session_id = "r";
    check_described(json::parse(render_exec(ran)), schema("Exec"));
    check_described(json::parse(render_tool_calls("s", "t", {{"call_001", "n", "{}"}}, "")),
                    schema("ToolCalls"));
    check_described(json::parse(render_program_error("s", "e", "", "")), schema("ProgramError"));
    for (auto const detail : {listing_detail::summary, listing_detail::full}) {
        check_described(json::parse(render_listing({a_file()}, detail))[0],
                        schema("StoredSummary"));
    }
    check_described(json::parse(render_listing({a_file()}, listing_detail::normalized))[0],
                    schema("StoredName"));
    check_described(json::parse(render_object(a_file())), schema("StoredObject"));
    check_described(json::parse(render_deleted("s", "f")), schema("StoredDeletion"));
}
