// SPDX-License-Identifier: Apache-2.0
// Executions that bring their files with them. Never leaves a session behind that nobody can name,
// and never lets one bad input keep the others out. On the loop.
#include "broker/base/base64.hpp"
#include "broker/core/json_slice.hpp"
#include "broker/service/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace broker {
namespace {

/// What a program may show as a file; more are in its outputs all the same.
constexpr std::size_t max_figures = 100;
/// Names that are taken are passed over up to here.
constexpr unsigned max_figure_number = 10'000;

/// An image that an execution has shown.
struct figure {
    std::string_view suffix;
    std::string bytes;
};

struct image_kind {
    std::string_view mime;
    std::string_view suffix;
    bool base64;
};

/// The first that a display has counts: the others are the same picture.
constexpr std::array<image_kind, 4> image_kinds = {{{"image/png", "png", true},
                                                    {"image/jpeg", "jpg", true},
                                                    {"image/gif", "gif", true},
                                                    {"image/svg+xml", "svg", false}}};

std::optional<figure> figure_of(std::string_view display) {
    auto const data = json_raw_member(display, "data");
    if (!data) {
        return std::nullopt;
    }
    for (auto const& kind : image_kinds) {
        auto text = json_string_member(*data, kind.mime);
        if (!text) {
            continue;
        }
        auto bytes = kind.base64 ? base64_bytes(*text) : std::optional(std::move(*text));
        if (bytes) {
            return figure{kind.suffix, std::move(*bytes)};
        }
    }
    return std::nullopt;
}

struct shown_figures {
    std::vector<figure> first;
    std::size_t more = 0;
};

shown_figures figures_of(std::string const& displays_json) {
    shown_figures found;
    for (auto const display : json_elements(displays_json)) {
        auto one = figure_of(display);
        if (one && found.first.size() < max_figures) {
            found.first.push_back(std::move(*one));
        } else if (one) {
            ++found.more;
        }
    }
    return found;
}

}  // namespace

result<std::vector<std::string>> service::languages() const {
    auto const picture = context_.images.find(context_.config.sandbox.image);
    if (!picture) {
        return picture.error();
    }
    std::vector<std::string> all{picture->language};
    for (auto const& [language, argv] : picture->kernels) {
        all.push_back(language);
    }
    return all;
}

std::optional<std::string> service::name_of(std::string const& tenant, session_id const& id) const {
    auto const found = sessions_.find(id);
    return found && found->row.key.tenant == tenant ? std::optional(found->row.key.name)
                                                    : std::nullopt;
}

task<result<std::shared_ptr<session>>> service::session_of_run(session_key key,
                                                               session_request wish) {
    if (!wish.once) {
        co_return co_await sessions_.find_or_open(std::move(key), std::move(wish));
    }
    auto const opened = sessions_.open(key, wish);
    if (opened) {
        runner_.warm(*opened);
    }
    co_return opened;
}

task<result<std::shared_ptr<file_run>>> service::begin_run(std::string tenant, std::string language,
                                                           std::vector<wanted_input> inputs,
                                                           std::optional<std::string> name) {
    if (auto const open = admits(work::begins); !open) {
        co_return open.error();
    }
    if (auto const startable = co_await can_start(); !startable) {
        co_return startable.error();
    }
    session_key const key{std::move(tenant), name ? *name : make_random_id()};
    session_request wish;
    wish.language = language;
    wish.once = !name;
    auto const where = co_await session_of_run(key, std::move(wish));
    if (!where) {
        co_return where.error();
    }
    auto const run = std::make_shared<file_run>();
    run->where = *where;
    run->language = std::move(language);
    run->once = !name;
    run->not_placed.resize(inputs.size());
    if (inputs.empty()) {
        co_return run;
    }
    if (auto const files = co_await with_files(key); !files) {
        end_run(*run);
        co_return files.error();
    }
    co_await place_inputs(run, std::move(inputs));
    co_return run;
}

