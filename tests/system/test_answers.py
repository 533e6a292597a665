# SPDX-License-Identifier: Apache-2.0
"""The whole of an answer: every field that is promised, of its promised form, and what pages and options do."""
import datetime
import email.utils
import hashlib
import re
import time

import pytest

from broker import Broker

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
OWN_ID = re.compile(r"[A-Za-z0-9_-]{21}")
EXECUTION = {"id", "session_id", "language", "state", "outcome", "exit_code", "execution_count", "stdout", "stderr",
             "result", "outputs", "error", "files", "session_state", "generation", "state_reason", "queued_at",
             "started_at", "ended_at", "duration_ms", "truncated", "dropped_bytes", "death", "variables_kept",
             "output_incomplete"}
RUN = {"stdout", "stderr", "exit_code", "result", "outputs", "files", "session_id", "execution_id", "execution_count",
       "duration_ms", "state", "generation", "state_reason", "variables_kept", "truncated"}
SESSION = {"id", "status", "language", "generation", "created_at", "last_used_at", "expires_at", "idle_timeout_s",
           "limits", "usage", "queue_length", "runtime", "kernels", "labels"}


def when(text):
    assert TIME.fullmatch(text), text
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def execute(client, session, code, **options):
    answer = client.request("POST", f"/v1/sessions/{session}/executions", {"code": code, **options})
    assert answer.status == 200, answer
    return answer.json


# --- sessions --------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def many():
    """Seven sessions without kernels, three of them of one team; no other session is on their broker."""
    with Broker(workspace_stock=1) as broker:
        client = broker.client()
        for i in range(7):
            labels = {"team": "risk" if i % 3 == 0 else "sales", "number": str(i)}
            body = {"id": f"s-{i}", "labels": labels}
            assert client.request("POST", "/v1/sessions", body).status == 201
        yield client


def ids(page):
    return [one["id"] for one in page["sessions"]]


def test_sessions_are_paged_by_id_until_a_page_without_a_cursor(many):
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = many.request("GET", f"/v1/sessions?limit=3{cursor and '&cursor='}{cursor}").json
        seen += ids(page)
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == ([f"s-{i}" for i in range(7)], 3)
    exact = many.request("GET", "/v1/sessions?limit=7").json
    assert len(ids(exact)) == 7 and exact["next_cursor"] is None
    assert ids(many.request("GET", "/v1/sessions?cursor=s-5").json) == ["s-6"]
    # A cursor holds when the session that it names is gone.
    assert ids(many.request("GET", "/v1/sessions?cursor=s-5-gone&limit=1").json) == ["s-6"]


def test_sessions_are_found_by_their_labels(many):
    risk = many.request("GET", "/v1/sessions?label=team=risk").json
    assert ids(risk) == ["s-0", "s-3", "s-6"]
    assert [one["labels"] for one in risk["sessions"]] == [{"number": n, "team": "risk"} for n in "036"]
    assert ids(many.request("GET", "/v1/sessions?label=team%3Drisk&label=number=3").json) == ["s-3"]
    assert ids(many.request("GET", "/v1/sessions?label=team=risk&label=team=sales").json) == []
    first = many.request("GET", "/v1/sessions?label=team=risk&limit=2").json
    assert ids(first) == ["s-0", "s-3"]
    rest = many.request("GET", f"/v1/sessions?label=team=risk&limit=2&cursor={first['next_cursor']}").json
    assert ids(rest) == ["s-6"] and rest["next_cursor"] is None


