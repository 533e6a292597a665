// SPDX-License-Identifier: Apache-2.0
// Programs that call tools, request by request. On the loop.
#include "broker/base/json_text.hpp"
#include "http/api/problem.hpp"
#include "http/librechat/facade.hpp"
#include "http/proto/object_reader.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace http::librechat {
namespace {

using broker::errc;
using broker::fail;

/// LibreChat names each request by it, and cancels by that name.
constexpr char const* request_header = "X-LibreChat-Code-Request-ID";

/// Of the client's own tool, where it does not say.
constexpr double usual_time_s = 60;

/// The client's model is told that the tool is wrong for good, not to try again.
response without_tools(broker::failure const& why) {
    if (why.code != errc::unsupported_language) {
        return api::to_response(why);
    }
    std::string text;
    broker::json_object out(text);
    out.string("error", "unsupported_capability").string("message", why.detail);
    out.close();
    return api::json_response(422, std::move(text));
}

response no_such_run() {
    return api::to_response(fail(errc::execution_not_found, "Execution not found or expired"));
}

}  // namespace

broker::task<response> facade::programmatic(api::call here) {
    auto body =
        co_await api::read_json(here.incoming, settings_.json_body_bytes, service_.context().pool);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    auto wanted = read_programmatic(std::get<json_document>(body));
    if (!wanted) {
        co_return without_tools(wanted.error());
    }
    if (auto* first = std::get_if<program_request>(&*wanted)) {
        auto begun = co_await begin_program(here, std::move(*first));
        if (!begun) {
            co_return without_tools(begun.error());
        }
        co_return co_await serve(here, *begun);
    }
    auto& more = std::get<continue_request>(*wanted);
    auto const run = programs_.find(here.tenant, more.token);
    if (!run) {
        co_return no_such_run();
    }
    run->on_request();
    if (auto const taken = co_await run->take_answers(std::move(more.answers)); !taken) {
        programs_.settle(run);
        co_return api::to_response(taken.error());
    }
    co_return co_await serve(here, run);
}

broker::task<broker::result<std::shared_ptr<program_run>>> facade::begin_program(
    api::call here, program_request wanted) {
    bool const in_bash = wanted.exec.language == "bash";
    auto const kernel = kernel_for(wanted.exec.language, true);
    if (!kernel) {
        co_return kernel.error();
    }
    auto begun = co_await begin(here, wanted.exec, *kernel);
    if (!begun) {
        co_return begun.error();
    }
    auto const run = begun->run;
    auto const program =
        std::make_shared<program_run>(service_, here.tenant, wanted.tools, std::move(begun->frame));
    auto argv = std::move(wanted.exec.args);
    auto const longest = service_.context().config.limits.maxima.timeout_s;
    broker::execution_options options;
    options.timeout_s = longest;
    options.code = in_bash ? bash_preamble(wanted.tools, program->mark_token()) + wanted.exec.code
                           : python_preamble(wanted.tools, program->mark_token());
    if (!in_bash) {
        // Apart, so that lines of a traceback are those of the program.
        options.silent = true;
        options.store_history = false;
        options.collect_files = false;
        if (auto const sent = co_await service_.send_run(run, std::exchange(options, {})); !sent) {
            co_return sent.error();
        }
        auto const made = co_await service_.await_run(run);
        if (!made || made->what != broker::outcome::ok) {
            service_.abandon_run(run);
            co_return made ? fail(errc::internal, "the functions of the tools could not be made: " +
                                                      made->plain_stderr)
                           : made.error();
        }
        options.timeout_s = longest;
        options.code = std::move(wanted.exec.code);
    }
    options.argv = std::move(argv);
    if (auto const sent = co_await service_.send_run(run, std::move(options)); !sent) {
        co_return sent.error();
    }
    auto const asked = wanted.exec.timeout_s.value_or(usual_time_s);
    auto const ms = std::max(1.0, std::ceil(std::min(asked, longest) * 1000));
    program->begin(run, std::chrono::milliseconds(static_cast<std::int64_t>(ms)));
    programs_.add(program);
    co_return program;
}

broker::task<response> facade::serve(api::call here, std::shared_ptr<program_run> run) {
    auto const* const id = here.incoming.headers.find(request_header);
    run->request_id = id == nullptr ? "" : *id;
    if (here.incoming.peer != nullptr) {
        here.incoming.peer->on_hangup([run] { run->give_up(); });
    }
    auto told = co_await run->go_on();
    programs_.settle(run);
    co_return told ? api::json_response(200, *std::move(told)) : api::to_response(told.error());
}

broker::task<response> facade::cancel_program(api::call here) {
    auto body =
        co_await api::read_json(here.incoming, settings_.json_body_bytes, service_.context().pool);
    if (auto* refused = std::get_if<response>(&body)) {
        co_return std::move(*refused);
    }
    object_reader fields(std::get<json_document>(body), unknown_fields::ignore);
    auto const id = fields.required_text("request_id");
    if (auto const read = fields.finish(); !read) {
        co_return api::to_response(read.error());
    }
    auto const run = id.empty() ? nullptr : programs_.of_request(here.tenant, id);
    if (!run) {
        co_return no_such_run();
    }
    run->give_up();
    programs_.settle(run);
    co_return api::json_response(200, R"({"status":"cancelled"})");
}

}  // namespace http::librechat
