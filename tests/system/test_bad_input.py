# SPDX-License-Identifier: Apache-2.0
"""Bad input against a running broker: each gets the answer that is promised for it, and nothing more.

Every refusal is looked at as a whole (`refused`): its shape, its request id, and that it tells nothing of
the host. Requests are written byte by byte where a library would repair them.
"""
import base64
import http.client
import itertools
import json
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest

from broker import BINARY, Answer, Broker, until

MIB = 1024 * 1024
HOST_WORDS = re.compile(r"/(proc|var|tmp|run|sys|etc|usr|root|home|dev)/|\.[ch]pp\b|0x[0-9a-f]{6,}")
_count = itertools.count()


def name():
    return f"bad-{next(_count)}"


def converse(broker, data, pieces=(), half_close=False):
    """What the server answers to these bytes on a connection of their own."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as one:
        one.sendall(data)
        try:
            for piece in pieces:
                one.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass
        if half_close:
            one.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(one, method=data.split(b" ")[0].decode("latin-1"))
        response.begin()
        return Answer(response.status, response.headers, response.read())


def head(method, target, *fields, host="localhost"):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def send(broker, method, target, *fields, body=b"", host="localhost"):
    length = [f"Content-Length: {len(body)}"] if body or method in ("POST", "PUT") else []
    return converse(broker, head(method, target, *fields, *length, host=host) + body)


def post(broker, target, body, *fields):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return send(broker, "POST", target, "Content-Type: application/json", *fields, body=body)


def refused(answer, status, code):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert problem["code"] == code, answer
    assert problem["type"] == f"urn:kernel-broker:problem:{code}"
    assert problem["status"] == status
    assert problem["title"] and len(problem.get("detail", "?")) < 600
    # Paths that LibreChat uses, too, say it once more in its words.
    assert problem.pop("error", problem.get("detail")) in (problem.get("detail"), "rate_limited")
    problem.pop("retry_after_seconds", None)
    assert set(problem) <= {"type", "title", "status", "detail", "code", "retry_after_s"}
    assert ("retry_after_s" in problem) == ("Retry-After" in answer.headers)
    assert re.fullmatch(r"[A-Za-z0-9._:+/=@-]{1,128}", answer.headers["X-Request-Id"])
    assert not [field for field in answer.headers if field.lower().startswith("access-control-")]
    assert not HOST_WORDS.search(problem.get("detail", "")), problem
    return problem


def session_exists(broker, session):
    return send(broker, "GET", f"/v1/sessions/{session}").status == 200


def memory(broker, what):
    status = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) * 1024


class PeakGrowth:
    """How far the broker's resident memory rose above where it was, at its highest."""

    def __init__(self, broker):
        self.broker = broker

    def __enter__(self):
        pathlib.Path(f"/proc/{self.broker.process.pid}/clear_refs").write_text("5")
        self.before = memory(self.broker, "VmRSS")
        return self

    def __exit__(self, *_):
        self.bytes = memory(self.broker, "VmHWM") - self.before


@pytest.fixture(scope="module")
def keyed():
    """Keys of two tenants, and limits small enough to be reached."""
    broker = Broker(max_sessions_per_tenant=2, queue_per_session=1, json_body_bytes=MIB, upload_bytes=4 * MIB,
                    header_timeout_s=0.4, body_timeout_s=0.4, workspace_stock=1)
    broker.keys = {}
    for tenant in ("blue", "green"):
        command = [str(BINARY), "keys", "add", tenant, "--tenant", tenant, "--state-dir", str(broker.state)]
        broker.keys[tenant] = subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()
    broker.delete_sessions = lambda: delete_all(broker)
    with broker:
        yield broker


def delete_all(broker):
    for key in broker.keys.values():
        for one in send(broker, "GET", "/v1/sessions", f"X-API-Key: {key}").json["sessions"]:
            send(broker, "DELETE", f"/v1/sessions/{one['id']}", f"X-API-Key: {key}")


@pytest.fixture(scope="module")
def filed(shared):
    """A session of one file, 0123456789 under a.txt; no kernel is started for it."""
    session = name()
    put = send(shared, "PUT", f"/v1/sessions/{session}/files/a.txt", body=b"0123456789")
    assert put.status == 201
    yield session, put.headers["ETag"]
    send(shared, "DELETE", f"/v1/sessions/{session}")


# --- JSON ------------------------------------------------------------------------------------------------

BROKEN_JSON = {
    "nothing": b"", "white space": b" \n", "cut": b'{"code": "1', "no quotes": b"{code: 1}",
    "single quotes": b"{'code': '1'}", "comma at the end": b'{"code": "1",}', "comment": b'{"code": "1"} // x',
    "trailing bytes": b'{"code": "1"} x', "two documents": b'{"code": "1"}{"code": "1"}',
    "trailing NUL": b'{"code": "1"}\0', "byte order mark": b'\xef\xbb\xbf{"code": "1"}',
    "UTF-16": '{"code": "1"}'.encode("utf-16"), "Latin-1": b'{"code": "\xe9"}',
    "overlong UTF-8": b'{"code": "\xc0\xaf"}', "surrogate in UTF-8": b'{"code": "\xed\xa0\x80"}',
    "cut UTF-8": b'{"code": "\xe2\x82"}', "invalid UTF-8 in a key": b'{"code": "1", "\xff": 1}',
    "duplicate": b'{"code": "1", "code": "2"}', "escaped duplicate": b'{"code": "1", "\\u0063ode": "2"}',
    "nested duplicate": b'{"code": "1", "x": {"y": [{"z": 1, "z": 2}]}}',
    "NaN": b'{"code": "1", "timeout": NaN}', "Infinity": b'{"code": "1", "timeout": Infinity}',
    "minus infinity": b'{"code": "1", "timeout": -Infinity}', "too large": b'{"code": "1", "timeout": 1e999}',
    "leading zero": b'{"code": "1", "timeout": 01}', "plus": b'{"code": "1", "timeout": +1}',
    "leading half": b'{"code": "\\ud800"}', "trailing half": b'{"code": "\\udc00"}',
    "halves swapped": b'{"code": "\\udc00\\ud800"}', "half and a letter": b'{"code": "\\ud800a"}',
    "half in a key": b'{"code": "1", "\\ud800": 1}', "bad escape": b'{"code": "\\x41"}',
    "raw line feed": b'{"code": "1\n2"}', "raw NUL": b'{"code": "1\x002"}',
    "65 arrays": b'{"code": "1", "x": ' + b"[" * 64 + b"]" * 64 + b"}",
    "65 objects": b'{"x": ' * 64 + b"{}" + b"}" * 64, "a million arrays": b"[" * 1000000,
}


