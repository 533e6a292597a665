// SPDX-License-Identifier: Apache-2.0
#include "broker/core/execution_text.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/openapi_text.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/refusal.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using nlohmann::json;
using names = std::set<std::string>;

json const nothing;
std::vector<std::string> const librechat = {"librechat"};

json parsed(std::string_view text) { return json::parse(text, nullptr, false); }

json const& document() {
    static json const whole = parsed(http::api::openapi_text);
    return whole;
}

/// The member; null where there is none.
json const& member(json const& of, std::string const& name) {
    auto const at = of.is_object() ? of.find(name) : of.end();
    return at == of.end() ? nothing : *at;
}

std::string text(json const& of) {
    auto const* const found = of.get_ptr<json::string_t const*>();
    return found == nullptr ? std::string{} : *found;
}

/// What a `$ref` stands for, or the value itself; null for a reference to nothing.
json const& followed(json const& value) {
    auto const target = text(member(value, "$ref"));
    if (target.empty()) {
        return value;
    }
    if (!target.starts_with("#/")) {
        return nothing;
    }
    json::json_pointer const where(target.substr(1));
    return document().contains(where) ? document().at(where) : nothing;
}

json const& schema(std::string const& name) {
    return member(member(member(document(), "components"), "schemas"), name);
}

std::vector<std::string> words(json const& list) {
    std::vector<std::string> all;
    for (auto const& one : list) {
        all.push_back(text(one));
    }
    return all;
}

names keys(json const& object) {
    names all;
    for (auto const& [name, value] : object.items()) {
        all.insert(name);
    }
    return all;
}

/// Calls `visit(method and path, operation)` for each operation.
template <class Visit>
void each_operation(Visit visit) {
    static names const methods = {"get", "put", "post", "delete", "options", "head", "patch"};
    for (auto const& [path, item] : member(document(), "paths").items()) {
        for (auto const& [method, operation] : item.items()) {
            if (methods.contains(method)) {
                std::string name = method;
                for (char& c : name) {
                    c = static_cast<char>(c - 'a' + 'A');
                }
                name += ' ';
                name += path;
                visit(name, operation);
            }
        }
    }
}

template <class Visit>
void each_reference(json const& value, Visit& visit) {
    for (auto const& [name, inner] : value.items()) {
        if (name == "$ref" && inner.is_string()) {
            visit(value);
        } else if (inner.is_structured()) {
            each_reference(inner, visit);
        }
    }
}

/// Each object of `value` has the members that its schema requires, and no other than it describes.
void check_described(json const& value, json const& described, std::string const& where) {
    INFO(where);
    auto const& shape = followed(described);
    auto const& members = member(shape, "properties");
    if (value.is_object() && members.is_object()) {
        auto const required = words(member(shape, "required"));
        for (auto const& name : required) {
            CHECK(value.contains(name));
        }
        for (auto const& [name, inner] : value.items()) {
            INFO(name);
            CHECK(members.contains(name));
            check_described(inner, member(members, name), where + "." + name);
        }
    } else if (value.is_array()) {
        for (auto const& one : value) {
            check_described(one, member(shape, "items"), where + "[]");
        }
    } else if (value.is_object()) {
        for (auto const& one : member(shape, "oneOf")) {
            if (followed(one).contains("properties")) {
                check_described(value, one, where);
            }
        }
    }
}

template <class Enum>
void check_words(std::string const& name, Enum last) {
    INFO(name);
    auto const listed = words(member(schema(name), "enum"));
    CHECK(listed.size() == static_cast<std::size_t>(last) + 1);
    std::set<Enum> meant;
    for (auto const& word : listed) {
        INFO(word);
        auto const value = broker::from_string<Enum>(word);
        CHECK(value.has_value());
        if (value) {
            meant.insert(*value);
        }
    }
    CHECK(meant.size() == listed.size());
}

}  // namespace

TEST_CASE("the description is OpenAPI 3.1 and its references lead somewhere", "[http][openapi]") {
    CHECK(text(member(document(), "openapi")) == "3.1.0");
    auto check = [](json const& holder) {
        INFO(text(member(holder, "$ref")));
        CHECK_FALSE(followed(holder).is_null());
    };
    each_reference(document(), check);
}

TEST_CASE("the router serves what is described, and nothing else", "[http][openapi]") {
    names served;
    for (auto const& route : http::api::api::routes()) {
        std::string path(route.pattern);
        if (auto const tail = path.find("...}"); tail != std::string::npos) {
            path.erase(tail, 3);
        }
        served.insert(std::string(route.method).append(" ").append(path));
    }
    // LibreChat's are in a folder of their own, with a test of their own.
    names described;
    each_operation([&](std::string const& name, json const& operation) {
        if (served.contains(name) || words(member(operation, "tags")) != librechat) {
            described.insert(name);
        }
    });
    CHECK(served == described);
}

