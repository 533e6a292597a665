// SPDX-License-Identifier: Apache-2.0
// Typed fields of a JSON request. The first thing that is wrong is kept and every later read
// goes on with nothing, so that a facade reads all it knows and asks once. Never reads a value of a
// type it did not ask for. A view: the document outlives it; one thread at a time.
#pragma once

#include "broker/base/result.hpp"
#include "http/proto/json_request.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http {

enum class unknown_fields {
    refuse,  // /v1: also a null where a value is expected is a wrong type
    ignore,  // /run: a null counts as absent
};

class object_reader {
public:
    /// A root that is not an object is the first failure.
    object_reader(json_document const& document, unknown_fields rule);

    /// True if the field is there (and, where unknown fields are ignored, not null).
    bool has(std::string_view name) const;

    // Absent if the field is absent or wrong.
    std::optional<std::string> text(std::string_view name);
    std::optional<bool> boolean(std::string_view name);
    std::optional<double> number(std::string_view name);
    /// A whole number, also in a form such as 5e8; negative ones are refused.
    std::optional<std::uint64_t> whole(std::string_view name);
    /// An object whose values are all strings.
    std::optional<std::map<std::string, std::string>> texts(std::string_view name);
    /// An array of strings. `one_is_enough`: also a string, as an array of it.
    std::optional<std::vector<std::string>> list(std::string_view name, bool one_is_enough = false);
    /// An array of at most `most` objects, empty if absent; the fields of each are named
    /// "name.index.field".
    std::vector<object_reader> objects(std::string_view name, std::size_t most);
    /// Any value, as JSON text.
    std::optional<std::string> raw(std::string_view name);
    /// A nested object, empty if absent; its fields are named "name.field", its unknown ones count.
    object_reader object(std::string_view name);

    /// As `text`, and its absence is a failure.
    std::string required_text(std::string_view name);

    /// A rule of the caller: the first failure, if none came before.
    void reject(std::string_view name, std::string_view why);
    /// The same with a code of its own.
    void fail(broker::failure what);

    /// The first failure of this reader and of those it gave out; then the first unknown field.
    /// `invalid_field` or `unknown_field`, with a sentence that names the field.
    broker::result<void> finish() const;

private:
    struct shared;
    object_reader(std::shared_ptr<shared> state, boost::json::object const* object,
                  std::string prefix);
    boost::json::value const* look(std::string_view name);
    void wrong_type(std::string_view name, std::string_view expected);
    std::string full(std::string_view name) const;

    std::shared_ptr<shared> state_;
    boost::json::object const* object_ = nullptr;
    std::string prefix_;
    std::size_t level_ = 0;  // which entry of the shared state holds the names that were asked for
};

}  // namespace http
