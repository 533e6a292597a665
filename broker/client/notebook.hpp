// SPDX-License-Identifier: Apache-2.0
// A notebook (nbformat 4) as a value: its code, and the outputs that executions put into it.
// Never touches what it does not know: other members stay as they are, in their order.
// A value; any thread, one at a time.
#pragma once

#include "broker/base/result.hpp"
#include "broker/client/json_value.hpp"
#include "broker/client/notebook_displays.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace broker::client {

class notebook {
public:
    /// Gives cells ids where nbformat 4.5 wants them, and empties the outputs of all code cells
    /// that are not skipped by their tags. Errors say what is wrong with the document.
    static result<notebook> parse(std::string_view text);

    /// Places of the cells that are to be run: code cells that are not empty and have no tag
    /// `skip-execution`.
    std::vector<std::size_t> const& to_run() const noexcept { return to_run_; }

    /// What the notebook says its language is; empty: nothing.
    std::string language() const;
    std::string source(std::size_t cell) const;
    /// The tag `raises-exception`: an error of the cell is expected.
    bool may_raise(std::size_t cell) const;

    /// An event of the cell that runs: an update may be of a display in an earlier cell. In order,
    /// before `take_outputs` of the cell.
    void hear(std::string_view type, json const& data) { displays_.hear(type, data); }

    /// `execution` is the JSON of GET /v1/executions/{eid}; outputs of an unknown form are left
    /// out.
    void take_outputs(std::size_t cell, json const& execution);

    /// As nbformat writes it: one space a level, a line end at the end.
    std::string text() const;

private:
    explicit notebook(json document) : document_(std::move(document)) {}

    result<void> prepare();
    json& cell_at(std::size_t cell);
    json const& cell_at(std::size_t cell) const;

    json document_;
    notebook_displays displays_;
    std::vector<std::size_t> to_run_;
};

}  // namespace broker::client