def test_a_made_session_tells_where_it_is_and_everything_about_itself(client, session):
    before = time.time()
    wish = {"id": session, "limits": {"memory_bytes": 256 << 20, "cpus": 0.75, "pids": 100, "disk_bytes": 32 << 20,
                                      "timeout_s": 12.5}, "idle_timeout_s": 900, "labels": {"team": "risk"}}
    made = client.request("POST", "/v1/sessions", wish)
    assert made.status == 201 and made.headers["Location"] == f"/v1/sessions/{session}"
    assert made.json["status"] == "starting" and made.json["generation"] == 0
    client.ok("x = bytearray(30 << 20)", session)
    seen = client.request("GET", made.headers["Location"]).json
    assert set(seen) == set(made.json) == SESSION
    assert (seen["id"], seen["language"], seen["status"]) == (session, "python", "idle")
    assert (seen["generation"], seen["queue_length"]) == (1, 0)
    assert (seen["limits"], seen["labels"], seen["idle_timeout_s"]) == (wish["limits"], {"team": "risk"}, 900)
    assert before - 1 < when(seen["created_at"]) <= when(seen["last_used_at"]) < time.time() + 1
    assert when(seen["expires_at"]) == pytest.approx(when(seen["last_used_at"]) + 900 + 86400, abs=1)
    usage = seen["usage"]
    assert set(usage) == {"memory_bytes", "cpu_s", "disk_bytes", "pids"}
    assert usage["memory_bytes"] > 30 << 20 and usage["cpu_s"] > 0 and usage["disk_bytes"] > 0 and usage["pids"] > 1
    # As the kernel finds itself, whatever the configuration says.
    code = "'Seccomp:\\t0' not in open('/proc/self/status').read(), open('/proc/self/uid_map').read().split()[1] != '0'"
    assert client.ok(code, session)["result"] == str((seen["runtime"]["seccomp"], seen["runtime"]["user_namespace"]))
    assert seen["runtime"]["name"] in ("crun", "runc")
    seen = client.request("GET", made.headers["Location"]).json
    looked = client.request("GET", made.headers["Location"]).json
    assert looked["last_used_at"] == seen["last_used_at"], "looking prolonged its life"


def test_a_session_without_a_wish_has_an_id_of_the_brokers_and_the_defaults(client):
    made = client.request("POST", "/v1/sessions", {})
    name = made.headers["Location"].removeprefix("/v1/sessions/")
    assert OWN_ID.fullmatch(name) and made.json["id"] == name
    assert made.json["limits"] == {"memory_bytes": 512 << 20, "cpus": 0.5, "pids": 128, "disk_bytes": 1 << 30,
                                   "timeout_s": 60}
    assert (made.json["idle_timeout_s"], made.json["labels"]) == (1800, {})
    assert client.request("DELETE", made.headers["Location"]).status == 204


# --- executions ------------------------------------------------------------------------------------------

def test_an_execution_has_every_promised_field_and_its_times_are_in_order(client, session):
    before = time.time()
    answer = execute(client, session, "import time; time.sleep(0.05); print('out'); 6 * 7")
    assert set(answer) == EXECUTION and OWN_ID.fullmatch(answer["id"])
    assert (answer["session_id"], answer["language"], answer["state"]) == (session, "python", "done")
    assert (answer["session_state"], answer["state_reason"], answer["generation"]) == ("fresh", None, 1)
    assert (answer["error"], answer["death"], answer["files"]) == (None, None, [])
    assert (answer["truncated"], answer["dropped_bytes"], answer["output_incomplete"]) == (False, 0, False)
    assert answer["outputs"] == [
        {"type": "stream", "name": "stdout", "text": "out\n"},
        {"type": "execute_result", "execution_count": 1, "data": {"text/plain": "42"}, "metadata": {}}]
    queued, started, ended = (when(answer[name]) for name in ("queued_at", "started_at", "ended_at"))
    assert before - 1 < queued <= started <= ended < time.time() + 1 and ended - started > 0.04
    assert answer["duration_ms"] == pytest.approx((ended - queued) * 1000, abs=50)
    run = client.ok("1", session)
    assert set(run) == RUN and (run["session_id"], run["execution_count"]) == (session, 2)