@pytest.mark.parametrize("what", BROKEN_JSON)
def test_broken_json_is_told_from_a_wrong_field(shared, what):
    session = name()
    for target in ("/run", "/v1/sessions", f"/v1/sessions/{session}/executions"):
        refused(post(shared, target, BROKEN_JSON[what]), 400, "invalid_json")
    assert not session_exists(shared, session)


def test_json_as_deep_as_promised_is_taken(shared):
    deep = b'{"code": 1, "x": ' + b"[" * 63 + b"]" * 63 + b"}"
    assert "code" in refused(post(shared, "/run", deep), 400, "invalid_field")["detail"]


@pytest.mark.parametrize("body", [b"[]", b"null", b'"code"', b"1", b"true"])
def test_a_body_that_is_no_object_is_refused(shared, body):
    for target in ("/run", "/v1/sessions", f"/v1/sessions/{name()}/executions"):
        refused(post(shared, target, body), 400, "invalid_field")


# --- fields ----------------------------------------------------------------------------------------------

RUN_FIELDS = [{}, {"code": None}, {"code": 1}, {"code": ["1"]}, {"code": {}}, {"code": "1", "timeout": "10"},
              {"code": "1", "timeout": []}, {"code": "1", "timeout": True}, {"code": "1", "session_id": 5},
              {"code": "1", "session_id": {}}, {"code": "1", "language": 3}, {"code": "1", "language": ""}]


@pytest.mark.parametrize("body", RUN_FIELDS, ids=json.dumps)
def test_wrong_types_in_run_are_refused(shared, body):
    refused(post(shared, "/run", body), 400, "invalid_field")


SESSION_FIELDS = [{"id": 1}, {"id": None}, {"language": []}, {"image": 1}, {"limits": []}, {"limits": None},
                  {"limits": {"cpus": "1"}}, {"limits": {"memory_bytes": 1.5e8 + 0.5}}, {"limits": {"pids": True}},
                  {"idle_timeout_s": "1"}, {"labels": ["a"]}, {"labels": {"a": 1}}, {"labels": {"": "x"}},
                  {"labels": {"a b": "x"}}, {"labels": {"a": "x" * 5000}}, {"labels": {"a": "\0"}},
                  {"labels": {f"l{i}": "" for i in range(1000)}}]


@pytest.mark.parametrize("body", SESSION_FIELDS, ids=lambda body: json.dumps(body)[:50])
def test_wrong_types_of_a_session_are_refused(shared, body):
    session = name()
    refused(post(shared, "/v1/sessions", {"id": session, **body}), 400, "invalid_field")
    assert not session_exists(shared, session)


EXECUTION_FIELDS = [{}, {"code": 1}, {"code": None}, {"code": "1", "timeout_s": "1"}, {"code": "1", "silent": 1},
                    {"code": "1", "store_history": "yes"}, {"code": "1", "allow_stdin": 0},
                    {"code": "1", "on_disconnect": "stop"}, {"code": "1", "on_disconnect": None},
                    {"code": "1", "collect_files": None}, {"code": "1", "language": ""},
                    {"code": "1", "argv": "a"}, {"code": "1", "argv": ["a", 1]}, {"code": "1", "argv": None},
                    {"code": "1", "argv": ["a\0"]}, {"code": "1", "argv": ["a"] * 1025},
                    {"code": "1", "argv": ["a" * 16385]}]


@pytest.mark.parametrize("body", EXECUTION_FIELDS, ids=lambda body: json.dumps(body)[:50])
def test_wrong_types_of_an_execution_are_refused(shared, body):
    session = name()
    refused(post(shared, f"/v1/sessions/{session}/executions", body), 400, "invalid_field")
    assert not session_exists(shared, session)


@pytest.mark.parametrize("target, body", [
    ("/v1/sessions", {"memory_bytes": 1}), ("/v1/sessions", {"limits": {"cpu": 1}}),
    ("/v1/sessions", {"limits": {"cpus": 1, "timeout": 5}}), ("/v1/sessions", {"Limits": {}}),
    ("/v1/sessions?dry_run=1", {}), ("/v1/sessions/new/executions", {"code": "1", "timeout": 5}),
    ("/v1/sessions/new/executions", {"code": "1", "": 1}), ("/v1/sessions/new/executions?wait=1", {"code": "1"})])
def test_v1_refuses_what_it_does_not_know(shared, target, body):
    refused(post(shared, target, body), 400, "unknown_field")
    assert not session_exists(shared, "new")


@pytest.mark.parametrize("query, code", [
    ("limt=1", "unknown_field"), ("limit=1&version=2", "unknown_field"), ("=1", "invalid_field"),
    ("limit=0", "invalid_field"), ("limit=-1", "invalid_field"), ("limit=1001", "invalid_field"),
    ("limit=1e2", "invalid_field"), ("limit=%00", "invalid_field"), ("limit=99999999999999999999", "invalid_field"),
    ("limit=1&limit=2", "invalid_field"), ("limit=%zz", "invalid_field"), ("limit=%ff", "invalid_field"),
    ("cursor=%2e%2e%2f", "invalid_field"), ("cursor=a'b", "invalid_field")])
def test_queries_are_read_as_strictly_as_bodies(shared, filed, query, code):
    for target in ("/v1/sessions", f"/v1/sessions/{filed[0]}/files"):
        if "cursor" not in query or target == "/v1/sessions":
            refused(send(shared, "GET", f"{target}?{query}"), 400, code)


@pytest.mark.parametrize("query", ["force=1", "versions=1"])
@pytest.mark.parametrize("method, rest", [("GET", ""), ("GET", "/files/a.txt"), ("PUT", "/files/a.txt"),
                                          ("DELETE", "/files/a.txt"), ("DELETE", "")])
def test_a_query_where_there_is_none_is_refused(shared, filed, method, rest, query):
    refused(send(shared, method, f"/v1/sessions/{filed[0]}{rest}?{query}"), 400, "unknown_field")
    assert send(shared, "GET", f"/v1/sessions/{filed[0]}/files/a.txt").body == b"0123456789"


def test_run_ignores_what_it_does_not_know(shared, client, session):
    answer = client.ok("1+1", session, nonsense={"deep": [1]}, timeout=None, language=None, stdin="x")
    assert answer["result"] == "2"


@pytest.mark.parametrize("limits", [
    {"memory_bytes": 10 ** 15}, {"memory_bytes": 10 ** 30}, {"cpus": 1e6}, {"pids": 10 ** 7},
    {"disk_bytes": 10 ** 17}, {"timeout_s": 600.001}], ids=json.dumps)
def test_a_limit_that_is_too_high_names_the_maximum(shared, limits):
    session = name()
    problem = refused(post(shared, "/v1/sessions", {"id": session, "limits": limits}), 400, "limit_too_high")
    assert re.search(r"\d", problem["detail"]) and next(iter(limits)) in problem["detail"]
    assert not session_exists(shared, session)


