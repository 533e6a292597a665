# SPDX-License-Identifier: Apache-2.0
"""Executions as resources: each form of answer, their events, interrupts, input, keys, restarts."""
import os
import pathlib
import signal
import threading

import pytest
from broker import Broker, until
from events import execute, numbered, read, text

OUTPUTS = ("stdout", "stderr", "result", "outputs")


def post(client, session, code, headers=None, **fields):
    return client.request("POST", f"/v1/sessions/{session}/executions", {"code": code, **fields}, headers)


def begin(client, session, code, headers=None, **fields):
    """The id of an execution that waits or runs."""
    answer = post(client, session, code, {"Prefer": "respond-async", **(headers or {})}, **fields)
    assert answer.status == 202, answer
    assert answer.headers["Location"] == f"/v1/executions/{answer.json['id']}"
    return answer.json["id"]


def look(client, execution):
    return client.request("GET", f"/v1/executions/{execution}")


def ended(client, execution):
    def seen():
        answer = look(client, execution)
        assert answer.status == 200, answer
        return answer.json if answer.json["state"] == "done" else None
    return until(seen, f"the end of {execution}")


def listening(client, execution):
    """Once the kernel runs it."""
    def seen():
        one = look(client, execution).json
        return one if one["state"] == "running" and one["stdout"] else None
    return until(seen, f"a word of {execution}")


def test_whole_and_later(client, session):
    whole = post(client, session, "print(6 * 7); 1 + 1")
    assert whole.status == 200
    assert whole.headers["Location"] == f"/v1/executions/{whole.json['id']}"
    assert (whole.json["stdout"], whole.json["result"], whole.json["session_state"]) == ("42\n", "2", "fresh")
    assert look(client, whole.json["id"]).json == whole.json
    one = begin(client, session, "print(1); 3")
    later = ended(client, one)
    assert (later["stdout"], later["result"], later["session_state"]) == ("1\n", "3", "kept")


def test_wait_a_while(client, session):
    post(client, session, "import time")
    slow = post(client, session, "time.sleep(30)", {"Prefer": "wait=0"})
    assert slow.status == 202
    assert slow.headers["Preference-Applied"] == "wait=0"
    assert slow.json["state"] in ("queued", "running")
    client.request("POST", f"/v1/executions/{slow.json['id']}/interrupt")
    assert ended(client, slow.json["id"])["outcome"] == "interrupted"
    quick = post(client, session, "1", {"Prefer": "wait=60"})
    assert quick.status == 200
    assert quick.headers["Preference-Applied"] == "wait=60"
    bad = post(client, session, "1", {"Prefer": "wait=soon"})
    assert (bad.status, bad.json["code"]) == (400, "invalid_field")


def test_events(shared, client, session):
    with execute(shared, session, "import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr)\n"
                                  "display({'text/plain': 'c'}, raw=True)\nopen('f', 'w').write('x')") as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert "no-store" in stream.headers["Cache-Control"]
        location = stream.headers["Location"]
        seen = numbered(list(stream))
    kinds = [event.kind for event in seen]
    assert kinds[0] == "queued" and seen[0].data == {"position": 0}
    assert "started" in kinds and kinds[-1] == "end"
    assert text(seen) == "a\n" and text(seen, "stderr") == "b\n"
    display, = [event for event in seen if event.kind == "display_data"]
    assert display.data["data"] == {"text/plain": "c"}
    result, = [event for event in seen if event.kind == "execute_result"]
    assert result.data["data"]["text/plain"] == "1"
    files, = [event for event in seen if event.kind == "files"]
    assert [file["path"] for file in files.data["files"]] == ["f"]
    whole = client.request("GET", location).json
    assert seen[-1].data == {key: value for key, value in whole.items() if key not in OUTPUTS}
    with read(shared, whole["id"]) as again:
        assert [(e.id, e.kind, e.data) for e in again] == [(e.id, e.kind, e.data) for e in seen]
    for number in range(len(seen)):
        with read(shared, whole["id"], f"?after={number}") as rest:
            assert [event.id for event in rest] == list(range(number + 1, len(seen) + 1))
    with read(shared, whole["id"], "?after=0", {"Last-Event-ID": "2"}) as rest:
        assert next(iter(rest)).id == 3
    with read(shared, whole["id"], f"?after={len(seen)}") as nothing:
        assert nothing.status == 204