def test_a_silent_execution_shows_no_result_and_counts_for_nothing(client, session):
    assert execute(client, session, "x = 1")["execution_count"] == 1
    silent = execute(client, session, "x += 1\nx", silent=True)
    assert (silent["outcome"], silent["result"], silent["outputs"]) == ("ok", None, [])
    after = execute(client, session, "x")
    assert (after["result"], after["execution_count"]) == ("2", 2)
    # An error is told all the same.
    failed = execute(client, session, "1/0", silent=True)
    assert (failed["outcome"], failed["error"]["ename"]) == ("error", "ZeroDivisionError")
    assert execute(client, session, "x")["execution_count"] == 3


def test_an_execution_that_is_not_stored_leaves_no_history(client, session):
    execute(client, session, "a = 'first'")
    hidden = execute(client, session, "a = 'hidden'", store_history=False)
    assert hidden["outcome"] == "ok"
    after = execute(client, session, "a, In[1:-1]")
    assert (after["result"], after["execution_count"]) == ("""('hidden', ["a = 'first'"])""", 2)


def test_files_that_are_not_asked_for_are_not_collected_and_not_told_later(client, session):
    quiet = execute(client, session, "open('quiet', 'w').write('1')", collect_files=False)
    assert quiet["files"] == []
    after = execute(client, session, "open('loud', 'w').write('12')")
    assert [(one["path"], one["change"]) for one in after["files"]] == [("loud", "created")]
    paths = [one["path"] for one in client.request("GET", f"/v1/sessions/{session}/files").json["files"]]
    assert paths == ["loud", "quiet"]


def test_a_changed_file_is_told_with_its_size_and_where_it_is(client, session):
    def changes(code):
        files = execute(client, session, code)["files"]
        for one in files:
            gone = one["change"] == "deleted"
            assert set(one) == {"path", "size_bytes", "change"} | (set() if gone else {"url", "sha256", "version"})
            if not gone:
                assert len(client.request("GET", one["url"]).body) == one["size_bytes"]
        return [(one["path"], one["size_bytes"], one["change"]) for one in files]

    client.request("PUT", f"/v1/sessions/{session}/files/given", b"12345")
    assert changes("import os\nos.mkdir('d')\nopen('d/new', 'w').write('x' * 70000)\nopen('empty', 'w').close()") == [
        ("d/new", 70000, "created"), ("empty", 0, "created")]
    assert changes("open('given', 'a').write('678'); os.remove('empty')") == [
        ("empty", 0, "deleted"), ("given", 8, "modified")]
    assert changes("os.rename('given', 'moved'); open('d/new', 'r+').write('y')") == [
        ("d/new", 70000, "modified"), ("given", 0, "deleted"), ("moved", 8, "created")]
    assert changes("open('brief', 'w').write('1'); os.remove('brief')") == []


# --- files -----------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def filed(shared):
    """A session of files that no code wrote."""
    client, base = shared.client(), "/v1/sessions/filed-answers/files"
    for path in ("a/1", "a/2", "a/3", "ab", "b/x/deep", "c"):
        assert client.request("PUT", f"{base}/{path}", f"of {path}".encode()).status == 201
    yield base
    client.request("DELETE", "/v1/sessions/filed-answers")


def paths(page):
    return [one["path"] for one in page["files"]]


def test_files_are_listed_by_prefix_and_in_pages(client, filed):
    def page(query=""):
        return client.request("GET", filed + query).json

    everything = ["a/1", "a/2", "a/3", "ab", "b/x/deep", "c"]
    assert paths(page()) == everything and page()["next_cursor"] is None
    assert paths(page("?prefix=a")) == ["a/1", "a/2", "a/3", "ab"]
    assert paths(page("?prefix=a%2F")) == ["a/1", "a/2", "a/3"]
    assert paths(page("?prefix=b/x")) == ["b/x/deep"] and paths(page("?prefix=d")) == []
    seen, cursor = [], ""
    while cursor is not None:
        one = page(f"?limit=2{cursor and '&cursor='}{cursor}")
        assert len(paths(one)) == 2
        seen += paths(one)
        cursor = one["next_cursor"]
    assert seen == everything
    first = page("?prefix=a/&limit=2")
    assert paths(first) == ["a/1", "a/2"]
    rest = page(f"?prefix=a/&limit=2&cursor={first['next_cursor']}")
    assert paths(rest) == ["a/3"] and rest["next_cursor"] is None
    # A cursor holds when the file that it names is gone.
    assert client.request("PUT", f"{filed}/a/2x", b"").status == 201
    cursor = page("?limit=3")["next_cursor"]
    assert client.request("DELETE", f"{filed}/a/2x").status == 204
    assert paths(page(f"?limit=1&cursor={cursor}")) == ["a/3"]


