// SPDX-License-Identifier: Apache-2.0
// Begin, write, commit. Never makes a folder or a name before `commit`. One owner; pool only.
#include "broker/service/workspace_upload.hpp"

#include "broker/base/beneath.hpp"
#include "broker/runtime/workspace_parts.hpp"
#include "broker/service/file_hashing.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

namespace broker {
namespace {

failure precondition_failure() {
    return fail(errc::precondition_failed,
                "the file is not in the state that the condition asks for");
}

failure upload_failure(int error) {
    switch (error) {
        case ENOSPC:
        case EDQUOT:
            return fail(errc::workspace_full,
                        "the workspace of the session is full: delete files or use a larger one");
        case EFBIG:
            return fail(errc::file_too_large, "the file is larger than the file system allows");
        case EISDIR:
            return fail(errc::invalid_path, "a folder has that name");
        case ENOTDIR:
        case ELOOP:
        case EXDEV:
            return fail(errc::invalid_path, "a part of the path is not a folder");
        case ENAMETOOLONG:
            return fail(errc::invalid_path, "the path is too long");
        case EEXIST:
        case ESTALE:
            return precondition_failure();
        default:
            return host_failure("storing an upload", error);
    }
}

std::string last_part(std::string const& path) { return path.substr(path.rfind('/') + 1); }

/// What stands at the target now: a file of the session, or none.
struct target {
    unique_fd file;
    file_state state;
};

result<target> look_at(workspace const& in, std::string const& path) {
    target found;
    auto opened = beneath::open_file(in.data.get(), path, in.owner);
    if (opened) {
        hash_cache none;
        auto budget = hash_budget(in);
        auto const hashed = hash_open_file(in, opened->get(), none, budget);
        found.state = {etag_of(hashed), hashed.identity.mtime_ns};
        found.file = std::move(*opened);
    } else if (opened.error().value() != ENOENT) {
        return upload_failure(opened.error().value());
    }
    return found;
}

}  // namespace

workspace_upload::workspace_upload(std::shared_ptr<workspace const> in, workspace_path path,
                                   file_condition condition, unique_fd file)
    : in_(std::move(in)),
      path_(std::move(path)),
      condition_(std::move(condition)),
      file_(std::move(file)) {}

result<workspace_upload> workspace_upload::begin(std::shared_ptr<workspace const> in,
                                                 workspace_path path, file_condition condition) {
    if (condition) {
        auto const found = look_at(*in, path.str());
        if (!found) {
            return found.error();
        }
        if (!condition(found->state)) {
            return precondition_failure();
        }
    }
    if (beneath::open_directory(in->data.get(), path.str())) {
        return upload_failure(EISDIR);
    }
    auto const parent = beneath::open_parent(in->data.get(), path.str());
    if (!parent && parent.error().value() != ENOENT) {
        return upload_failure(parent.error().value());
    }
    auto file = beneath::nameless_file(in->staging.get(), in->owner);
    if (!file) {
        return upload_failure(file.error().value());
    }
    return workspace_upload{std::move(in), std::move(path), std::move(condition), std::move(*file)};
}

result<void> workspace_upload::write(std::string_view bytes) {
    hash_.add(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
        ssize_t const done = ::write(file_.get(), bytes.data(), bytes.size());
        if (done < 0 && errno != EINTR) {
            return upload_failure(errno);
        }
        if (done > 0) {
            bytes.remove_prefix(static_cast<std::size_t>(done));
        }
    }
    return {};
}

void workspace_upload::make_read_only() { (void)::fchmod(file_.get(), 0444); }

result<bool> workspace_upload::give_name() {
    auto const name = last_part(path_.str());
    auto const parent = beneath::make_parent(in_->data.get(), path_.str(), in_->owner);
    if (!parent) {
        return upload_failure(parent.error().value());
    }
    auto const named = [&](beneath::if_exists rule) {
        return beneath::give_name(file_.get(), parent->get(), name, in_->staging.get(), rule);
    };
    auto const fresh = named(beneath::if_exists::refuse);
    if (fresh) {
        return true;
    }
    if (fresh.error().value() != EEXIST || condition_) {
        return upload_failure(fresh.error().value());
    }
    if (auto const replaced = named(beneath::if_exists::replace); !replaced) {
        return upload_failure(replaced.error().value());
    }
    return false;
}

/// Names the file only in place of what the condition was asked about.
result<bool> workspace_upload::give_name_if_allowed() {
    auto const found = look_at(*in_, path_.str());
    if (!found) {
        return found.error();
    }
    if (!condition_(found->state)) {
        return precondition_failure();
    }
    if (!found->file) {
        return give_name();
    }
    auto const parent = beneath::open_parent(in_->data.get(), path_.str());
    if (!parent) {
        return precondition_failure();
    }
    auto const done = beneath::replace_exactly(file_.get(), parent->get(), last_part(path_.str()),
                                               in_->staging.get(), found->file.get());
    if (!done) {
        auto const error = done.error().value();
        return error == ENOENT ? precondition_failure() : upload_failure(error);
    }
    return false;
}

result<stored_file> workspace_upload::commit() {
    auto const created = condition_ ? give_name_if_allowed() : give_name();
    if (!created) {
        return created.error();
    }
    struct stat status {};
    if (fstat(file_.get(), &status) != 0) {
        return upload_failure(errno);
    }
    hashed_file const stored{.identity = identity_of(status), .sha256 = hash_.finish()};
    file_.reset();
    return stored_file{.info = {.path = path_.str(),
                                .size_bytes = size_,
                                .sha256 = stored.sha256,
                                .modified_ns = stored.identity.mtime_ns},
                       .identity = stored.identity,
                       .etag = etag_of(stored),
                       .created = *created};
}

}  // namespace broker
