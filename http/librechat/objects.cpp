// SPDX-License-Identifier: Apache-2.0
// Stored files by the two ids that LibreChat keeps of them: listing, freshness, deletion. On the
// loop.
#include "http/api/problem.hpp"
#include "http/librechat/facade.hpp"
#include "http/librechat/object_text.hpp"

#include <utility>

namespace http::librechat {
namespace {

using broker::errc;
using broker::fail;

/// Of one listing; as many as one run can have changed, since what is by the way counts.
constexpr std::size_t max_listed = 20'000;

broker::failure no_session() { return fail(errc::session_not_found, "Session not found"); }
broker::failure no_file() { return fail(errc::file_not_found, "File not found"); }

std::optional<std::string> random_id(api::call const& here, std::string_view name) {
    auto id = here.param(name);
    return id && broker::is_random_id(*id) ? std::optional(*std::move(id)) : std::nullopt;
}

}  // namespace

broker::task<response> facade::list_files(api::call here) {
    auto const session = random_id(here, "sid");
    auto const detail = detail_in(here.incoming.query);
    if (!session) {
        co_return api::to_response(no_session());
    }
    broker::session_id const id(*session);
    auto const found = co_await service_.stored_files().of_session(here.tenants(), id, max_listed);
    if (!found) {
        co_return api::to_response(found.error());
    }
    if (found->empty()) {
        auto const known = co_await service_.knows_session(here.tenants(), id);
        if (!known || !*known) {
            co_return api::to_response(known ? no_session() : known.error());
        }
    }
    co_return api::json_response(200, render_listing(*found, detail));
}

broker::task<response> facade::get_object(api::call here) {
    auto const id = random_id(here, "fid");
    if (!id) {
        co_return api::to_response(no_file());
    }
    auto const found = co_await find_file(here.tenants(), *id);
    co_return found ? api::json_response(200, render_object(*found))
                    : api::to_response(found.error());
}

broker::task<broker::result<broker::file_version>> facade::find_file(
    std::vector<std::string> tenants, std::string id) {
    auto found =
        co_await service_.stored_files().find(std::move(tenants), {broker::file_version_id(id)});
    if (!found) {
        co_return found.error();
    }
    if (found->front()) {
        co_return *std::move(found->front());
    }
    co_return no_file();
}

broker::task<response> facade::delete_object(api::call here) {
    auto const id = random_id(here, "fid");
    if (!id) {
        co_return api::to_response(no_file());
    }
    auto const found = co_await find_file(here.tenants(), *id);
    if (!found) {
        co_return api::to_response(found.error());
    }
    auto const gone = co_await service_.stored_files().remove(found->tenant, found->id);
    if (!gone) {
        co_return api::to_response(gone.error().code == errc::file_not_found ? no_file()
                                                                             : gone.error());
    }
    co_return api::json_response(200, render_deleted(std::string(here.where.raw("sid")), *id));
}

}  // namespace http::librechat