def test_output_comes_while_it_runs(shared, client, session):
    with execute(shared, session, "print('one', flush=True); input()", allow_stdin=True) as stream:
        events = iter(stream)
        until(lambda: next(events).kind == "stdout", "the first word")
        asked = next(events)
        assert (asked.kind, asked.data) == ("input_request", {"prompt": "", "password": False})
        location = stream.headers["Location"]
        now = client.request("GET", location).json
        assert (now["state"], now["stdout"], now["outcome"]) == ("running", "one\n", None)
        with read(shared, now["id"], "?follow=false") as there:
            assert [event.kind for event in there] == ["queued", "started", "stdout", "input_request"]
        assert client.request("POST", location + "/input", {"value": "yes"}).status == 204
        rest = list(events)
    assert rest[-1].data["outcome"] == "ok"
    assert [e.data for e in rest if e.kind == "execute_result"][0]["data"]["text/plain"] == "'yes'"
    late = client.request("POST", location + "/input", {"value": "more"})
    assert (late.status, late.json["code"]) == (409, "no_input_wanted")


def test_input_and_password(shared, client, session):
    code = "import getpass\na = input('name? ')\nb = getpass.getpass('word? ')\nprint(a, b)"
    with execute(shared, session, code, allow_stdin=True) as stream:
        for event in stream:
            if event.kind == "input_request":
                word = {"name? ": "alice", "word? ": "s3cret"}[event.data["prompt"]]
                assert event.data["password"] == (event.data["prompt"] == "word? ")
                path = stream.headers["Location"] + "/input"
                assert client.request("POST", path, {"value": word}).status == 204
            last = event
        whole = client.request("GET", stream.headers["Location"]).json
    assert last.kind == "end"
    assert whole["stdout"].endswith("alice s3cret\n")
    refused = post(client, session, "input()").json
    assert refused["error"]["ename"] == "StdinNotImplementedError"


def test_input_that_never_comes(client, session):
    post(client, session, "x = 5")
    one = post(client, session, "input()", allow_stdin=True, timeout_s=1).json
    assert (one["outcome"], one["exit_code"], one["variables_kept"]) == ("timeout", 124, True)
    assert post(client, session, "x").json["result"] == "5"


def test_interrupt(client, session):
    post(client, session, "import time; x = 7")
    running = begin(client, session, "print('on', flush=True)\ntime.sleep(600)")
    waiting = begin(client, session, "x = 8")
    listening(client, running)
    removed = client.request("POST", f"/v1/executions/{waiting}/interrupt")
    assert (removed.status, removed.json["outcome"], removed.json["exit_code"]) == (200, "cancelled", 130)
    assert client.request("POST", f"/v1/executions/{running}/interrupt").status == 200
    stopped = ended(client, running)
    assert (stopped["outcome"], stopped["exit_code"], stopped["variables_kept"]) == ("interrupted", 130, True)
    again = client.request("POST", f"/v1/executions/{running}/interrupt")
    assert (again.status, again.json["code"]) == (409, "already_ended")
    after = post(client, session, "x").json
    assert (after["result"], after["session_state"]) == ("7", "kept")


def test_interrupt_of_a_session(client, session):
    post(client, session, "import time")
    path = f"/v1/sessions/{session}/interrupt"
    assert client.request("POST", path).json == {"interrupted": False}
    running = begin(client, session, "print('on', flush=True)\ntime.sleep(600)")
    listening(client, running)
    assert client.request("POST", path).json == {"interrupted": True}
    assert ended(client, running)["outcome"] == "interrupted"
    assert client.request("POST", "/v1/sessions/nobody/interrupt").status == 404


def test_restart(client, session):
    client.request("PUT", f"/v1/sessions/{session}/files/kept.txt", "here")
    post(client, session, "x = 1")
    session_before = client.request("GET", f"/v1/sessions/{session}").json
    restarted = client.request("POST", f"/v1/sessions/{session}/restart")
    assert restarted.status == 200, restarted
    assert restarted.json["generation"] == session_before["generation"] + 1
    after = post(client, session, "open('kept.txt').read(), 'x' in globals()").json
    assert (after["session_state"], after["state_reason"]) == ("restarted", "restart_requested")
    assert after["result"] == "('here', False)"
    assert post(client, session, "1").json["session_state"] == "kept"


def test_restart_while_something_runs(client, session):
    post(client, session, "import time")
    running = begin(client, session, "print('on', flush=True)\ntime.sleep(600)")
    waiting = begin(client, session, "'x' in globals()")
    listening(client, running)
    assert client.request("POST", f"/v1/sessions/{session}/restart").status == 200
    stopped = ended(client, running)
    assert (stopped["outcome"], stopped["variables_kept"], stopped["death"]) == ("interrupted", False, None)
    after = ended(client, waiting)
    assert (after["session_state"], after["state_reason"]) == ("restarted", "restart_requested")
    assert after["result"] == "False"


def test_position(shared, client, session):
    post(client, session, "import time")
    running = begin(client, session, "print('on', flush=True)\ntime.sleep(600)")
    first, second = begin(client, session, "1"), begin(client, session, "2")
    listening(client, running)
    with read(shared, second) as stream:
        events = iter(stream)
        assert next(events).data == {"position": 1}
        client.request("POST", f"/v1/executions/{first}/interrupt")
        assert next(events).data == {"position": 0}
        client.request("POST", f"/v1/executions/{running}/interrupt")
        assert [event.kind for event in events][-1] == "end"


