// SPDX-License-Identifier: Apache-2.0
// A request and a response as the API sees them: no socket, no Beast, so that a handler can be
// called in a test as a function. Bodies are never held whole unless they are small by their
// route's limit. Belongs to the loop; bodies are pulled and pushed by one coroutine at a time.
#pragma once

#include "broker/base/async.hpp"
#include "broker/base/result.hpp"
#include "broker/base/unique_fd.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace http {

/// Names compare without case (RFC 9110 §5.1); order is kept.
class fields {
public:
    using entry = std::pair<std::string, std::string>;

    void add(std::string name, std::string value) {
        entries_.emplace_back(std::move(name), std::move(value));
    }
    /// The first value, or nullptr.
    std::string const* find(std::string_view name) const noexcept;
    std::size_t count(std::string_view name) const noexcept;
    /// All values as one list, as RFC 9110 §5.3 reads several lines of one name.
    std::optional<std::string> joined(std::string_view name) const;
    std::vector<entry> const& entries() const noexcept { return entries_; }

private:
    std::vector<entry> entries_;
};

/// Why a request body could not be read to its end.
enum class body_error {
    too_large,  // 413
    timeout,    // 408: no progress within the limit
    broken,     // 400: chunk framing; or the client went away
};

/// The body of a request, read on demand. Nothing is read before the first call, so that a handler
/// that refuses has cost no body.
class body_reader {
public:
    virtual ~body_reader() = default;
    body_reader() = default;
    body_reader(body_reader const&) = delete;
    body_reader& operator=(body_reader const&) = delete;

    /// Announced by Content-Length; absent for chunked.
    virtual std::optional<std::uint64_t> announced() const = 0;

    /// Next bytes, at most 64 KiB, valid until the next call; empty at the end.
    virtual broker::task<boost::system::result<std::string_view, body_error>> next() = 0;

    /// Bytes after which `too_large` is given. Set by the route before the first `next`.
    virtual void limit(std::uint64_t bytes) = 0;
};

/// Whether the client is still there while its request is worked on. Costs nothing unless asked.
class peer_watch {
public:
    virtual ~peer_watch() = default;
    peer_watch() = default;
    peer_watch(peer_watch const&) = delete;
    peer_watch& operator=(peer_watch const&) = delete;

    /// Calls `gone` once, on the loop and never within this call, if the client closes its side
    /// before `handle` has returned, or while the stream that it returned is sent. `gone` owns what
    /// it touches and does not throw. A client that only ends its sending (`nc -N`) counts as gone
    /// for who asks here; it is answered all the same, but a stream, which always asks, ends.
    /// Nothing is told if the body was not read to its end when this is called, nor once the client
    /// has sent more, such as its next request.
    virtual void on_hangup(std::function<void()> gone) = 0;
};

struct request {
    std::string method;
    std::string path;       // raw, as sent, without the query; starts with '/'
    std::string query;      // raw, without '?'
    std::string authority;  // host and port the client asked for: Host, or an absolute target's
    fields headers;
    std::string peer_address;  // textual IP; empty for a unix socket, or when it is not known
    bool unix_socket = false;  // it came in through one
    std::string request_id;    // the client's sane one or ours
    body_reader* body = nullptr;
    peer_watch* peer = nullptr;  // null where there is no connection, as in a test
};

/// A part of an open file as response body; sent without being held in memory.
struct file_body {
    std::shared_ptr<broker::unique_fd> file;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};

/// A body that is made while it is sent, such as server-sent events. Used by one coroutine.
class body_source {
public:
    virtual ~body_source() = default;
    body_source() = default;
    body_source(body_source const&) = delete;
    body_source& operator=(body_source const&) = delete;

    /// The next bytes, as many as the source holds in one piece; empty at the end, after which
    /// nothing is called any more. Waits as long as it likes. It is asked again only when the
    /// client's socket has taken the piece before. When it throws, the client sees a body that was
    /// cut off.
    virtual broker::task<std::string> next() = 0;

    /// The body is not wanted to its end: the client has gone, or takes nothing, or asked for the
    /// head only, or the server ends. At most once, also before the first `next` and while one
    /// waits, which then returns soon, with whatever. Does not throw.
    virtual void stop() = 0;
};

/// Never null in a response. The server stops it if it does not come to its end. HTTP/1.1 gets it
/// in chunks, one a piece; HTTP/1.0 up to the end of the connection.
using stream_body = std::shared_ptr<body_source>;

struct response {
    int status = 200;
    fields headers;  // without Content-Length, Transfer-Encoding, Date, Connection and
                     // X-Request-Id: the server adds them
    std::variant<std::string, file_body, stream_body> body;
    bool close = false;  // end the connection afterwards
    std::string reason;  // what failed inside, for the operator's log; never sent
};

/// What answers requests. Never throws for anything a client sent.
class handler {
public:
    virtual ~handler() = default;
    handler() = default;
    handler(handler const&) = delete;
    handler& operator=(handler const&) = delete;

    virtual broker::task<response> handle(request& incoming) = 0;
};

}  // namespace http