def test_a_listed_file_is_described_as_the_one_that_is_fetched(client, filed):
    for one in client.request("GET", filed).json["files"]:
        content = f"of {one['path']}".encode()
        assert set(one) == {"path", "size_bytes", "sha256", "version", "modified_at", "url"}
        assert (one["size_bytes"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert abs(when(one["modified_at"]) - time.time()) < 3600
        assert client.request("GET", one["url"]).body == content


def test_head_tells_all_of_a_file_but_its_bytes(client, filed):
    for target in (f"{filed}/b/x/deep", "/download/filed-answers/b/x/deep"):
        got, head = client.request("GET", target), client.request("HEAD", target)
        assert (head.status, head.body, got.body) == (200, b"", b"of b/x/deep")
        changing = {"Date", "X-Request-Id"}
        assert {n: v for n, v in head.headers.items() if n not in changing} == \
            {n: v for n, v in got.headers.items() if n not in changing}
        assert head.headers["Content-Length"] == "11" and head.headers["Accept-Ranges"] == "bytes"
        assert head.headers["Content-Disposition"] == 'attachment; filename="deep"'
        part = client.request("HEAD", target, headers={"Range": "bytes=0-1"})
        assert (part.status, part.headers["Content-Length"]) == (200, "11"), "Range counts for GET only"
    assert client.request("HEAD", f"{filed}/none").status == 404
    for target in (filed, "/v1/sessions/filed-answers", "/v1/sessions", "/version"):
        assert (client.request("HEAD", target).status, client.request("HEAD", target).body) == (200, b""), target


def test_a_range_counts_only_if_the_file_is_the_one_that_the_client_has(client, filed):
    target = f"{filed}/c"
    tag = client.request("GET", target).headers["ETag"]
    assert re.fullmatch(r'"[^"]+"', tag)

    def part(condition):
        answer = client.request("GET", target, headers={"Range": "bytes=0-1", "If-Range": condition})
        return answer.status, answer.body

    whole, some = (200, b"of c"), (206, b"of")
    assert part(tag) == some
    for other in ('"another"', f"W/{tag}", "*", tag.strip('"'), "nonsense"):
        assert part(other) == whole, other
    listed = [one for one in client.request("GET", filed).json["files"] if one["path"] == "c"]
    changed = int(when(listed[0]["modified_at"]))
    assert part(email.utils.formatdate(changed, usegmt=True)) == some
    assert part(email.utils.formatdate(changed - 10, usegmt=True)) == whole
    assert part(email.utils.formatdate(changed + 10, usegmt=True)) == whole
    assert client.request("PUT", target, b"of C").status == 200
    assert part(tag) == (200, b"of C")
    assert client.request("PUT", target, b"of c").status == 200


def test_a_stored_file_is_described_where_it_was_stored(client, filed):
    new = client.request("PUT", f"{filed}/stored", b"12345")
    assert new.status == 201 and set(new.json) == {"path", "size_bytes", "sha256", "version", "modified_at"}
    assert (new.json["path"], new.json["size_bytes"]) == ("stored", 5)
    assert new.json["sha256"] == hashlib.sha256(b"12345").hexdigest() and when(new.json["modified_at"])
    got = client.request("GET", f"{filed}/stored")
    assert got.headers["ETag"] == new.headers["ETag"]
    assert client.request("DELETE", f"{filed}/stored").status == 204