@pytest.mark.parametrize("field", ["memory_bytes", "cpus", "pids", "disk_bytes", "timeout_s"])
@pytest.mark.parametrize("value", [0, -1, -1e300])
def test_a_limit_of_nothing_or_less_is_no_limit(shared, field, value):
    session = name()
    refused(post(shared, "/v1/sessions", {"id": session, "limits": {field: value}}), 400, "invalid_field")
    assert not session_exists(shared, session)


@pytest.mark.parametrize("value, code", [(0, "invalid_field"), (-5, "invalid_field"), (-1e-9, "invalid_field"),
                                         (600.5, "limit_too_high"), (1e300, "limit_too_high")])
def test_times_out_of_bounds_are_refused_before_a_session_is_made(shared, value, code):
    session = name()
    for target, field, body in (("/run", "timeout", {"session_id": session}),
                                (f"/v1/sessions/{session}/executions", "timeout_s", {})):
        problem = refused(post(shared, target, {"code": "1", field: value, **body}), 400, code)
        assert re.match(r"\w+", problem["detail"])[0] == field  # the name that was sent
    refused(post(shared, "/v1/sessions", {"id": session, "idle_timeout_s": value * 1e6}), 400, code)
    assert not session_exists(shared, session)


def test_a_language_that_is_not_served_makes_no_session(shared):
    session = name()
    refused(post(shared, "/run", {"code": "1", "session_id": session, "language": "cobol"}), 400,
            "unsupported_language")
    refused(post(shared, f"/v1/sessions/{session}/executions", {"code": "1", "language": "R"}), 400,
            "unsupported_language")
    refused(post(shared, "/v1/sessions", {"id": session, "language": "cobol"}), 400, "unsupported_language")
    assert not session_exists(shared, session)


@pytest.mark.parametrize("body", [{"allow_stdin": 1}, {"on_disconnect": "explode"}, {"on_disconnect": None}],
                         ids=json.dumps)
def test_options_of_an_execution_are_checked(shared, body):
    refused(post(shared, f"/v1/sessions/{name()}/executions", {"code": "1", **body}), 400, "invalid_field")


@pytest.mark.parametrize("field", ["Prefer: respond-async", "Prefer: wait=5", "Idempotency-Key: a"])
def test_headers_that_a_call_does_not_take_are_refused_not_ignored(shared, field):
    session = name()
    for target, body in (("/run", {"code": "1", "session_id": session}), ("/v1/sessions", {"id": session})):
        answer = post(shared, target, body, field)
        assert "executions only" in refused(answer, 400, "invalid_field")["detail"]
    form = multipart(("session_id", None, session.encode()), ("file", "x", b"x"))
    file = f"/v1/sessions/{session}/files/x"
    for answer in (send(shared, "POST", "/upload", FORM, field, body=form),
                   send(shared, "PUT", file, field, body=b"x")):
        assert "executions only" in refused(answer, 400, "invalid_field")["detail"]
    assert not session_exists(shared, session)
    assert send(shared, "PUT", file, body=b"x").status == 201
    for target in (file, f"/v1/sessions/{session}"):
        answer = send(shared, "DELETE", target, field)
        assert "executions only" in refused(answer, 400, "invalid_field")["detail"]
        assert send(shared, "GET", file, field).status == 200  # where nothing is changed, nothing is lost
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


@pytest.mark.parametrize("target, others", [("/v1/sessions/events/executions", ["text/event-stream;q=0, text/html"]),
                                            ("/run", ["text/event-stream"])])
def test_a_form_that_is_not_to_be_had(shared, target, others):
    body = {"code": "1", "session_id": "events"} if target == "/run" else {"code": "1"}
    for accept in ("text/html", "application/json;q=0", *others):
        refused(post(shared, target, body, f"Accept: {accept}"), 406, "not_acceptable")
    assert not session_exists(shared, "events")
    for accept in ("*/*", "application/*", "text/event-stream, application/json"):
        refused(post(shared, target, b"{", f"Accept: {accept}"), 400, "invalid_json")
    refused(post(shared, target, b"{", "Accept: text/html", "Accept: application/json"), 400, "invalid_json")


# --- ids and paths ---------------------------------------------------------------------------------------

BAD_IDS = ["", ".", "..", "a" * 129, "ä", "a/b", "a b", "a\0", "a\n", "a%2e", "-\u202e", "é" * 64, "a\\b", "~"]


@pytest.mark.parametrize("session", BAD_IDS, ids=lambda text: ascii(text)[:20])
def test_an_id_out_of_its_alphabet_is_refused(shared, session):
    refused(post(shared, "/run", {"code": "1", "session_id": session}), 400, "invalid_field")
    refused(post(shared, "/v1/sessions", {"id": session}), 400, "invalid_field")
    form = multipart(("session_id", None, session.encode()), ("file", "x", b"x"))
    refused(send(shared, "POST", "/upload", FORM, body=form), 400, "invalid_field")


def test_an_id_of_128_is_taken(shared):
    session = "a" * 128
    assert send(shared, "PUT", f"/v1/sessions/{session}/files/x", body=b"x").status == 201
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


@pytest.mark.parametrize("session", [".", "..", "%2e%2e", "a" * 129, "%C3%A4", "a%20b", "a%5Cb"])
def test_an_id_out_of_its_alphabet_in_a_path_is_no_session(shared, session):
    for target in (f"/v1/sessions/{session}", f"/v1/sessions/{session}/files", f"/download/{session}/a.txt"):
        refused(send(shared, "GET", target), 404, "session_not_found")
    refused(send(shared, "DELETE", f"/v1/sessions/{session}"), 404, "session_not_found")
    refused(post(shared, f"/v1/sessions/{session}/executions", {"code": "1"}), 400, "invalid_field")
    refused(send(shared, "PUT", f"/v1/sessions/{session}/files/x", body=b"x"), 400, "invalid_field")


@pytest.mark.parametrize("session", ["a%2Fb", "a%00", "%zz", "%"])
def test_an_id_that_cannot_be_decoded_is_refused(shared, session):
    refused(post(shared, f"/v1/sessions/{session}/executions", {"code": "1"}), 400, "invalid_path")
    refused(send(shared, "GET", f"/v1/sessions/{session}"), 404, "session_not_found")


BAD_PATHS = ["", "/", "..", "../a.txt", "../../../../etc/passwd", "a/../../b", "a/..", "./a.txt", "a/./b", "a//b", "a/",
             "/etc/passwd", "//etc/passwd", "%2e%2e", "%2e%2e/%2e%2e/etc/passwd", ".%2e/a", "%2E", "a%2Fb",
             "..%2f..%2fetc%2fpasswd", "%2Fetc%2Fpasswd", "a%00b", "a.txt%00", "%zz", "a%", "a%2",
             "x" * 256, "x" * 4096, "/".join(["y" * 240] * 18), "/".join(["d"] * 33)]


