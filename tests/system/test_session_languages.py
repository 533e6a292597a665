# SPDX-License-Identifier: Apache-2.0
"""Several languages in one session on a real broker: one workspace, one queue, one set of limits, and a kernel for each
that keeps what is its own."""
import threading

import pytest
from broker import Broker


def execute(client, session, code, language, **fields):
    answer = client.request("POST", f"/v1/sessions/{session}/executions", {"code": code, "language": language, **fields})
    assert answer.status == 200, answer
    return answer.json


def session_of(client, session):
    return client.request("GET", f"/v1/sessions/{session}").json


def kernels(client, session):
    return {each["language"]: (each["status"], each["generation"]) for each in session_of(client, session)["kernels"]}


@pytest.fixture
def both(client, session):
    execute(client, session, "x = 1\nopen('by_python', 'w').write('p')", "python")
    execute(client, session, "x=2; cd /tmp; echo b >/mnt/data/by_bash", "bash")
    return session


def test_each_keeps_its_variables_and_both_have_the_files(client, both):
    told = execute(client, both, "print(x, open('by_bash').read())\nopen('by_bash', 'a').write('p')", "python")
    assert (told["stdout"], told["session_state"]) == ("1 b\n\n", "kept")
    assert [(each["path"], each["change"]) for each in told["files"]] == [("by_bash", "modified")]
    told = execute(client, both, "echo $x $PWD; cat /mnt/data/by_bash", "bash")
    assert (told["stdout"], told["session_state"], told["files"]) == ("2 /tmp\nb\np", "kept", [])
    assert kernels(client, both) == {"bash": ("idle", 1), "python": ("idle", 1)}
    assert session_of(client, both)["status"] == "idle"


def test_files_are_told_once_by_the_cell_that_made_them(client, session):
    """A cell of a language that starts only now is told of nothing that was there before."""
    execute(client, session, "open('a', 'w').write('1')", "python")
    assert execute(client, session, "cat /mnt/data/a", "bash")["files"] == []
    assert execute(client, session, "1", "python")["files"] == []


def test_a_file_is_uploaded_before_any_language_is_named(client, session):
    assert client.request("PUT", f"/v1/sessions/{session}/files/given", b"given").status == 201
    told = execute(client, session, "cat given", "bash")
    assert (told["stdout"], told["session_state"], told["generation"]) == ("given", "fresh", 1)
    assert client.ok("open('given').read()", session)["result"] == "'given'"


def test_the_end_of_one_is_no_loss_of_the_other(client, both):
    died = execute(client, both, "import os; os._exit(3)", "python")
    assert died["outcome"] == "died" and not died["variables_kept"]
    assert kernels(client, both) == {"bash": ("idle", 1), "python": ("stopped", 1)}
    assert execute(client, both, "echo $x", "bash")["stdout"] == "2\n"
    told = execute(client, both, "'x' in dir()", "python")
    assert (told["result"], told["session_state"], told["generation"]) == ("False", "restarted", 2)
    assert execute(client, both, "echo $x", "bash")["session_state"] == "kept"


def test_they_share_the_memory_of_the_session(client, session):
    """What one has taken is not there for the other; whoever is killed is told, and the other is not blamed for it."""
    assert client.request("POST", "/v1/sessions", {"id": session, "limits": {"memory_bytes": 200 << 20}}).status == 201
    execute(client, session, "x=1", "bash")
    died = execute(client, session, "b = bytearray(190 << 20)\nfor i in range(0, len(b), 4096): b[i] = 1", "python")
    assert died["outcome"] in ("died", "error"), died
    assert died["outcome"] != "died" or died["death"]["kind"] == "oom"
    told = execute(client, session, "print('here')", "python")
    assert told["stdout"] == "here\n" and session_of(client, session)["usage"]["memory_bytes"] <= 200 << 20


def share_of_a_processor(client, session):
    """What a loop gets."""
    found = execute(client, session, "import time\nt = time.process_time(); w = time.time()\n"
                                     "while time.time() - w < 1: pass\nprint((time.process_time() - t) / 1)", "python")
    return float(found["stdout"])


def test_a_start_that_fails_leaves_the_limits_as_they_were(client, session):
    wish = {"id": session, "limits": {"pids": 40, "cpus": 0.5}}
    assert client.request("POST", "/v1/sessions", wish).status == 201
    execute(client, session, "import subprocess\nown = []\ntry:\n    while True: own.append(subprocess.Popen(['sleep', '1000']))\n"
                             "except (OSError, RuntimeError): pass", "python")
    refused = client.request("POST", f"/v1/sessions/{session}/executions", {"code": ":", "language": "bash"})
    assert (refused.status, refused.json["code"]) == (503, "runtime_unavailable")
    assert "other languages" in refused.json["detail"]
    execute(client, session, "for one in own: one.kill(); one.wait()", "python")
    # Half a processor of one; with what a start is lent it would be all of it.
    assert share_of_a_processor(client, session) < 0.8
    assert execute(client, session, "echo here", "bash")["stdout"] == "here\n"


