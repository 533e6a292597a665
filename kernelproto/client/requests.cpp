// SPDX-License-Identifier: Apache-2.0
// Requests written out by hand: they are few and their fields never change.
// Never sends null where a kernel wants an object. One owner at a time.
#include "kernelproto/client/requests.hpp"

#include "kernelproto/wire/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace kernelproto {
namespace {

/// The version of the specification that our requests keep to.
constexpr std::string_view protocol_version = "5.3";

request make(request_author& author, channel to, std::string_view msg_type, std::string content,
             steady_time now, std::string_view msg_id = {}) {
    request out;
    out.to = to;
    out.what.head = author.sign_off(msg_type, now, msg_id);
    out.what.content = std::move(content);
    return out;
}

}  // namespace

request_author::request_author(std::string session, steady_time now,
                               std::chrono::system_clock::time_point wall)
    : session_(std::move(session)),
      begun_(now),
      wall_us_(
          std::chrono::duration_cast<std::chrono::microseconds>(wall.time_since_epoch()).count()) {}

header request_author::sign_off(std::string_view msg_type, steady_time now,
                                std::string_view msg_id) {
    auto const passed = std::chrono::duration_cast<std::chrono::microseconds>(now - begun_).count();
    header head;
    if (msg_id.empty()) {
        head.msg_id = session_ + "_" + std::to_string(++count_);
    } else {
        head.msg_id = msg_id;
        take_over(msg_id);
    }
    head.session = session_;
    head.username = "broker";
    head.date = print_date(wall_us_ + passed);
    head.msg_type = msg_type;
    head.version = protocol_version;
    return head;
}

void request_author::take_over(std::string_view msg_id) {
    if (chosen_.size() == chosen_to_keep) {
        chosen_.pop_front();
    }
    chosen_.emplace_back(msg_id);
}

bool request_author::wrote(std::string_view msg_id) const noexcept {
    if (std::find(chosen_.begin(), chosen_.end(), msg_id) != chosen_.end()) {
        return true;
    }
    if (!msg_id.starts_with(session_) || !msg_id.substr(session_.size()).starts_with('_')) {
        return false;
    }
    msg_id.remove_prefix(session_.size() + 1);
    std::uint64_t number = 0;
    auto const* const end = msg_id.data() + msg_id.size();
    auto const parsed = std::from_chars(msg_id.data(), end, number);
    return parsed.ec == std::errc{} && parsed.ptr == end && number >= 1 && number <= count_;
}

request write_execute(request_author& author, execute_request const& what, steady_time now) {
    auto const flag = [](bool on) {
        return on ? "true" : "false";
    };
    std::string content = R"({"code":)";
    append_json_string(content, what.code);
    content.append(R"(,"silent":)").append(flag(what.silent));
    content.append(R"(,"store_history":)").append(flag(what.store_history && !what.silent));
    content.append(R"(,"user_expressions":{},"allow_stdin":)").append(flag(what.allow_stdin));
    if (!what.argv.empty()) {
        content.append(R"(,"argv":[)");
        for (auto const& word : what.argv) {
            append_json_string(content, word);
            content += ',';
        }
        content.back() = ']';
    }
    // stop_on_error would abort what is sent right after an error reply.
    content.append(R"(,"stop_on_error":false})");
    return make(author, channel::shell, "execute_request", std::move(content), now, what.msg_id);
}

request write_kernel_info(request_author& author, channel to, steady_time now) {
    return make(author, to, "kernel_info_request", "{}", now);
}

request write_interrupt(request_author& author, steady_time now) {
    return make(author, channel::control, "interrupt_request", "{}", now);
}

request write_input_reply(request_author& author, header const& asked, std::string_view value,
                          steady_time now) {
    std::string content = R"({"value":)";
    append_json_string(content, value);
    content += '}';
    auto out = make(author, channel::stdin_channel, "input_reply", std::move(content), now);
    out.what.parent = asked;
    return out;
}

}  // namespace kernelproto