def test_list(client, session):
    assert client.request("GET", f"/v1/sessions/{session}/executions").status == 404
    ids = [post(client, session, str(i)).json["id"] for i in range(5)]
    page = client.request("GET", f"/v1/sessions/{session}/executions?limit=2").json
    assert [one["id"] for one in page["executions"]] == ids[:2:-1]
    assert not any(name in page["executions"][0] for name in OUTPUTS)
    rest = client.request("GET", f"/v1/sessions/{session}/executions?cursor={page['next_cursor']}").json
    assert [one["id"] for one in rest["executions"]] == ids[2::-1]
    assert rest["next_cursor"] is None
    running = begin(client, session, "import time; time.sleep(600)")
    first = client.request("GET", f"/v1/sessions/{session}/executions?limit=1").json["executions"][0]
    assert (first["id"], first["state"] in ("queued", "running")) == (running, True)
    client.request("POST", f"/v1/executions/{running}/interrupt")


def test_idempotency(client, session):
    post(client, session, "n = 0; import time")
    key = {"Idempotency-Key": "k-1"}
    first = post(client, session, "n += 1; n", key).json
    assert first["result"] == "1"
    assert post(client, session, "n += 1; n", key).json == first
    other = post(client, session, "n += 2; n", key)
    assert (other.status, other.json["code"]) == (422, "idempotency_mismatch")
    assert post(client, session, "n", {"Idempotency-Key": "k-2"}).json["result"] == "1"
    running = begin(client, session, "time.sleep(0.5); n += 1; n", {"Idempotency-Key": "k-3"})
    joined = post(client, session, "time.sleep(0.5); n += 1; n", {"Idempotency-Key": "k-3"}).json
    assert (joined["id"], joined["result"]) == (running, "2")
    for bad in ("", "a b", "x" * 129, "\xe4"):
        answer = post(client, session, "1", {"Idempotency-Key": bad})
        assert (answer.status, answer.json["code"]) == (400, "invalid_field"), bad
    assert post(client, session + "-2", "n", key).json["error"]["ename"] == "NameError"  # a scope of its own
    client.request("DELETE", f"/v1/sessions/{session}-2")


@pytest.mark.parametrize("form", ["whole", "events"])
def test_disconnect(shared, client, session, form):
    post(client, session, "import time; done = []")
    code = "print('on', flush=True)\ntime.sleep(1.5)\ndone.append(1)"
    for fields, expected in (({"on_disconnect": "interrupt"}, "interrupted"), ({}, "ok")):
        if form == "events":
            stream = execute(shared, session, code, **fields)
            until(lambda s=iter(stream): next(s).kind == "stdout", "the first word")
            one = stream.headers["Location"].rsplit("/", 1)[1]
            stream.close()
        else:
            other = shared.client()
            gone = threading.Thread(target=lambda: pytest.raises(Exception, post, other, session, code, **fields))
            gone.start()
            one = until(lambda: [e["id"] for e in client.request(
                "GET", f"/v1/sessions/{session}/executions?limit=1").json["executions"]
                if e["state"] == "running"], "the execution")[0]
            listening(client, one)
            other.connection.sock.shutdown(2)
            gone.join()
        assert ended(client, one)["outcome"] == expected


def test_disconnect_of_one_of_two(shared, client, session):
    """What two have asked for by one key goes on until both have left."""
    def stream():
        return execute(shared, session, "import time\nfor _ in range(300): print('on', flush=True); time.sleep(.1)",
                       {"Idempotency-Key": "k"}, on_disconnect="interrupt")
    first, second = stream(), stream()
    one = second.headers["Location"].rsplit("/", 1)[1]
    assert first.headers["Location"] == second.headers["Location"]
    events = iter(second)
    until(lambda: next(events).kind == "stdout", "the first word")
    first.close()
    for _ in range(5):  # the broker has written to the first one meanwhile
        assert next(events).kind == "stdout"
    assert look(client, one).json["state"] == "running"
    second.close()
    assert ended(client, one)["outcome"] == "interrupted"


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_what_waits_is_run_by_the_next_broker(how):
    with Broker(drain_s=0) as broker:
        client = broker.client()
        post(client, "s", "seen = []; import time")
        running = begin(client, "s", "print('on', flush=True); time.sleep(2); seen.append('running')")
        listening(client, running)
        waiting = [begin(client, "s", f"seen.append({i}); seen") for i in range(3)]
        key = {"Idempotency-Key": "k"}
        keyed = execute(broker, "s", "seen.append('k'); seen", key)
        until(lambda: next(iter(keyed)).kind == "queued", "its place")
        if how == "killed":
            broker.kill()
        else:
            broker.stop()
        broker.start()
        client = broker.client()
        again = post(client, "s", "seen.append('k'); seen", key).json
        assert again["id"] == keyed.headers["Location"].rsplit("/", 1)[1]
        assert again["result"] == "['running', 0, 1, 2, 'k']"
        assert again["session_state"] == "kept"
        for i, one in enumerate(waiting):
            told = look(client, one).json
            assert (told["state"], told["outcome"]) == ("done", "ok")
            assert told["result"] == str(["running", *range(i + 1)])
            with read(broker, one) as events:
                seen = list(events)
            numbered(seen)
            assert (seen[0].kind, seen[-1].kind) == ("queued", "end")
        client.request("DELETE", "/v1/sessions/s")


