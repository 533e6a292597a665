// SPDX-License-Identifier: Apache-2.0
// Routes, and the way of one execution from body to answer. On the loop; long answers are written
// on the pool.
#include "http/librechat/facade.hpp"

#include "broker/base/sha256.hpp"
#include "http/api/problem.hpp"
#include "http/librechat/languages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace http::librechat {
namespace {

using broker::errc;
using broker::fail;

constexpr std::size_t longest_shown = 100;

/// Literals, since a router keeps views.
struct paths {
    std::string_view exec, programmatic, cancel, health, files, file, object;
};

constexpr std::array<paths, 3> bases = {{
    {"/exec", "/exec/programmatic", "/exec/programmatic/cancel", "/health", "/files/{sid}",
     "/files/{sid}/{fid}", "/sessions/{sid}/objects/{fid}"},
    {"/v1/exec", "/v1/exec/programmatic", "/v1/exec/programmatic/cancel", "/v1/health",
     "/v1/files/{sid}", "/v1/files/{sid}/{fid}", "/v1/sessions/{sid}/objects/{fid}"},
    {"/run/exec", "/run/exec/programmatic", "/run/exec/programmatic/cancel", "/run/health",
     "/run/files/{sid}", "/run/files/{sid}/{fid}", "/run/sessions/{sid}/objects/{fid}"},
}};

/// One session for all languages of a hint. Hashed, as names of sessions are short.
std::string live_name(std::string const& hint) {
    broker::sha256 hash;
    hash.add(hint);
    return "librechat:" + broker::to_hex(hash.finish());
}

/// Sessions that answers named by their id. Others are nobody's to go on in.
constexpr std::string_view lineage = "librechat:lineage:";

std::string shown(file_ref const& ref) {
    auto const& text = ref.name.empty() ? ref.id : ref.name;
    return text.substr(0, longest_shown);
}

}  // namespace

std::vector<api::endpoint> facade::endpoints() {
    std::vector<api::endpoint> all;
    auto const add = [&](std::string_view method, std::string_view pattern,
                         broker::task<response> (facade::*answer)(api::call)) {
        all.push_back({{method, pattern},
                       [this, answer](api::call here) { return (this->*answer)(std::move(here)); },
                       false,
                       pattern.find("/exec") != std::string_view::npos});
    };
    for (auto const& at : bases) {
        add("POST", at.exec, &facade::exec);
        add("POST", at.programmatic, &facade::programmatic);
        add("POST", at.cancel, &facade::cancel_program);
        add("GET", at.files, &facade::list_files);
        add("DELETE", at.file, &facade::delete_object);
        add("GET", at.object, &facade::get_object);
        add("DELETE", at.object, &facade::delete_object);
        all.push_back({{"GET", at.health}, &facade::health, true});
    }
    return all;
}

broker::task<response> facade::health(api::call) {
    response answer;
    answer.headers.add("Content-Type", "text/plain; charset=utf-8");
    answer.body = std::string("OK");
    co_return answer;
}

broker::task<response> facade::exec(api::call here) {
    auto& pool = service_.context().pool;
    auto body = co_await api::read_json(here.incoming, settings_.json_body_bytes, pool);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    auto wanted = read_exec(std::get<json_document>(body));
    if (!wanted) {
        co_return api::to_response(wanted.error());
    }
    auto done = co_await run(here, *std::move(wanted));
    if (!done) {
        co_return api::to_response(done.error());
    }
    co_return api::json_response(
        200,
        co_await broker::offload(pool, [result = std::make_shared<exec_result>(*std::move(done))] {
            return render_exec(*result);
        }));
}

broker::result<std::string> facade::kernel_for(std::string const& language,
                                               bool keeps_state) const {
    auto const served = service_.languages();
    if (!served) {
        return served.error();
    }
    for (auto const& kernel : kernels_for(language, keeps_state)) {
        if (std::find(served->begin(), served->end(), kernel) != served->end()) {
            return kernel;
        }
    }
    return fail(errc::unsupported_language,
                fmt::format("Unsupported language: {} (this image has: {})", language,
                            fmt::join(*served, ", ")));
}