TEST_CASE("each operation has its own id and an answer that is no error", "[http][openapi]") {
    names ids;
    each_operation([&](std::string const& name, json const& operation) {
        INFO(name);
        auto const id = text(member(operation, "operationId"));
        CHECK_FALSE(id.empty());
        CHECK(ids.insert(id).second);
        bool success = false;
        for (auto const& [status, answer] : member(operation, "responses").items()) {
            success = success || status.starts_with('2');
        }
        CHECK(success);
    });
}

TEST_CASE("each error that is described is the one problem document", "[http][openapi]") {
    each_operation([](std::string const& name, json const& operation) {
        for (auto const& [status, answer] : member(operation, "responses").items()) {
            if (status.starts_with('2') || status.starts_with('3')) {
                continue;
            }
            INFO(name + " " + status);
            if (status == "422" && words(member(operation, "tags")) == librechat) {
                continue;  // `unsupported_capability`, in the words of its official server
            }
            auto const& content = member(followed(answer), "content");
            CHECK(keys(content) == names{"application/problem+json"});
            auto const& shape = member(member(content, "application/problem+json"), "schema");
            CHECK(text(member(shape, "$ref")) == "#/components/schemas/Problem");
        }
    });
}

TEST_CASE("routes without a key are those that say so", "[http][openapi]") {
    names open;
    each_operation([&](std::string const& name, json const& operation) {
        auto const& security = member(operation, "security");
        if (security.is_array() && security.empty()) {
            open.insert(name);
        } else {
            INFO(name);
            CHECK(member(operation, "responses").contains("401"));
        }
    });
    CHECK(open == names{"GET /healthz", "GET /readyz", "GET /version", "GET /openapi.json",
                        "GET /docs", "GET /health"});
    CHECK(member(document(), "security").size() == 3);
}

TEST_CASE("the codes that are described are the codes that are given", "[http][openapi]") {
    names given = {"not_ready"};  // of /readyz alone
    for (int i = 0; i <= static_cast<int>(broker::errc::internal); ++i) {
        given.emplace(http::api::describe({static_cast<broker::errc>(i), {}}).code);
    }
    for (int i = 0; i <= static_cast<int>(http::refusal::version_not_supported); ++i) {
        given.emplace(http::describe(static_cast<http::refusal>(i), {}).code);
    }
    auto const listed = words(member(schema("ProblemCode"), "enum"));
    names const described(listed.begin(), listed.end());
    CHECK(described.size() == listed.size());
    CHECK(given == described);
}

TEST_CASE("the words that are described are the words that are said", "[http][openapi]") {
    check_words("ExecutionState", broker::execution_state::done);
    check_words("Outcome", broker::outcome::unknown);
    check_words("SessionState", broker::session_state::lost);
    check_words("StateReason", broker::state_reason::host_restart);
    check_words("DeathKind", broker::death_kind::runtime_lost);
    check_words("SessionStatus", broker::session_status::closing);
    using change = broker::file_change::kind;
    CHECK(words(member(schema("FileChangeKind"), "enum")) ==
          std::vector<std::string>{std::string(to_string(change::created)),
                                   std::string(to_string(change::modified)),
                                   std::string(to_string(change::deleted))});
}

TEST_CASE("the fields that are described are the fields that are sent", "[http][openapi]") {
    broker::execution e;
    e.files = {{"a", broker::file_change::kind::created, 1},
               {"b", broker::file_change::kind::deleted, 0}};
    e.error = broker::raised_error{"E", "v", {"line"}};
    e.died_of = broker::death{};
    check_described(parsed(broker::execution_json(e)), schema("Execution"), "execution");
    check_described(parsed(broker::summary_json(e)), schema("ExecutionSummary"), "summary");
    broker::execution_page const executions{{broker::summary_json(e)}, broker::execution_id("x")};
    check_described(parsed(http::api::render_execution_page(executions)), schema("ExecutionPage"),
                    "executions");
    check_described(parsed(http::api::render_run(e)), schema("Run"), "run");

    broker::session_page const sessions{{broker::session_view{}}, "next"};
    check_described(parsed(http::api::render_session_page(sessions)), schema("SessionPage"),
                    "sessions");
    broker::file_page files;
    files.files.emplace_back();
    check_described(parsed(http::api::render_file_page(files, "s")), schema("FilePage"), "files");
    check_described(parsed(http::api::render_stored_file({})), schema("StoredFile"), "file");
    broker::version_page versions;
    versions.versions.emplace_back();
    check_described(parsed(http::api::render_version_page(versions)), schema("VersionPage"),
                    "versions");
    check_described(parsed(std::get<std::string>(http::api::to_response({{}, "d"}).body)),
                    schema("Problem"), "problem");
}

TEST_CASE("bodies below /v1 take no other fields", "[http][openapi]") {
    for (auto const* name :
         {"SessionRequest", "LimitsRequest", "ExecutionRequest", "InputRequest"}) {
        INFO(name);
        CHECK(member(schema(name), "additionalProperties") == json(false));
    }
}
