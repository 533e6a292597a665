// SPDX-License-Identifier: Apache-2.0
// Which outputs of a notebook show which display, so that a later cell's update reaches them.
// Never holds what a display shows longer than the cell that said it runs. A value; one thread.
#pragma once

#include "broker/client/json_value.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace broker::client {

class notebook_displays {
public:
    /// What output `output` of `cell`, a cell of before, shows from now on.
    struct update {
        std::size_t cell = 0;
        std::size_t output = 0;
        json shown;  // has `data` and `metadata`, as in an event
    };

    /// An event of the execution that runs; in order, each once.
    void hear(std::string_view type, json const& data);

    /// The execution was that of `cell`, which holds `outputs` now. What they show is up to date
    /// already: updates within an execution are the broker's work.
    std::vector<update> end_cell(std::size_t cell, std::size_t outputs);

private:
    struct place {
        std::size_t cell = 0;
        std::size_t output = 0;
    };

    void add(std::string_view kind);
    void add_display(std::string_view kind, json const& data);
    void clear();

    std::map<std::string, std::vector<place>, std::less<>> places_;  // of the cells of before
    // Of the execution that runs:
    std::map<std::string, std::vector<std::size_t>, std::less<>> own_;
    std::map<std::string, json, std::less<>> latest_;
    std::size_t count_ = 0;
    std::string last_;  // kind of the last output
    bool clear_pending_ = false;
};

}  // namespace broker::client
