// SPDX-License-Identifier: Apache-2.0
// Counts outputs as the broker does: neighbours of one stream are one, what is cleared is none.
// Never trusts the count: where it is not that of the outputs, their places are not known.
// One thread.
#include "broker/client/notebook_displays.hpp"

#include <utility>

namespace broker::client {

void notebook_displays::hear(std::string_view type, json const& data) {
    if (type == "stdout" || type == "stderr") {
        if (!text_of(data, "text").empty()) {
            add(type);
        }
    } else if (type == "display_data" || type == "execute_result") {
        add_display(type, data);
    } else if (type == "update_display_data") {
        if (auto id = text_of(data, "display_id"); places_.contains(id)) {
            latest_[std::move(id)] = data;
        }
    } else if (type == "error") {
        add(type);
    } else if (type == "clear_output") {
        if (truth_of(data, "wait")) {
            clear_pending_ = true;
        } else {
            clear();
        }
    }
}

void notebook_displays::add(std::string_view kind) {
    if (clear_pending_) {
        clear();
    }
    bool const merged = (kind == "stdout" || kind == "stderr") && kind == last_;
    count_ += merged ? 0 : 1;
    last_ = kind;
}

void notebook_displays::add_display(std::string_view kind, json const& data) {
    add(kind);
    auto id = text_of(data, "display_id");
    if (id.empty()) {
        return;
    }
    if (places_.contains(id)) {
        latest_[id] = data;
    }
    own_[std::move(id)].push_back(count_ - 1);
}

void notebook_displays::clear() {
    own_.clear();
    last_.clear();
    count_ = 0;
    clear_pending_ = false;
}

std::vector<notebook_displays::update> notebook_displays::end_cell(std::size_t cell,
                                                                   std::size_t outputs) {
    std::vector<update> made;
    for (auto const& [id, shown] : latest_) {
        for (auto const& at : places_[id]) {
            made.push_back({at.cell, at.output, shown});
        }
    }
    if (count_ == outputs) {  // else something was left out
        for (auto const& [id, own] : own_) {
            for (auto const output : own) {
                places_[id].push_back({cell, output});
            }
        }
    }
    latest_.clear();
    clear();
    return made;
}

}  // namespace broker::client