task<> service::place_inputs(std::shared_ptr<file_run> run, std::vector<wanted_input> inputs) {
    auto const where = run->where;
    auto const newer = co_await newer_there(where, inputs);
    std::vector<input_file> placed;
    std::vector<std::size_t> whose;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        auto& one = inputs[i];
        auto path = workspace_path::from_text(one.path);
        if (!path) {
            run->not_placed[i] = path.error();
        } else if (!newer.contains(one.path)) {
            placed.push_back({std::move(one.version), *std::move(path)});
            whose.push_back(i);
        }
    }
    auto const files = where->files;
    if (placed.empty() || !files) {
        co_return;
    }
    // Where a cell may end meanwhile, each is known as soon as it is there: it is none of the
    // cell's.
    std::size_t const at_once = run->once ? placed.size() : 1;
    for (std::size_t from = 0; from < placed.size(); from += at_once) {
        std::vector<input_file> some(placed.begin() + static_cast<std::ptrdiff_t>(from),
                                     placed.begin() + static_cast<std::ptrdiff_t>(from + at_once));
        auto const done = co_await offload(
            context_.file_pool,
            [files, &contents = context_.versions.contents(), some = std::move(some)] {
                return place_files(files, contents, some);
            });
        for (std::size_t i = 0; i < done.size(); ++i) {
            auto const& input = placed[from + i];
            if (auto const& one = done[i]) {
                where->placed.insert_or_assign(input.path.str(), input.version.id);
                where->changed_by_client({one->info.path, one->identity, one->info.sha256});
            } else {
                run->not_placed[whose[from + i]] = one.error();
            }
        }
    }
}

/// Paths of inputs that are there already: the session made that version itself, or a later one.
task<std::set<std::string>> service::newer_there(std::shared_ptr<session> where,
                                                 std::vector<wanted_input> const& inputs) {
    std::set<std::string> there;
    std::vector<std::string> others;
    for (auto const& one : inputs) {
        auto const placed = where->placed.find(one.path);
        bool const known = one.version.session == where->row.id ||
                           (placed != where->placed.end() && placed->second == one.version.id);
        if (known) {
            there.insert(one.path);
        } else {
            others.push_back(one.path);
        }
    }
    auto const own = co_await context_.versions.newest(where->row.id, std::move(others));
    for (std::size_t i = 0; own && i < own->size(); ++i) {
        auto const later = [&](auto const& one) {
            return one.path == (*own)[i].path && one.version.created_at < (*own)[i].created_at;
        };
        if (std::any_of(inputs.begin(), inputs.end(), later)) {
            there.insert((*own)[i].path);
        }
    }
    co_return there;
}

task<result<void>> service::send_run(std::shared_ptr<file_run> run, execution_options options) {
    auto const where = run->where;
    auto code_sha256 = co_await hash_of_code(options.code);
    if (where->closing) {
        co_return fail(errc::session_not_found, "the run was given up before its end");
    }
    options.language = run->language;
    auto ticket = submit_to(where, std::move(options), std::move(code_sha256), false);
    if (!ticket) {
        end_run(*run);
        co_return ticket.error();
    }
    run->ticket = *std::move(ticket);
    co_return result<void>{};
}

task<result<execution>> service::await_run(std::shared_ptr<file_run> run) {
    auto const ticket = run->ticket;
    if (auto const ended = co_await wait(ticket); !ended) {
        end_run(*run);
        co_return ended.error();
    }
    co_return ticket.live.what->view;
}

task<result<execution>> service::finish_run(std::shared_ptr<file_run> run) {
    auto ended = co_await await_run(run);
    if (ended) {
        co_await keep_figures(run, *ended);
        run->has_versions = std::any_of(ended->files.begin(), ended->files.end(),
                                        [](auto const& one) { return one.version.has_value(); });
        end_run(*run);
    }
    co_return ended;
}