@pytest.mark.parametrize("path", BAD_PATHS, ids=lambda text: ascii(text)[:40])
def test_a_path_trick_is_refused_for_every_method(shared, filed, path):
    session = filed[0]
    for method in ("GET", "PUT", "DELETE"):
        body = b"x" if method == "PUT" else b""
        refused(send(shared, method, f"/v1/sessions/{session}/files/{path}", body=body), 400, "invalid_path")
    refused(send(shared, "GET", f"/download/{session}/{path}"), 400, "invalid_path")
    listed = send(shared, "GET", f"/v1/sessions/{session}/files").json["files"]
    assert [file["path"] for file in listed] == ["a.txt"]


def test_a_path_at_its_bounds_is_taken(shared):
    session = name()
    for path in ("x" * 255, "/".join(["d"] * 32), "..a/...", "%FF%FE", "%252e%252e"):
        assert send(shared, "PUT", f"/v1/sessions/{session}/files/{path}", body=b"x").status == 201, path
        assert send(shared, "GET", f"/v1/sessions/{session}/files/{path}").body == b"x"
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


@pytest.mark.parametrize("path", ["../x", "/etc/cron.d/x", "a/../../x", "..", "x" * 256, "a//b", "./a"])
def test_a_path_trick_in_a_form_is_refused(shared, filed, path):
    session = ("session_id", None, filed[0].encode())
    for parts in ([("file", path, b"x")], [("path", None, path.encode()), ("file", "x", b"x")]):
        answer = send(shared, "POST", "/upload", FORM, body=multipart(session, *parts))
        refused(answer, 400, "invalid_path")
    listed = send(shared, "GET", f"/v1/sessions/{filed[0]}/files").json["files"]
    assert [file["path"] for file in listed] == ["a.txt"]


# --- credentials -----------------------------------------------------------------------------------------

def basic(text):
    return "Authorization: Basic " + base64.b64encode(text.encode()).decode()


def test_each_form_of_a_right_key_is_taken(keyed):
    key = keyed.keys["blue"]
    for field in (f"X-API-Key: {key}", f"x-api-key:{key}", f"Authorization: Bearer {key}",
                  f"authorization: bEARER {key}", basic(key), basic(f"{key}:"), basic(f"{key}:password")):
        assert send(keyed, "GET", "/v1/sessions", field).status == 200, field


def test_a_missing_or_wrong_key_is_told_how_to_come_back(keyed):
    key = keyed.keys["blue"]
    for fields in ([], ["X-API-Key:"], ["X-API-Key: wrong"], [f"X-API-Key: {key}x"], [f"X-API-Key: {key[:-1]}"],
                   [f"X-API-Key: {key.swapcase()}"], [f"X-API-Key: {key}", f"X-API-Key: {key}"],
                   ["X-API-Key: wrong", f"Authorization: Bearer {key}"], ["Authorization: Bearer"],
                   ["Authorization: Bearer wrong"], [f"Authorization: {key}"], [f"Authorization: Digest {key}"],
                   [f"Authorization: Basic {key}"], ["Authorization: Basic %%%"], [basic(f":{key}")],
                   ["X-API-Key: " + "k" * 8000]):
        for method, target in (("GET", "/v1/sessions"), ("POST", "/run"), ("GET", "/nothing"), ("PATCH", "/run")):
            answer = send(keyed, method, target, *fields)
            refused(answer, 401, "unauthorized")
            assert answer.headers["WWW-Authenticate"]
            assert key not in answer.body.decode()


def test_a_wrong_key_is_refused_before_the_body(keyed):
    for target, kind in (("/run", "application/json"), ("/upload", "multipart/form-data; boundary=b")):
        start = head("POST", target, "X-API-Key: wrong", f"Content-Type: {kind}", "Content-Length: 4000000")
        refused(converse(keyed, start), 401, "unauthorized")
    start = head("PUT", "/v1/sessions/x/files/x", "Expect: 100-continue", "Content-Length: 4000000")
    refused(converse(keyed, start), 401, "unauthorized")


def test_only_the_operators_routes_are_open(keyed):
    for target in ("/healthz", "/readyz", "/version", "/openapi.json", "/docs"):
        assert send(keyed, "GET", target).status == 200


