// SPDX-License-Identifier: Apache-2.0
// What a function of the broker returns when it can fail: a value, or a code with a sentence.
// The code decides what happens and what the client is told; the detail is for a person and may go
// to the client only where its maker says so. Never an exception. Values; no threads.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace broker {

/// Everything that can go wrong, in the words that clients get. One place,
/// `http/api/ problem.cpp`, turns each into a status.
enum class errc {
    invalid_field,
    unknown_field,
    invalid_path,
    limit_too_high,
    unsupported_language,
    session_not_found,
    execution_not_found,
    file_not_found,
    session_exists,
    execution_expired,
    events_expired,
    already_ended,
    no_input_wanted,
    idempotency_mismatch,
    precondition_failed,
    file_too_large,
    queue_full,
    too_many_sessions,
    no_capacity,
    runtime_unavailable,
    image_unavailable,
    draining,
    workspace_full,
    /// A broken invariant or a host that fails us; on a healthy system never seen.
    internal,
};

struct failure {
    errc code = errc::internal;
    /// What was wrong and what to do. Never a path, address or key of the host when `code` is not
    /// `internal`; the detail of `internal` is logged and not sent.
    std::string detail;
};

[[noreturn]] inline void throw_exception_from_error(failure const& f,
                                                    boost::source_location const&) {
    throw std::runtime_error(f.detail);
}

template <class T>
using result = boost::system::result<T, failure>;

inline failure fail(errc code, std::string detail) { return failure{code, std::move(detail)}; }

}  // namespace broker
