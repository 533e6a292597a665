// SPDX-License-Identifier: Apache-2.0
// Files: /v1/sessions/{id}/files and GET /download. Bodies stream; nothing is held whole.
// Never opens a file itself: the service does, by descriptor. On the loop.
#include "broker/core/names.hpp"
#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/file_response.hpp"
#include "http/api/problem.hpp"
#include "http/api/render.hpp"
#include "http/proto/etag.hpp"
#include "http/proto/refusal.hpp"

#include <utility>

namespace http::api {
namespace {

using broker::errc;
using broker::fail;

/// The conditions of a request that changes a file.
broker::file_condition condition_of(request const& incoming) {
    preconditions wanted(incoming);
    if (!wanted.any()) {
        return {};
    }
    return [wanted = std::move(wanted)](broker::file_state const& now) {
        return wanted.check(state_of(now)) == precondition::holds;
    };
}

std::string last_part(std::string const& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

broker::task<response> api::list_files(call here) {
    auto const query = read_query(here.incoming, {"prefix", "limit", "cursor"});
    if (!query) {
        co_return to_response(query.error());
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto const limit = page_limit(*query, 100);
    if (!limit) {
        co_return to_response(limit.error());
    }
    auto const value = [&query](char const* name) {
        auto const at = query->find(name);
        return at == query->end() ? std::string{} : at->second;
    };
    broker::file_query wanted{
        .prefix = value("prefix"), .limit = *limit, .cursor = value("cursor")};
    auto const page = co_await service_.list_session_files(*session, std::move(wanted));
    if (!page) {
        co_return to_response(page.error());
    }
    co_return json_response(200, render_file_page(*page, session->name));
}

broker::task<response> api::get_file(call here) {
    auto const query = read_query(here.incoming, {"version"});
    if (!query) {
        co_return to_response(query.error());
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto const version = query->find("version");
    if (version == query->end()) {
        co_return co_await send_path(here, *session);
    }
    auto path = broker::workspace_path::from_url(here.where.raw("path"));
    if (!path) {
        co_return to_response(path.error());
    }
    auto const name = last_part(path->str());
    auto opened = co_await service_.open_version(*session, *std::move(path),
                                                 broker::file_version_id(version->second));
    if (!opened) {
        co_return to_response(opened.error());
    }
    co_return file_response(here.incoming, *std::move(opened), name);
}

broker::task<response> api::list_versions(call here) {
    auto const query = read_query(here.incoming, {"limit", "cursor"});
    if (!query) {
        co_return to_response(query.error());
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto path = broker::workspace_path::from_url(here.where.raw("path"));
    if (!path) {
        co_return to_response(path.error());
    }
    auto const limit = page_limit(*query, 100);
    if (!limit) {
        co_return to_response(limit.error());
    }
    auto const cursor = query->find("cursor");
    auto const page = co_await service_.list_versions(
        *session, *std::move(path), *limit,
        cursor == query->end() ? std::nullopt
                               : std::optional(broker::file_version_id(cursor->second)));
    if (!page) {
        co_return to_response(page.error());
    }
    co_return json_response(200, render_version_page(*page));
}

broker::task<response> api::download(call here) {
    // An id of a file version, LibreChat's way to name a file, is one of nothing else.
    if (auto const id = here.param("path"); id && broker::is_random_id(*id)) {
        for (auto const& tenant : here.tenants()) {
            auto version =
                co_await service_.stored_files().open(tenant, broker::file_version_id(*id));
            if (!version && version.error().code != errc::file_not_found) {
                co_return to_response(version.error());
            }
            if (!version) {
                continue;
            }
            auto const name = last_part(version->version.path);
            bool const read_only = version->version.read_only;
            auto answer = file_response(here.incoming, std::move(version->file), name);
            if (read_only) {
                answer.headers.add("X-Read-Only", "true");
            }
            co_return answer;
        }
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    co_return co_await send_path(here, *session);
}

broker::task<response> api::send_path(call here, broker::session_key session) {
    auto path = broker::workspace_path::from_url(here.where.raw("path"));
    if (!path) {
        co_return to_response(path.error());
    }
    auto const name = last_part(path->str());
    auto opened = co_await service_.open_session_file(std::move(session), *std::move(path));
    if (!opened) {
        co_return to_response(opened.error());
    }
    co_return file_response(here.incoming, *std::move(opened), name);
}

broker::task<response> api::put_file(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto const name = here.param("id");
    if (!name) {
        co_return to_response(name.error());
    }
    if (auto const named = broker::check_session_name(*name); !named) {
        co_return to_response(named.error());
    }
    auto path = broker::workspace_path::from_url(here.where.raw("path"));
    if (!path) {
        co_return to_response(path.error());
    }
    if (here.incoming.headers.find("Content-Encoding") != nullptr) {
        co_return refuse(refusal::unsupported_media_type, "send the body without Content-Encoding");
    }
    if (auto* const body = here.incoming.body) {
        body->limit(settings_.upload_bytes);
        if (auto const announced = body->announced();
            announced && *announced > settings_.upload_bytes) {
            co_return body_refused(body_error::too_large, settings_.upload_bytes);
        }
    }
    auto const uploads = std::make_shared<broker::upload_call>();
    auto answer = co_await store_body(here, *name, *std::move(path), uploads);
    if (answer.status >= 300) {
        co_await service_.undo_upload(uploads);
    }
    co_return answer;
}

broker::task<response> api::store_body(call here, std::string session, broker::workspace_path path,
                                       std::shared_ptr<broker::upload_call> uploads) {
    auto* const body = here.incoming.body;
    auto const upload =
        co_await service_.begin_upload({here.tenant, std::move(session)}, std::move(path),
                                       condition_of(here.incoming), std::move(uploads));
    if (!upload) {
        co_return to_response(upload.error());
    }
    while (body != nullptr) {
        auto const piece = co_await body->next();
        if (!piece) {
            co_return body_refused(piece.error(), settings_.upload_bytes);
        }
        if (piece->empty()) {
            break;
        }
        auto const written = co_await service_.write_upload(*upload, std::string(*piece));
        if (!written) {
            co_return to_response(written.error());
        }
    }
    auto const stored = co_await service_.commit_upload(*upload);
    if (!stored) {
        co_return to_response(stored.error());
    }
    auto answer = json_response(stored->created ? 201 : 200, render_stored_file(*stored));
    answer.headers.add("ETag", stored->etag);
    co_return answer;
}

broker::task<response> api::delete_file(call here) {
    if (auto const query = read_query(here.incoming, {}); !query) {
        co_return to_response(query.error());
    }
    auto const session = here.session();
    if (!session) {
        co_return to_response(session.error());
    }
    auto path = broker::workspace_path::from_url(here.where.raw("path"));
    if (!path) {
        co_return to_response(path.error());
    }
    auto const gone = co_await service_.delete_session_file(*session, *std::move(path),
                                                            condition_of(here.incoming));
    if (!gone) {
        co_return to_response(gone.error());
    }
    co_return empty_response(204);
}

}  // namespace http::api