def test_the_page_for_people_may_load_nothing(shared):
    page = send(shared, "GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert page.body.startswith(b"<!doctype html>") and page.body.endswith(b"</html>\n")


def test_a_foreign_session_looks_like_a_missing_one(keyed):
    blue, green = (f"X-API-Key: {keyed.keys[tenant]}" for tenant in ("blue", "green"))
    assert send(keyed, "PUT", "/v1/sessions/theirs/files/secret.txt", blue, body=b"s").status == 201
    for method, rest in (("GET", ""), ("GET", "/files"), ("GET", "/files/secret.txt"), ("DELETE", ""),
                         ("DELETE", "/files/secret.txt")):
        foreign, missing = (send(keyed, method, f"/v1/sessions/{session}{rest}", green)
                            for session in ("theirs", "nobodys"))
        refused(foreign, 404, "session_not_found")
        assert foreign.body == missing.body
        assert sorted(foreign.headers) == sorted(missing.headers)
    foreign, missing = (send(keyed, "GET", f"/download/{session}/secret.txt", green)
                        for session in ("theirs", "nobodys"))
    refused(foreign, 404, "session_not_found")
    assert foreign.body == missing.body
    assert send(keyed, "GET", "/v1/sessions", green).json["sessions"] == []
    assert send(keyed, "GET", "/v1/sessions/theirs/files/secret.txt", blue).body == b"s"
    assert send(keyed, "DELETE", "/v1/sessions/theirs", blue).status == 204


def test_a_name_that_another_tenant_uses_is_free(keyed):
    """What is run under it runs in a session of one's own."""
    blue, green = (f"X-API-Key: {keyed.keys[tenant]}" for tenant in ("blue", "green"))
    assert send(keyed, "PUT", "/v1/sessions/same/files/secret.txt", blue, body=b"s").status == 201
    code = "import os; print(os.path.exists('/mnt/data/secret.txt')); mine = 1"
    first = post(keyed, "/v1/sessions/same/executions", {"code": code}, green)
    assert (first.status, first.json["session_state"], first.json["stdout"]) == (200, "fresh", "False\n"), first
    second = post(keyed, "/run", {"code": "mine", "session_id": "same"}, green)
    assert (second.status, second.json["state"], second.json["result"]) == (200, "kept", "1"), second
    assert send(keyed, "GET", "/v1/sessions/same", blue).json["status"] == "stopped"
    assert send(keyed, "DELETE", "/v1/sessions/same", green).status == 204
    assert send(keyed, "GET", "/v1/sessions/same/files/secret.txt", blue).body == b"s"
    assert send(keyed, "DELETE", "/v1/sessions/same", blue).status == 204


def test_serving_everybody_without_a_key_is_refused_at_start(tmp_path):
    done = subprocess.run([str(BINARY), "serve", "--set", f"state_dir={tmp_path}", "--set", "listen=0.0.0.0:1"],
                          text=True, capture_output=True, timeout=20, check=False)
    assert done.returncode not in (0, None)
    assert "keys add" in done.stderr and "trusted_networks" in done.stderr


# --- methods, types, hosts -------------------------------------------------------------------------------

@pytest.mark.parametrize("method, target, allow", [
    ("GET", "/run", "POST"), ("OPTIONS", "/run", "POST"), ("PUT", "/upload", "POST"), ("BREW", "/run", "POST"),
    ("POST", "/healthz", "GET, HEAD"), ("DELETE", "/v1/sessions", "GET, HEAD, POST"), ("get", "/healthz", "GET, HEAD"),
    ("PATCH", "/v1/sessions/x", "DELETE, GET, HEAD"), ("POST", "/v1/sessions/x/files/y", "DELETE, GET, HEAD, PUT"),
    ("POST", "/download/x/y", "GET, HEAD")])
def test_a_wrong_method_is_told_the_right_ones(shared, method, target, allow):
    answer = send(shared, method, target)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("target", ["/", "/runs", "/run/", "/RUN", "/v1", "/v1/", "/v1/sessions/", "/v1//sessions",
                                    "/v1/sessions/x/", "/%72un", "/../run", "/v1/sessions/x/nothing", "/download/x"])
def test_a_path_of_nothing_is_not_found(shared, target):
    refused(send(shared, "GET", target), 404, "not_found")


@pytest.mark.parametrize("fields", [
    [], ["Content-Type:"], ["Content-Type: text/plain"], ["Content-Type: application/x-www-form-urlencoded"],
    ["Content-Type: application/jsonp"], ["Content-Type: application/json; charset=latin1"], ["Content-Type: multipart/form-data; boundary=b"],
    ["Content-Type: application/json", "Content-Encoding: gzip"],
    ["Content-Type: application/json", "Content-Encoding: identity"]], ids=str)
def test_a_body_of_another_type_is_refused(shared, fields):
    for target in ("/run", "/v1/sessions", f"/v1/sessions/{name()}/executions"):
        refused(send(shared, "POST", target, *fields, body=b'{"code": "1"}'), 415, "unsupported_media_type")


def test_an_encoded_file_is_refused(shared, filed):
    answer = send(shared, "PUT", f"/v1/sessions/{filed[0]}/files/b", "Content-Encoding: gzip", body=b"x")
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2",
                                  "localhost:80x", "localhost:8000:1", "[::1", "[::2]", "0.0.0.0", "", "localhost."])
def test_a_wrong_host_is_refused_everywhere(shared, host):
    for method, target in (("GET", "/healthz"), ("POST", "/run"), ("GET", "/nothing")):
        refused(send(shared, method, target, host=host), 421, "wrong_host")


def test_the_host_of_an_absolute_target_is_the_one_that_counts(shared):
    refused(send(shared, "GET", "http://evil.example/healthz"), 421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LocalHost:9", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:8000"])
def test_names_of_loopback_are_served(shared, host):
    assert send(shared, "GET", "/healthz", host=host).status == 200


