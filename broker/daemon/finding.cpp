// SPDX-License-Identifier: Apache-2.0
// Findings as text and as JSON. Never drops one. Pure.
#include "broker/daemon/finding.hpp"

#include "broker/base/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace broker {
namespace {

struct level_form {
    std::string_view word;
    std::string_view color;
};

level_form form_of(finding_level level) {
    constexpr std::array<level_form, 3> forms{
        {{"ok", "\x1b[32m"}, {"warn", "\x1b[33m"}, {"fail", "\x1b[31m"}}};
    return forms.at(static_cast<std::size_t>(level));
}

std::ptrdiff_t count(findings const& all, finding_level level) {
    return std::ranges::count(all, level, &finding::level);
}

}  // namespace

bool can_run(findings const& all) { return count(all, finding_level::fail) == 0; }

std::string to_text(findings const& all, bool color) {
    std::string out;
    for (auto const& one : all) {
        auto const form = form_of(one.level);
        out += fmt::format("{}{:<4}{}  {:<18} {}\n", color ? form.color : "", form.word,
                           color ? "\x1b[0m" : "", one.topic, one.text);
        if (!one.mend.empty()) {
            out += fmt::format("{:<24} -> {}\n", "", one.mend);
        }
    }
    out += fmt::format("\n{}: {} ok, {} to consider, {} in the way\n",
                       can_run(all) ? "Sessions can run here" : "Sessions cannot run here",
                       count(all, finding_level::ok), count(all, finding_level::warn),
                       count(all, finding_level::fail));
    return out;
}

std::string to_json(findings const& all) {
    std::string out;
    json_object object{out};
    object.boolean("can_run", can_run(all));
    auto& list = object.member("findings");
    list += '[';
    for (std::size_t i = 0; i < all.size(); ++i) {
        list += i > 0 ? "," : "";
        json_object item{list};
        item.string("level", form_of(all[i].level).word)
            .string("topic", all[i].topic)
            .string("text", all[i].text)
            .string("mend", all[i].mend)
            .close();
    }
    list += ']';
    object.close();
    return out + "\n";
}

}  // namespace broker
