# SPDX-License-Identifier: Apache-2.0
"""A broker that is told to stop: everybody gets an answer, and what it leaves is what it was told to leave."""
import http.client
import signal
import threading

from broker import Broker, until
from leftovers import of_this_installation

CELL = "open('running', 'w').close()\nwhile os.path.exists('stop'): time.sleep(0.05)\nx += 1"


def in_background(broker, code, **fields):
    """An execution in session `busy`; `[answer]` after `join`."""
    answers = []
    path = "/v1/sessions/busy/executions"

    def work():
        try:
            answers.append(broker.client().request("POST", path, {"code": code, **fields}))
        except (http.client.HTTPException, OSError):
            pass  # the broker ended without a word

    thread = threading.Thread(target=work)
    thread.start()
    return thread, answers


def with_a_running_and_a_waiting_cell(broker, timeout_s):
    client = broker.client()
    client.ok("import os, time; x = 1; open('stop', 'w').close()", "busy")
    running = in_background(broker, CELL, timeout_s=timeout_s)
    until(lambda: client.request("GET", "/download/busy/running").status == 200, "it runs")
    waiting = in_background(broker, "x", timeout_s=timeout_s)
    until(lambda: client.request("GET", "/v1/sessions/busy").json["queue_length"] == 1, "the next waits")
    return running, waiting


def answer_of(call):
    thread, answers = call
    thread.join()
    return answers[0]


def test_what_runs_and_waits_is_answered_and_nothing_new_begins():
    with Broker(drain_s=300) as broker:
        running, waiting = with_a_running_and_a_waiting_cell(broker, 290)
        client = broker.client()
        broker.process.send_signal(signal.SIGTERM)
        until(lambda: client.request("GET", "/readyz").status == 503, "it stops")
        for method, path, body in (("POST", "/run", {"code": "1"}), ("POST", "/v1/sessions", {"id": "new"}),
                                   ("PUT", "/v1/sessions/busy/files/new", b"1")):
            refused = client.request(method, path, body)
            assert (refused.status, refused.json["code"]) == (503, "draining"), (path, refused)
            assert int(refused.headers["Retry-After"]) > 0
        assert client.request("GET", "/v1/sessions/busy").json["status"] == "busy"
        assert client.request("DELETE", "/v1/sessions/busy/files/stop").status == 204
        for call in (running, waiting):
            answer = answer_of(call)
            assert (answer.status, answer.json["outcome"]) == (200, "ok"), answer
        assert answer_of(waiting).json["result"] == "2"
        assert broker.process.wait(120) == 0
        broker.start()
        assert broker.client().ok("x", "busy")["state"] == "kept"


def test_what_does_not_end_in_time_is_answered_and_goes_on():
    with Broker(drain_s=1) as broker:
        running, waiting = with_a_running_and_a_waiting_cell(broker, 290)
        assert broker.stop() == 0
        answer = answer_of(running)
        assert (answer.status, answer.json["outcome"], answer.json["exit_code"]) == (200, "unknown", None), answer
        refused = answer_of(waiting)
        assert (refused.status, refused.json["code"]) == (503, "draining"), refused
        broker.start()
        client = broker.client()
        assert client.request("GET", "/v1/sessions/busy").json["status"] == "busy"
        assert client.request("DELETE", "/v1/sessions/busy/files/stop").status == 204
        kept = client.ok("x", "busy")
        assert (kept["state"], kept["result"]) == ("kept", "2")


def test_a_broker_told_to_end_its_sandboxes_leaves_none_that_is_busy():
    with Broker(drain_s=0, sandboxes_on_exit="end") as broker:
        before = of_this_installation(broker)
        calls = with_a_running_and_a_waiting_cell(broker, 290)
        assert broker.stop() == 0
        assert [answer_of(call).status for call in calls] == [200, 503]
        left = of_this_installation(broker)
        for kind in ("containers", "processes", "mounts", "loop devices", "groups", "sandboxes"):
            assert left[kind] == before[kind], kind
        broker.start()
        told = broker.client().ok("1", "busy")
        assert (told["state"], told["state_reason"]) == ("restarted", "restart_requested")


def test_a_second_signal_ends_the_broker_at_once_and_loses_nothing():
    with Broker(drain_s=3000) as broker:
        running, waiting = with_a_running_and_a_waiting_cell(broker, 290)
        broker.process.send_signal(signal.SIGTERM)
        broker.wait_for("stopping")
        broker.process.send_signal(signal.SIGTERM)
        assert broker.process.wait(60) == 1
        for thread, _ in (running, waiting):
            thread.join()
        broker.start()
        client = broker.client()
        assert client.request("DELETE", "/v1/sessions/busy/files/stop").status == 204
        assert client.ok("x", "busy")["state"] == "kept"