def test_no_origin_is_let_in(shared):
    for method in ("OPTIONS", "POST", "GET"):
        answer = send(shared, method, "/run", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST")
        assert not [field for field in answer.headers if field.lower().startswith("access-control-")]
    answer = send(shared, "GET", "/version", "Origin: null")
    assert answer.status == 200
    assert not [field for field in answer.headers if field.lower().startswith("access-control-")]


def test_a_request_id_is_echoed_or_made(shared):
    for target in ("/healthz", "/nothing"):
        assert send(shared, "GET", target, "X-Request-Id: my.id-1:2/3").headers["X-Request-Id"] == "my.id-1:2/3"
        for fields in ([], ["X-Request-Id:"], ["X-Request-Id: a b"], ["X-Request-Id: " + "a" * 129],
                       ["X-Request-Id: <script>"], ["X-Request-Id: a", "X-Request-Id: a"], ["X-Request-Id: \xe9"]):
            made = send(shared, "GET", target, *fields).headers.get_all("X-Request-Id")
            assert len(made) == 1 and re.fullmatch(r"[A-Za-z0-9_-]{21}", made[0]), fields


# --- broken HTTP -----------------------------------------------------------------------------------------

BROKEN_HTTP = {
    "no words": b"\x16\x03\x01\x02\x00\r\n\r\n", "one word": b"GET\r\n\r\n", "two words": b"GET /\r\n\r\n",
    "no version": b"GET / HTTQ/1.1\r\n\r\n", "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": head("GET", "/healthz", "Host: localhost"), "NUL": b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bare line feeds": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "folded": head("GET", "/healthz", "X-A: b", " c"), "space before colon": head("GET", "/healthz", "X-A : b"),
    "no colon": head("GET", "/healthz", "X-A"), "two lengths": head("POST", "/run", "Content-Length: 1", "Content-Length: 2"),
    "a list of lengths": head("POST", "/run", "Content-Length: 1, 1"),
    "a negative length": head("POST", "/run", "Content-Length: -1"), "a hex length": head("POST", "/run", "Content-Length: 0x1"),
    "a huge length": head("POST", "/run", "Content-Length: 99999999999999999999999"),
    "two ends": head("POST", "/run", "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "gzip, chunked": head("POST", "/run", "Transfer-Encoding: gzip, chunked"),
    "xchunked": head("POST", "/run", "Transfer-Encoding: xchunked"),
    "a bad chunk": head("POST", "/run", "Content-Type: application/json", "Transfer-Encoding: chunked") + b"zz\r\n\r\n",
    "fragment": b"GET /healthz#x HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.mark.parametrize("what", BROKEN_HTTP)
def test_broken_http_is_refused_and_the_connection_closed(shared, what):
    answer = converse(shared, BROKEN_HTTP[what])
    refused(answer, 400, "bad_request")
    assert answer.headers["Connection"] == "close"


def test_a_body_that_ends_early_is_broken_http(shared, filed):
    fields = ("Content-Type: application/json", "Content-Length: 100")
    refused(converse(shared, head("POST", "/run", *fields) + b'{"code"', half_close=True), 400, "bad_request")
    put = head("PUT", f"/v1/sessions/{filed[0]}/files/b", "Content-Length: 100") + b"half"
    refused(converse(shared, put, half_close=True), 400, "bad_request")
    listed = send(shared, "GET", f"/v1/sessions/{filed[0]}/files").json["files"]
    assert [file["path"] for file in listed] == ["a.txt"]


def test_heads_beyond_their_limits_are_refused(shared):
    refused(send(shared, "GET", "/" + "a" * 9000), 414, "uri_too_long")
    refused(send(shared, "GET", "/healthz", "X-A: " + "a" * 17000), 431, "header_too_large")
    refused(send(shared, "GET", "/healthz", *["X: y"] * 101), 431, "header_too_large")
    refused(send(shared, "GET", "/healthz", "Expect: wonders"), 417, "expectation_failed")
    refused(converse(shared, b"GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n"), 505, "version_not_supported")


def test_who_sends_nothing_more_is_given_up(keyed):
    refused(converse(keyed, b"GET /healthz HTTP/1.1\r\nHost: local"), 408, "request_timeout")
    key = f"X-API-Key: {keyed.keys['blue']}"
    start = head("POST", "/run", key, "Content-Type: application/json", "Content-Length: 100")
    refused(converse(keyed, start + b'{"code"'), 408, "request_timeout")


# --- sizes -----------------------------------------------------------------------------------------------

def test_a_body_of_100_megabytes_is_refused_unread_and_memory_stays_flat(shared):
    fields = ("Content-Type: application/json", "Content-Length: 104857600")
    refused(converse(shared, head("POST", "/run", *fields)), 413, "body_too_large")
    refused(converse(shared, head("POST", "/run", *fields, "Expect: 100-continue")), 413, "body_too_large")
    with PeakGrowth(shared) as peak:
        answer = converse(shared, head("POST", "/run", *fields), itertools.repeat(b" " * MIB, 20))
        refused(answer, 413, "body_too_large")
    assert peak.bytes < 4 * MIB


def test_a_body_without_a_length_is_cut_off_at_the_limit(keyed):
    start = head("POST", "/run", f"X-API-Key: {keyed.keys['blue']}", "Content-Type: application/json",
                 "Transfer-Encoding: chunked")
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    with PeakGrowth(keyed) as peak:
        refused(converse(keyed, start, itertools.repeat(chunk, 320)), 413, "body_too_large")
    assert peak.bytes < 8 * MIB


def test_an_upload_beyond_its_limit_leaves_nothing(keyed):
    key, session = f"X-API-Key: {keyed.keys['blue']}", name()
    files = f"/v1/sessions/{session}/files"
    assert send(keyed, "PUT", f"{files}/small", key, body=b"x").status == 201
    announced = (key, "Content-Length: 104857600")
    refused(converse(keyed, head("PUT", f"{files}/large", *announced)), 413, "body_too_large")
    refused(converse(keyed, head("POST", "/upload", *announced, FORM)), 413, "body_too_large")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    chunked = head("PUT", f"{files}/large", key, "Transfer-Encoding: chunked")
    refused(converse(keyed, chunked, itertools.repeat(chunk, 100)), 413, "body_too_large")
    assert [file["path"] for file in send(keyed, "GET", files, key).json["files"]] == ["small"]
    assert send(keyed, "DELETE", f"/v1/sessions/{session}", key).status == 204


def test_an_upload_is_streamed_and_memory_stays_flat(shared, filed):
    with PeakGrowth(shared) as peak:
        start = head("PUT", f"/v1/sessions/{filed[0]}/files/large", f"Content-Length: {64 * MIB}")
        assert converse(shared, start, itertools.repeat(b"\0" * MIB, 64)).status == 201
    assert peak.bytes < 8 * MIB
    assert send(shared, "DELETE", f"/v1/sessions/{filed[0]}/files/large").status == 204


def test_a_full_workspace_is_told_and_the_session_lives(shared):
    session = name()
    made = post(shared, "/v1/sessions", {"id": session, "limits": {"disk_bytes": 8 * MIB}})
    assert made.status == 201
    start = head("PUT", f"/v1/sessions/{session}/files/large", f"Content-Length: {16 * MIB}")
    refused(converse(shared, start, itertools.repeat(b"x" * MIB, 16)), 507, "workspace_full")
    assert send(shared, "PUT", f"/v1/sessions/{session}/files/small", body=b"x").status == 201
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


# --- forms -----------------------------------------------------------------------------------------------

FORM = "Content-Type: multipart/form-data; boundary=b"


def multipart(*parts, end=b"--b--\r\n"):
    body = b""
    for field, file, data in parts:
        named = "" if file is None else f'; filename="{file}"'
        body += f'--b\r\nContent-Disposition: form-data; name="{field}"{named}\r\n\r\n'.encode() + data + b"\r\n"
    return body + end


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=", "multipart/mixed; boundary=b",
                                  "multipart/form-data; boundary=" + "b" * 71, "application/json", "text/plain"])
def test_a_form_without_a_boundary_is_refused(shared, kind):
    body = multipart(("file", "x", b"x"))
    refused(send(shared, "POST", "/upload", f"Content-Type: {kind}", body=body), 415, "unsupported_media_type")


BROKEN_FORMS = {
    "empty": b"", "only an end": b"--b--\r\n", "other boundary": b"--c\r\n\r\n\r\n--c--\r\n", "no part": b"text",
    "no file": multipart(("path", None, b"a")), "file without a name": multipart(("file", None, b"x")),
    "an empty name": multipart(("file", "", b"x")), "another field": multipart(("attachment", "x", b"x")),
    "cut in a part": multipart(("path", None, b"a"), end=b"")[:-4],
    "cut in a head": b'--b\r\nContent-Disposition: form-data; name="fi',
    "no disposition": b"--b\r\nX-A: b\r\n\r\nx\r\n--b--\r\n",
    "no field name": b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    "a head of 100 KB": b"--b\r\nX-A: " + b"a" * 100000 + b"\r\n\r\nx\r\n--b--\r\n",
    "a long field": multipart(("path", None, b"a" * 5000), ("file", "x", b"x")),
    "two sessions": multipart(("session_id", None, b"a"), ("session_id", None, b"b"), ("file", "x", b"x")),
    "two folders": multipart(("path", None, b"a"), ("path", None, b"a"), ("file", "x", b"x")),
}


@pytest.mark.parametrize("what", BROKEN_FORMS)
def test_a_broken_form_is_refused(shared, what):
    answer = send(shared, "POST", "/upload", FORM, body=BROKEN_FORMS[what])
    refused(answer, 400, "invalid_field")


@pytest.mark.parametrize("field, value", [("session_id", b"other"), ("path", b"folder")])
def test_a_field_behind_the_files_is_refused(shared, field, value):
    session = name()
    body = multipart(("session_id", None, session.encode()), ("file", "x", b"x"), (field, None, value))
    assert field in refused(send(shared, "POST", "/upload", FORM, body=body), 400, "invalid_field")["detail"]
    assert not session_exists(shared, session)


FAILING_FORMS = {
    "a session behind the file": multipart(("file", "x", b"x"), ("session_id", None, b"late")),
    "a folder behind the file": multipart(("file", "x", b"x"), ("path", None, b"late")),
    "a second file without a name": multipart(("file", "x", b"x"), ("file", "", b"y")),
    "a second file below the first": multipart(("file", "x", b"x"), ("file", "x/y", b"y")),
    "cut in the first file": multipart(("file", "x", b"x" * 1000), end=b"")[:-500],
    "cut after the first file": multipart(("file", "x", b"x" * 1000), end=b"--b\r\nContent"),
    "a first file that cannot be": multipart(("file", "x" * 300, b"x")),
}


@pytest.mark.parametrize("what", FAILING_FORMS)
@pytest.mark.parametrize("named", [False, True])
def test_a_form_that_fails_leaves_no_session_that_it_made(shared, what, named):
    def sessions():
        return {one["id"] for one in send(shared, "GET", "/v1/sessions?limit=1000").json["sessions"]}
    before = sessions()
    # `session_id` twice is another fault, of the same kind.
    fields = multipart(("session_id", None, name().encode()), end=b"") if named else b""
    answer = send(shared, "POST", "/upload", FORM, body=fields + FAILING_FORMS[what])
    assert 400 <= answer.status < 500, answer
    assert sessions() == before


def test_a_form_that_fails_leaves_a_session_that_was_there(shared):
    session = name()
    assert send(shared, "PUT", f"/v1/sessions/{session}/files/old", body=b"x").status == 201
    body = multipart(("session_id", None, session.encode()), ("file", "x", b"x"), ("file", "", b"y"))
    refused(send(shared, "POST", "/upload", FORM, body=body), 400, "invalid_field")
    listed = send(shared, "GET", f"/v1/sessions/{session}/files").json["files"]
    assert [file["path"] for file in listed] == ["old", "x"]
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


def test_a_field_of_a_form_that_is_not_known_is_read_over(shared):
    session = name()
    body = multipart(("note", None, b"n" * 100000), ("session_id", None, session.encode()), ("note", None, b"2"),
                     ("file", "x", b"x"), ("note", None, b"3"))
    answer = send(shared, "POST", "/upload", FORM, body=body)
    assert (answer.status, answer.json["session_id"]) == (200, session), answer
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


@pytest.mark.parametrize("born_again", [False, True])
@pytest.mark.parametrize("form", [False, True])
def test_an_upload_whose_session_is_deleted_meanwhile_is_not_acknowledged(shared, form, born_again):
    session = name()
    files = f"/v1/sessions/{session}/files"
    assert send(shared, "PUT", f"{files}/old", body=b"x").status == 201
    body = multipart(("session_id", None, session.encode()), ("file", "late", b"x" * 100)) if form else b"x" * 100
    target, fields = ("/upload", [FORM]) if form else (f"{files}/late", [])
    with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as one:
        one.sendall(head("POST" if form else "PUT", target, *fields, f"Content-Length: {len(body)}",
                         "Expect: 100-continue"))
        assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # a PUT has found its session
        one.sendall(body[:-50])
        if form:  # its session is found when the file's part has come
            until(lambda: open_uploads(shared), "the form has begun a file")
        assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204
        if born_again:
            assert send(shared, "PUT", f"{files}/new", body=b"x").status == 201
        one.sendall(body[-50:])
        response = http.client.HTTPResponse(one)
        response.begin()
        refused(Answer(response.status, response.headers, response.read()), 404, "session_not_found")
    if born_again:
        assert [file["path"] for file in send(shared, "GET", files).json["files"]] == ["new"]
        assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204
    assert not session_exists(shared, session)


def test_a_put_that_fails_leaves_no_session_that_it_made(shared):
    session = name()
    files = f"/v1/sessions/{session}/files"
    refused(send(shared, "PUT", f"{files}/f", 'If-Match: "1"', body=b"x"), 412, "precondition_failed")
    assert not session_exists(shared, session)
    with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as one:
        one.sendall(head("PUT", f"{files}/f", "Content-Length: 100", "Expect: 100-continue"))
        assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"  # it has found its session
        one.sendall(b"x" * 50)
        assert session_exists(shared, session)
    until(lambda: not session_exists(shared, session), "the session of a body that broke off is gone")
    assert send(shared, "PUT", f"{files}/f", body=b"x").status == 201
    refused(send(shared, "PUT", f"{files}/f", 'If-Match: "1"', body=b"x"), 412, "precondition_failed")
    assert session_exists(shared, session)
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


def open_uploads(broker):
    """Files without a name that the broker has open."""
    links = []
    for link in pathlib.Path(f"/proc/{broker.process.pid}/fd").iterdir():
        try:
            links.append(link.readlink().name)
        except FileNotFoundError:
            pass
    return [link for link in links if re.fullmatch(r"#\d+ \(deleted\)", link)]


def test_a_form_that_breaks_off_leaves_no_half_file(shared, filed):
    body = multipart(("session_id", None, filed[0].encode()), ("file", "half", b"x" * 1000), end=b"")
    refused(send(shared, "POST", "/upload", FORM, body=body[:-500]), 400, "invalid_field")
    listed = send(shared, "GET", f"/v1/sessions/{filed[0]}/files").json["files"]
    assert [file["path"] for file in listed] == ["a.txt"]


# --- ranges, preconditions, what is not there ------------------------------------------------------------

@pytest.mark.parametrize("spec", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999-"])
def test_a_range_behind_the_end_is_told_the_size(shared, filed, spec):
    for target in (f"/v1/sessions/{filed[0]}/files/a.txt", f"/download/{filed[0]}/a.txt"):
        answer = send(shared, "GET", target, f"Range: {spec}")
        refused(answer, 416, "range_not_satisfiable")
        assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("spec", ["bytes=5-4", "bytes=a-b", "bytes", "lines=0-1", "bytes=-", "bytes=0-1,3-4"])
def test_a_range_that_is_none_is_ignored(shared, filed, spec):
    answer = send(shared, "GET", f"/v1/sessions/{filed[0]}/files/a.txt", f"Range: {spec}")
    assert (answer.status, answer.body) == (200, b"0123456789")


def test_a_precondition_that_fails_changes_nothing(shared, filed):
    session, tag = filed
    target = f"/v1/sessions/{session}/files/a.txt"
    for method, field in (("GET", 'If-Match: "other"'), ("PUT", 'If-Match: "other"'), ("DELETE", 'If-Match: "other"'),
                          ("PUT", "If-None-Match: *"), ("PUT", "If-Match: nonsense"), ("DELETE", f"If-Match: W/{tag}"),
                          ("PUT", f"If-None-Match: {tag}"), ("DELETE", f'If-None-Match: "x", {tag}'),
                          *((method, "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT")
                            for method in ("GET", "PUT", "DELETE"))):
        body = b"changed" if method == "PUT" else b""
        refused(send(shared, method, target, field, body=body), 412, "precondition_failed")
    for method in ("PUT", "DELETE"):
        body = b"x" if method == "PUT" else b""
        answer = send(shared, method, f"/v1/sessions/{session}/files/new", "If-Match: *", body=body)
        refused(answer, 412, "precondition_failed")
    assert send(shared, "GET", target, f"If-Match: {tag}").body == b"0123456789"


def test_a_precondition_that_holds_lets_the_change_be_made(shared):
    session = name()
    target = f"/v1/sessions/{session}/files/a.txt"
    tag = send(shared, "PUT", target, 'If-None-Match: "any"', body=b"1").headers["ETag"]
    for fields in (['If-Match: "other"', f"If-Match: {tag}"], ['If-None-Match: "other"'],
                   ["If-Unmodified-Since: Fri, 31 Dec 9999 23:59:59 GMT"]):
        answer = send(shared, "PUT", target, *fields, body=b"1")
        assert (answer.status, answer.headers["ETag"]) == (200, tag), fields
    assert send(shared, "DELETE", target, 'If-Match: "other"', f"If-Match: {tag}").status == 204
    assert send(shared, "DELETE", f"/v1/sessions/{session}").status == 204


def test_what_is_not_there_is_told_apart(shared, filed):
    refused(send(shared, "GET", f"/v1/sessions/{filed[0]}/files/none"), 404, "file_not_found")
    refused(send(shared, "DELETE", f"/v1/sessions/{filed[0]}/files/none"), 404, "file_not_found")
    refused(send(shared, "GET", f"/v1/sessions/{filed[0]}/files/a.txt/b"), 404, "file_not_found")
    refused(send(shared, "GET", "/v1/sessions/none"), 404, "session_not_found")
    refused(send(shared, "DELETE", "/v1/sessions/none"), 404, "session_not_found")
    refused(send(shared, "GET", "/v1/sessions/none/files/a"), 404, "session_not_found")
    refused(post(shared, "/v1/sessions", {"id": filed[0]}), 409, "session_exists")
    problem = refused(post(shared, "/v1/sessions", {"id": name(), "image": "none"}), 503, "image_unavailable")
    assert '"none"' in problem["detail"] and "images/" not in problem["detail"]  # that folder need not be there


@pytest.mark.parametrize("image", ["../x", "", "a/b", ".hidden", "Python", "a" * 64, "a b"])
def test_a_name_that_no_image_can_have_is_a_wrong_field(shared, image):
    session = name()
    problem = refused(post(shared, "/v1/sessions", {"id": session, "image": image}), 400, "invalid_field")
    assert problem["detail"].startswith("image: ")
    assert not session_exists(shared, session)


def test_a_session_is_made_where_its_location_says(shared):
    session = name()
    for body in ({"id": session}, {}):
        made = post(shared, "/v1/sessions", body)
        assert made.status == 201
        assert made.headers["Location"] == f"/v1/sessions/{body.get('id', made.json['id'])}"
        assert send(shared, "GET", made.headers["Location"]).json["id"] == made.json["id"]
        assert send(shared, "DELETE", made.headers["Location"]).status == 204


def test_a_listing_says_whether_all_can_be_seen(shared, client, session):
    client.ok("import os; os.makedirs('/mnt/data/a'); open('/mnt/data/a/b', 'w').close()", session)
    assert send(shared, "GET", f"/v1/sessions/{session}/files").json["complete"] is True
    client.ok("os.makedirs('/mnt/data/' + 'd/' * 33); open('/mnt/data/' + 'd/' * 33 + 'x', 'w').close()", session)
    listed = send(shared, "GET", f"/v1/sessions/{session}/files").json
    assert [file["path"] for file in listed["files"]] == ["a/b"] and listed["complete"] is False


# --- more than there is room for -------------------------------------------------------------------------

def test_too_many_sessions_are_refused_with_when_to_come_back(keyed):
    key = f"X-API-Key: {keyed.keys['green']}"
    for session in ("one", "two"):
        assert send(keyed, "PUT", f"/v1/sessions/{session}/files/x", key, body=b"x").status == 201
    for answer in (send(keyed, "PUT", "/v1/sessions/three/files/x", key, body=b"x"),
                   post(keyed, "/v1/sessions", {}, key), post(keyed, "/run", {"code": "1"}, key)):
        assert refused(answer, 429, "too_many_sessions")["retry_after_s"] > 0
    for session in ("one", "two"):
        assert send(keyed, "DELETE", f"/v1/sessions/{session}", key).status == 204


def test_a_full_queue_is_refused_with_when_to_come_back(keyed):
    key, session = f"X-API-Key: {keyed.keys['blue']}", name()
    body = {"code": "import time; time.sleep(60)", "session_id": session}
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post(keyed, "/run", body, key))) for _ in range(2)]
    try:
        for thread, queued in zip(threads, (0, 1)):
            thread.start()
            wait_until_busy(keyed, key, session, queued)
        assert refused(post(keyed, "/run", body, key), 429, "queue_full")["retry_after_s"] > 0
    finally:
        assert send(keyed, "DELETE", f"/v1/sessions/{session}", key).status == 204
        for thread in threads:
            thread.join()
    assert [answer.status for answer in answers] == [200, 200]