def test_nothing_is_lost_on_a_broker_that_is_late():
    """The kernel says thousands of words while nobody reads: they wait, in it and on the way."""
    with Broker(timeout_s=300) as broker:
        client = broker.client()
        one = begin(client, "s", "import pathlib, time\nprint('on', flush=True); time.sleep(1)\n"
                    "for i in range(5000): print(i, flush=True)\n"
                    "time.sleep(0.5); pathlib.Path('done').touch()")
        listening(client, one)
        os.kill(broker.process.pid, signal.SIGSTOP)
        try:
            until(lambda: list(pathlib.Path(broker.state).rglob("done")), "the end of the cell")
        finally:
            os.kill(broker.process.pid, signal.SIGCONT)
        told = ended(client, one)
        assert (told["outcome"], told["truncated"]) == ("ok", False)
        assert told["stdout"].split() == ["on", *map(str, range(5000))]


@pytest.mark.parametrize("code, truncated", (
    ("print('a' * (3 << 20)); 7", False),
    ("print('begin' + 'a' * (40 << 20) + 'end'); 7", True),
    ("for i in range(5): print('\\u20ac' * (1 << 20))\n7", False),
    ("for i in range(9): print('\\u20ac' * (1 << 20))\n7", True),
    ("print('a' * (20 << 20))\nprint('b'); 1/0", True),
    ("from IPython.display import clear_output\nprint('a' * (20 << 20)); clear_output(); print('b'); 7", False)),
    ids=("whole", "one message", "characters", "many characters", "an error at the end", "cleared"))
def test_long_outputs_are_the_same_for_whoever_asks(code, truncated):
    """At once, later, and after a crash of the broker; with and without a file of their own."""
    with Broker(timeout_s=300) as broker:
        client = broker.client()
        first = post(client, "s", code).json
        assert first["truncated"] is truncated is (first["dropped_bytes"] > 0), first["dropped_bytes"]
        assert (first["result"], first["outcome"]) == (("7", "ok") if "1/0" not in code else (None, "error"))
        assert first["outputs"], "nothing is there"
        if "begin" in code:
            assert first["stdout"].startswith("begina") and first["stdout"].endswith("aend\n")
        with read(broker, first["id"]) as events:
            told = list(events)
        numbered(told)
        if "clear" not in code and not truncated:
            assert text(told, "stdout") == first["stdout"]
        assert look(client, first["id"]).json == first
        broker.kill()
        broker.start()
        client = broker.client()
        assert look(client, first["id"]).json == first
        client.request("DELETE", "/v1/sessions/s")


def test_nobody_elses(client):
    for path in ("", "/events"):
        answer = client.request("GET", f"/v1/executions/{'x' * 21}{path}")
        assert (answer.status, answer.json["code"]) == (404, "execution_not_found")
    for path in ("/interrupt", "/input"):
        answer = client.request("POST", f"/v1/executions/{'x' * 21}{path}", {"value": ""})
        assert (answer.status, answer.json["code"]) == (404, "execution_not_found")


def test_bad_event_queries(client, session):
    one = post(client, session, "1").json["id"]
    for query in ("?after=-1", "?after=x", "?follow=maybe", "?after=1&after=2"):
        answer = client.request("GET", f"/v1/executions/{one}/events{query}")
        assert (answer.status, answer.json["code"]) == (400, "invalid_field"), query
    assert client.request("GET", f"/v1/executions/{one}/events?x=1").json["code"] == "unknown_field"
    assert client.request("GET", f"/v1/executions/{one}/events", None, {"Last-Event-ID": "x"}).status == 400
    answer = client.request("GET", f"/v1/executions/{one}/events", None, {"Accept": "application/json"})
    assert answer.status == 406


def test_gone_with_its_session(client, session):
    one = post(client, session, "1").json["id"]
    assert look(client, one).status == 200
    client.request("DELETE", f"/v1/sessions/{session}")
    assert look(client, one).status == 404