def test_a_process_of_one_is_not_seen_by_the_other(client, both):
    execute(client, both, "import subprocess\np = subprocess.Popen(['sleep', '1000'])", "python")
    seen = execute(client, both, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", "bash")
    assert "sleep" not in seen["stdout"] and "language-kernel" in seen["stdout"]
    assert execute(client, both, "p.poll() is None", "python")["result"] == "True"


def test_cells_of_both_wait_in_one_queue(shared, client, both):
    session = both
    begun = client.request("POST", f"/v1/sessions/{session}/executions",
                           {"code": "import time\nprint('go', flush=True)\nwhile not __import__('os').path.exists('stop'): time.sleep(.01)\n"
                                    "open('order', 'a').write('p')", "language": "python"}, {"Prefer": "respond-async"})
    where = begun.headers["Location"]
    while b"event: stdout" not in client.request("GET", f"{where}/events?follow=false").body:
        pass
    ended = []
    waiting = threading.Thread(target=lambda: ended.append(execute(shared.client(), session, "printf b >>/mnt/data/order; cat /mnt/data/order", "bash")))
    waiting.start()
    while session_of(client, session)["queue_length"] == 0:
        pass
    assert client.request("PUT", f"/v1/sessions/{session}/files/stop", b"").status == 201
    waiting.join()
    assert ended[0]["stdout"] == "pb"


def test_a_restart_ends_all_of_them(client, both):
    answer = client.request("POST", f"/v1/sessions/{both}/restart")
    assert (answer.status, answer.json["generation"]) == (200, 2)
    assert kernels(client, both) == {"bash": ("stopped", 1), "python": ("idle", 2)}
    for language, code in (("python", "'x' in dir()"), ("bash", "echo [$x]")):
        told = execute(client, both, code, language)
        assert (told["session_state"], told["state_reason"], told["generation"]) == ("restarted", "restart_requested", 2)
        assert (told["result"], told["stdout"]) in (("False", ""), (None, "[]\n"))
    assert execute(client, both, "cat by_bash", "bash")["stdout"] == "b\n"


def test_a_language_that_is_not_there_costs_nothing(client, both):
    refused = client.request("POST", f"/v1/sessions/{both}/executions", {"code": "1", "language": "cobol"})
    assert (refused.status, refused.json["code"]) == (400, "unsupported_language") and "bash" in refused.json["detail"]
    assert kernels(client, both) == {"bash": ("idle", 1), "python": ("idle", 1)}


def test_a_key_of_one_language_is_not_one_of_another(client, both):
    def ask(language):
        return client.request("POST", f"/v1/sessions/{both}/executions", {"code": "x=5", "language": language}, {"Idempotency-Key": "k"})

    assert ask("bash").status == 200
    assert (ask("python").status, ask("python").json["code"]) == (422, "idempotency_mismatch")


def test_all_live_on_through_a_kill_of_the_broker():
    with Broker() as broker:
        client = broker.client()
        execute(client, "s", "x = 1", "python")
        execute(client, "s", "x=2", "bash")
        begun = client.request("POST", "/v1/sessions/s/executions",
                               {"code": "until [ -e stop ]; do sleep .01; done; echo $x", "language": "bash"}, {"Prefer": "respond-async"})
        assert begun.status == 202
        while client.request("GET", begun.headers["Location"]).json["state"] != "running":
            pass
        broker.kill()
        broker.start()
        client = broker.client()
        while kernels(client, "s") != {"bash": ("busy", 1), "python": ("idle", 1)}:
            pass
        assert client.request("PUT", "/v1/sessions/s/files/stop", b"").status == 201
        client.request("GET", begun.headers["Location"] + "/events")  # to its end
        ended = client.request("GET", begun.headers["Location"]).json
        assert (ended["outcome"], ended["stdout"]) == ("ok", "2\n")
        assert execute(client, "s", "print(x)", "python")["stdout"] == "1\n"
        told = execute(client, "s", "echo $x", "bash")
        assert (told["stdout"], told["session_state"], told["generation"]) == ("2\n", "kept", 1)


def test_an_idle_session_is_put_away_with_all_its_kernels():
    with Broker() as broker:
        client = broker.client()
        assert client.request("POST", "/v1/sessions", {"id": "s", "idle_timeout_s": 1}).status == 201
        execute(client, "s", "x = 1", "python")
        execute(client, "s", "x=2; echo kept >f", "bash")
        while session_of(client, "s")["status"] != "stopped":
            pass
        assert kernels(client, "s") == {"bash": ("stopped", 1), "python": ("stopped", 1)}
        told = execute(client, "s", "echo [$x]; cat f", "bash")
        assert (told["stdout"], told["session_state"], told["state_reason"]) == ("[]\nkept\n", "restarted", "idle_expired")