task<result<void>> service::hand_in(std::shared_ptr<file_run> run, workspace_path path,
                                    std::string bytes) {
    auto const files = run->where->files;
    if (!files || run->where->closing) {
        co_return fail(errc::session_not_found, "the run is over");
    }
    co_return co_await offload(
        context_.file_pool,
        [files, path = std::move(path), bytes = std::move(bytes)]() -> result<void> {
            auto upload = workspace_upload::begin(files, path, {});
            if (!upload) {
                return upload.error();
            }
            if (auto const written = upload->write(bytes); !written) {
                return written.error();
            }
            auto const stored = upload->commit();
            return stored ? result<void>{} : stored.error();
        });
}

void service::abandon_run(std::shared_ptr<file_run> const& run) {
    if (run->once) {
        end_run(*run);
    } else {
        leave(run->ticket);
    }
}

void service::end_run(file_run const& run) {
    if (run.once && !run.where->closing) {
        if (!run.has_versions) {
            context_.tasks.spawn(note_run(run.where));
        }
        context_.tasks.spawn(sessions_.close(run.where, close_kind::finished));
    }
}

/// Its client was given its id, and may ask for its files.
task<> service::note_run(std::shared_ptr<session> where) {
    auto const noted =
        co_await context_.versions.note_session({where->row.key.tenant, where->row.id, {}});
    if (!noted) {
        context_.log.error("run_not_noted",
                           {{"session", where->row.id.str()}, {"err", noted.error().detail}});
    }
}

task<result<bool>> service::knows_session(std::vector<std::string> tenants, session_id id) {
    if (auto const where = sessions_.find(id)) {
        co_return std::find(tenants.begin(), tenants.end(), where->row.key.tenant) != tenants.end();
    }
    co_return co_await context_.versions.knows_session(std::move(tenants), std::move(id));
}

task<> service::keep_figures(std::shared_ptr<file_run> run, execution& ended) {
    if (ended.output.displays_json.size() <= std::string_view("[]").size()) {
        co_return;
    }
    auto const figures = co_await offload(
        context_.pool, [displays = ended.output.displays_json] { return figures_of(displays); });
    if (figures.more > 0) {
        run->figures_lost =
            fmt::format("{} more images were shown; of one run {} at most are kept as files.",
                        figures.more, max_figures);
    }
    unsigned number = 0;
    std::size_t told = 0;
    for (auto const& one : figures.first) {
        for (;;) {
            auto path = fmt::format("plot_{}.{}", ++number, one.suffix);
            auto kept = co_await keep_new_file(run->where, std::move(path), one.bytes);
            if (kept) {
                // Before what else there is: where not all are told, a picture is.
                ended.files.insert(ended.files.begin() + static_cast<std::ptrdiff_t>(told++),
                                   *std::move(kept));
                break;
            }
            if (kept.error().code != errc::precondition_failed || number >= max_figure_number) {
                context_.log.error("figure_not_kept",
                                   {{"execution", ended.id.str()}, {"err", kept.error().detail}});
                run->figures_lost =
                    fmt::format("{} of the images that were shown could not be stored as files.",
                                figures.first.size() - told + figures.more);
                co_return;
            }
        }
    }
}

/// `precondition_failed` when something has that name already.
task<result<file_change>> service::keep_new_file(std::shared_ptr<session> where, std::string path,
                                                 std::string bytes) {
    auto at = workspace_path::from_text(path);
    if (!at) {
        co_return at.error();
    }
    auto const upload = co_await begin_upload(
        where->row.key, *std::move(at), [](file_state const& now) { return now.etag.empty(); },
        std::make_shared<upload_call>(upload_call{.of = where}));
    if (!upload) {
        co_return upload.error();
    }
    if (auto const written = co_await write_upload(*upload, std::move(bytes)); !written) {
        co_return written.error();
    }
    auto const stored = co_await commit_upload(*upload);
    if (!stored) {
        co_return stored.error();
    }
    co_return file_change{.path = std::move(path),
                          .what = file_change::kind::created,
                          .size_bytes = stored->info.size_bytes,
                          .version = stored->info.version,
                          .sha256 = stored->info.sha256};
}

}  // namespace broker