def wait_until_busy(broker, key, session, queued, deadline_s=20):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        state = send(broker, "GET", f"/v1/sessions/{session}", key)
        if state.status == 200 and state.json["status"] == "busy" and state.json["queue_length"] == queued:
            return
        time.sleep(0.01)  # between two looks from outside
    raise AssertionError(f"never busy with {queued} queued: {state}")


@pytest.mark.parametrize("code, settings", [
    ("runtime_unavailable", {"runtime": "no-such-runtime"}), ("image_unavailable", {"image": "no-such-image"}),
    ("no_capacity", {"free_memory_floor_bytes": 2 ** 45})])
def test_what_the_host_lacks_is_503_in_the_same_words_everywhere(code, settings):
    with Broker(workspace_stock=0, **settings) as broker:
        assert send(broker, "GET", "/healthz").status == 200
        problem = refused(post(broker, "/run", {"code": "1", "session_id": "s"}), 503, code)
        assert problem["retry_after_s"] > 0
        ready = send(broker, "GET", "/readyz")
        if code != "no_capacity":
            refused(post(broker, "/v1/sessions", {"limits": {"pids": 0}}), 400, "invalid_field")
            assert refused(post(broker, "/v1/sessions", {}), 503, code)["detail"] == problem["detail"]
            assert ready.status == 503
            assert problem["detail"] in ready.body.decode().replace("\\\"", '"')


def test_after_all_of_this_the_brokers_serve_as_before(shared, keyed, client, session):
    assert client.ok("1+1", session)["result"] == "2"
    assert send(keyed, "GET", "/readyz").status == 200
    for broker in (shared, keyed):
        assert not [line for line in broker.log if line.get("level") in ("error", "fatal") or line["event"] == "text"]