broker::task<broker::result<std::vector<broker::wanted_input>>> facade::find_inputs(
    std::vector<std::string> tenants, std::vector<file_ref> const& refs,
    std::vector<std::string>& notes) {
    std::vector<broker::wanted_input> inputs;
    if (refs.empty()) {
        co_return inputs;
    }
    std::vector<broker::file_version_id> ids;
    for (auto const& ref : refs) {
        ids.emplace_back(broker::is_random_id(ref.id) ? ref.id : "");
    }
    auto found = co_await service_.stored_files().find(std::move(tenants), std::move(ids));
    if (!found) {
        co_return found.error();
    }
    for (std::size_t i = 0; i < refs.size(); ++i) {
        auto& one = (*found)[i];
        if (!one) {
            notes.push_back(
                fmt::format("The file {} is not available any more; it has to be "
                            "uploaded or made again.",
                            shown(refs[i])));
            continue;
        }
        auto path = refs[i].name.empty() ? one->path : refs[i].name;
        if (path.starts_with(answers_folder) && path.substr(answers_folder.size(), 1) == "/") {
            notes.push_back(fmt::format("The file {} is not put in place: the folder is reserved.",
                                        shown(refs[i])));
            continue;
        }
        // The last of one name is the file.
        std::erase_if(inputs, [&path](auto const& before) { return before.path == path; });
        inputs.push_back({*std::move(one), std::move(path)});
    }
    co_return inputs;
}

broker::task<broker::result<facade::begun_run>> facade::begin(api::call here,
                                                              exec_request const& wanted,
                                                              std::string kernel,
                                                              std::optional<std::string> live) {
    begun_run out;
    auto& frame = out.frame;
    frame.language = wanted.language;
    frame.knows_inherited = wanted.knows_inherited;
    frame.max_files = settings_.max_files;
    frame.max_text_bytes = settings_.max_text_bytes;
    auto inputs = co_await find_inputs(here.tenants(), wanted.files, frame.notes);
    if (!inputs) {
        co_return inputs.error();
    }
    auto const begun =
        co_await service_.begin_run(here.tenant, std::move(kernel), *inputs, std::move(live));
    if (!begun) {
        co_return begun.error();
    }
    out.run = *begun;
    frame.session = out.run->files();
    for (std::size_t i = 0; i < inputs->size(); ++i) {
        auto& one = (*inputs)[i];
        if (auto const& why = out.run->not_placed[i]) {
            frame.notes.push_back(fmt::format("The file {} could not be put in place: {}.",
                                              one.path.substr(0, longest_shown), why->detail));
        } else {
            frame.inputs.push_back({std::move(one.version), std::move(one.path)});
        }
    }
    co_return out;
}

broker::task<std::optional<std::string>> facade::live_session(api::call here,
                                                              exec_request const& wanted,
                                                              std::vector<std::string>& notes) {
    auto const& hint = wanted.runtime_session_hint;
    if (hint && is_runtime_hint(*hint)) {
        co_return live_name(*hint);
    }
    if (settings_.keeps_session_id) {
        auto const& id = wanted.session_id;
        auto earlier = broker::is_random_id(id)
                           ? service_.name_of(here.tenant, broker::session_id(id))
                           : std::nullopt;
        if (earlier && earlier->starts_with(lineage)) {
            co_return earlier;
        }
        // That of an upload never had anything in memory.
        auto const files = broker::is_random_id(id) ? co_await service_.stored_files().of_session(
                                                          here.tenants(), broker::session_id(id), 1)
                                                    : std::vector<broker::file_version>{};
        bool const is_upload = files && !files->empty() && !files->front().execution;
        if (!id.empty() && !is_upload) {
            notes.emplace_back(
                "There is no session of that session_id any more, and nothing of it in memory: "
                "this call starts anew.");
        }
        co_return std::string(lineage) + broker::make_random_id();
    }
    if (hint) {
        notes.emplace_back(
            "The runtime_session_hint is not one of LibreChat's: nothing is kept for a later "
            "call.");
    }
    co_return std::nullopt;
}

broker::task<broker::result<exec_result>> facade::run(api::call here, exec_request wanted) {
    std::vector<std::string> notes;
    auto const live = co_await live_session(here, wanted, notes);
    auto const kernel = kernel_for(wanted.language, live.has_value());
    if (!kernel) {
        co_return kernel.error();
    }
    auto begun = co_await begin(here, wanted, *kernel, live);
    if (!begun) {
        co_return begun.error();
    }
    auto const run = begun->run;
    if (live) {
        begun->frame.runtime_session_id = run->files().str();
    }
    std::move(notes.begin(), notes.end(), std::back_inserter(begun->frame.notes));
    if (here.incoming.peer != nullptr) {
        here.incoming.peer->on_hangup([this, run] { service_.abandon_run(run); });
    }
    broker::execution_options options;
    options.code = std::move(wanted.code);
    options.argv = std::move(wanted.args);
    if (wanted.timeout_s) {
        options.timeout_s =
            std::min(*wanted.timeout_s, service_.context().config.limits.maxima.timeout_s);
    }
    if (auto const sent = co_await service_.send_run(run, std::move(options)); !sent) {
        co_return sent.error();
    }
    auto ended = co_await service_.finish_run(run);
    if (!ended) {
        co_return ended.error();
    }
    auto out = std::move(begun->frame);
    out.ended = *std::move(ended);
    out.figures_lost = run->figures_lost;
    co_return out;
}

}  // namespace http::librechat
