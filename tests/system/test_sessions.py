# SPDX-License-Identifier: Apache-2.0
"""What a session keeps, what it loses, and that every loss is told once."""
import base64
import re
import subprocess
import threading

import pytest

from broker import BINARY, Broker, until

RANDOM_ID = re.compile(r"[A-Za-z0-9_-]{21}")


@pytest.fixture(scope="module")
def small():
    """A broker whose limits are quickly reached."""
    with Broker(output_bytes="64KiB", output_tail_bytes="4KiB", queue_per_session=2,
                interrupt_grace_s=1) as broker:
        yield broker


def told(answer):
    return answer["state"], answer["state_reason"], answer["generation"]


def restarted_once(client, session, reason, generation=2):
    """The loss is told by the next call and by no later one."""
    assert told(client.ok("1", session)) == ("restarted", reason, generation)
    assert told(client.ok("1", session)) == ("kept", None, generation)


def in_background(broker, *arguments):
    """A request on a connection of its own; `[answer]` after `join`."""
    answers = []

    def work():
        client = broker.client()
        answers.append(client.request(*arguments))
        client.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread, answers


def status_of(client, session):
    answer = client.request("GET", f"/v1/sessions/{session}")
    return answer.json if answer.status == 200 else {}


def test_variables_survive_and_an_unknown_id_is_fresh(client, session):
    first = client.ok("x = 20", session)
    assert (first["session_id"], *told(first)) == (session, "fresh", None, 1)
    second = client.ok("x += 1\nprint('so')\nx * 2", session)
    assert told(second) == ("kept", None, 1) and second["variables_kept"]
    assert (second["stdout"], second["stderr"], second["result"]) == ("so\n", "", "42")
    assert second["execution_count"] == 2 and RANDOM_ID.fullmatch(second["execution_id"])


def test_without_an_id_a_session_of_21_characters_is_made_that_shares_nothing(client, session):
    client.ok("x = 1", session)
    other = client.ok("'x' in globals()")
    assert RANDOM_ID.fullmatch(other["session_id"]) and other["result"] == "False"
    assert client.request("DELETE", f"/v1/sessions/{other['session_id']}").status == 204


@pytest.mark.parametrize("code, status, words", [
    ("raise SystemExit", 0, ""), ("import sys; sys.exit(5)", 5, ""), ("raise SystemExit('')", 0, ""),
    ("raise SystemExit('no more')", 1, "no more"), ("raise SystemExit(True)", 1, ""),
    ("raise SystemExit(256 + 7)", 7, "")])
def test_system_exit_gives_its_status_and_keeps_the_kernel(client, exits, code, status, words):
    answer = client.run(code, exits).json
    assert answer["exit_code"] == status and answer["variables_kept"]
    assert answer["stderr"].strip() == words
    assert told(client.ok("kept_through_exits", exits)) == ("kept", None, 1)


@pytest.mark.parametrize("code, status, words", [
    ("exit(3)", 3, ""), ("quit(256 + 1)", 1, ""), ("exit('no more')", 1, "no more"), ("exit(True)", 0, "")])
def test_exit_with_a_status_gives_it_and_keeps_the_kernel(client, exits, code, status, words):
    answer = client.run(code, exits).json
    assert answer["exit_code"] == status and answer["variables_kept"], answer
    assert answer["stderr"].strip() == words
    assert told(client.ok("kept_through_exits", exits)) == ("kept", None, 1)


@pytest.mark.parametrize("code", ["exit()", "quit(0)"])
def test_exit_without_a_status_ends_the_kernel_as_it_says(client, session, code):
    answer = client.run(f"x = 1\n{code}", session).json
    assert (answer["exit_code"], answer["variables_kept"]) == (0, False), answer
    assert "ended itself with status 0" in answer["stderr"]
    restarted_once(client, session, "exit")


@pytest.fixture(scope="module")
def exits(shared):
    client = shared.client()
    client.ok("kept_through_exits = 1", "exits")
    yield "exits"
    client.request("DELETE", "/v1/sessions/exits")


def test_an_exception_is_status_1_with_a_plain_traceback(client, exits):
    answer = client.run("def f():\n    return 1 / 0\nf()", exits).json
    assert answer["exit_code"] == 1 and answer["variables_kept"]
    assert "Traceback" in answer["stderr"] and "ZeroDivisionError: division by zero" in answer["stderr"]
    assert "\x1b" not in answer["stderr"]


@pytest.mark.parametrize("code, status, kind", [("import os; os._exit(0)", 0, "exit"),
                                                ("import os; os.kill(os.getpid(), 9)", 137, "signal")])
def test_how_a_kernel_ended_is_told_in_full(client, session, code, status, kind):
    answer = client.request("POST", f"/v1/sessions/{session}/executions", {"code": code}).json
    assert (answer["outcome"], answer["exit_code"], answer["death"]["kind"]) == ("died", status, kind), answer
    assert not answer["variables_kept"]


@pytest.mark.parametrize("code, status, reason", [
    ("import os; os._exit(3)", 3, "exit"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 139, "crash")])
def test_a_kernel_that_ends_is_replaced_and_that_is_told_once(client, session, code, status, reason):
    client.ok("x = 1", session)
    answer = client.run(code, session).json
    assert answer["exit_code"] == status and not answer["variables_kept"]
    restarted_once(client, session, reason)


def test_too_much_memory_ends_the_kernel_and_keeps_the_files(client, session):
    wish = {"id": session, "limits": {"memory_bytes": 160 << 20}}
    assert client.request("POST", "/v1/sessions", wish).status == 201
    client.ok("open('kept', 'w').write('yes')", session)
    answer = client.run("b = b'x' * (400 << 20)", session).json
    assert answer["exit_code"] == 137 and not answer["variables_kept"], answer
    assert client.request("GET", f"/download/{session}/kept").body == b"yes"
    restarted_once(client, session, "oom")


def test_the_time_limit_interrupts_and_keeps_variables(client, session):
    client.ok("x = 5", session)
    answer = client.run("import time; time.sleep(900)", session, timeout=1).json
    assert answer["exit_code"] == 124 and answer["variables_kept"]
    last = answer["stderr"].splitlines()[-1]
    assert "time limit" in last and "kept" in last
    assert client.ok("x", session)["result"] == "5"


def test_a_cell_that_ignores_the_interrupt_is_killed_and_that_is_told(small):
    client = small.client()
    client.ok("import time", "stubborn")
    stubborn = "while True:\n  try: time.sleep(1)\n  except KeyboardInterrupt: pass"
    answer = client.run(stubborn, "stubborn", timeout=1).json
    assert answer["exit_code"] == 124 and not answer["variables_kept"]
    assert "gone" in answer["stderr"].splitlines()[-1]
    restarted_once(client, "stubborn", "timeout_kill")


def test_figures_and_display_data_are_outputs(client, session):
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()\ndisplay({'a': 1})"
    answer = client.ok(code, session, timeout=280)
    assert {one["type"] for one in answer["outputs"]} == {"display_data"}
    figure = [one["data"]["image/png"] for one in answer["outputs"] if "image/png" in one["data"]]
    assert base64.b64decode(figure[0]).startswith(b"\x89PNG")
    assert answer["outputs"][-1]["data"]["text/plain"] == "{'a': 1}"


def test_an_execution_holds_its_outputs_in_order_as_a_notebook_would(client, session):
    code = ("from IPython.display import clear_output\nprint('gone')\nclear_output()\n"
            "h = display('a', display_id=True)\nprint('between')\nh.update('b')\n7")
    answer = client.request("POST", f"/v1/sessions/{session}/executions", {"code": code}).json
    assert (answer["state"], answer["outcome"], answer["exit_code"]) == ("done", "ok", 0)
    kinds = [one["type"] for one in answer["outputs"]]
    assert kinds == ["display_data", "stream", "execute_result"]
    assert answer["outputs"][0]["data"]["text/plain"] == "'b'"
    assert answer["outputs"][1]["text"] == answer["stdout"] == "between\n"
    assert answer["result"] == "7"
    failed = client.request("POST", f"/v1/sessions/{session}/executions", {"code": "1/0"}).json
    assert failed["outcome"] == "error" and failed["error"]["ename"] == "ZeroDivisionError"
    assert failed["outputs"][-1]["type"] == "error"


def test_files_that_a_cell_made_changed_or_removed_are_named(client, session):
    def changes(code):
        return {one["path"]: (one["change"], one.get("url")) for one in client.ok(code, session)["files"]}

    base = f"/download/{session}"
    assert changes("import os\nfor n in 'ab': open(n, 'w').write('1')") == {
        "a": ("created", f"{base}/a"), "b": ("created", f"{base}/b")}
    assert changes("open('a', 'w').write('2'); os.remove('b'); os.mkdir('d'); open('d/c', 'w').write('3')") == {
        "a": ("modified", f"{base}/a"), "b": ("deleted", None), "d/c": ("created", f"{base}/d/c")}
    assert changes("1") == {}


def multipart(parts):
    body = b""
    for name, filename, content in parts:
        extra = f'; filename="{filename}"' if filename else ""
        body += f'--b0\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + b"--b0--\r\n", {"Content-Type": "multipart/form-data; boundary=b0"}


def test_uploads_are_there_for_code_and_for_download(client, session):
    body, headers = multipart([("session_id", None, session.encode()), ("path", None, b"in"),
                               ("file", "t.csv", b"n\n1\n2\n"), ("file", "u.bin", bytes(range(256)))])
    answer = client.request("POST", "/upload", body, headers)
    assert answer.status == 200 and answer.json["session_id"] == session, answer
    sizes = {one["path"]: one["size_bytes"] for one in answer.json["files"]}
    assert sizes == {"in/t.csv": 6, "in/u.bin": 256}
    first = client.ok("print(open('/mnt/data/in/t.csv').read(), end='')", session)
    assert first["stdout"] == "n\n1\n2\n" and told(first) == ("fresh", None, 1)
    down = client.request("GET", f"/download/{session}/in/u.bin")
    assert down.body == bytes(range(256))
    assert down.headers["Content-Disposition"].startswith("attachment")
    assert down.headers["X-Content-Type-Options"] == "nosniff"


def test_files_are_put_listed_fetched_in_part_and_deleted_without_a_kernel(client, session):
    base = f"/v1/sessions/{session}/files"
    assert client.request("PUT", f"{base}/a.txt", b"0123456789").status == 201
    assert client.request("PUT", f"{base}/a.txt", b"0123456789", {"If-None-Match": "*"}).status == 412
    assert client.request("PUT", f"{base}/a.txt", b"abcdefghij").status == 200
    listed = client.request("GET", base).json["files"]
    assert [(one["path"], one["size_bytes"]) for one in listed] == [("a.txt", 10)]
    whole = client.request("GET", f"{base}/a.txt")
    tag = whole.headers["ETag"]
    assert whole.body == b"abcdefghij"
    part = client.request("GET", f"{base}/a.txt", headers={"Range": "bytes=2-4"})
    assert (part.status, part.body, part.headers["Content-Range"]) == (206, b"cde", "bytes 2-4/10")
    assert client.request("GET", f"{base}/a.txt", headers={"Range": "bytes=50-"}).status == 416
    assert client.request("GET", f"{base}/a.txt", headers={"If-None-Match": tag}).status == 304
    assert client.request("PUT", f"{base}/a.txt", b"x", {"If-Match": '"other"'}).status == 412
    assert status_of(client, session)["status"] == "stopped"
    assert client.request("DELETE", f"{base}/a.txt").status == 204
    assert client.request("GET", f"{base}/a.txt").status == 404
    assert told(client.ok("import os; os.listdir()", session)) == ("fresh", None, 1)


def test_calls_on_one_session_run_one_after_the_other_and_none_is_lost(shared, client, session):
    client.ok("l = []", session)
    work = [in_background(shared, "POST", "/run", {"code": f"l.append({i})", "session_id": session})
            for i in range(20)]
    for thread, _ in work:
        thread.join()
    assert [answers[0].json["exit_code"] for _, answers in work] == [0] * 20
    assert client.ok("sorted(l) == list(range(20)), len(l)", session)["result"] == "(True, 20)"


def test_calls_run_in_the_order_in_which_they_came(shared, client, session):
    client.ok("import os, time; order = []; open('wait', 'w').close()", session)
    work = [in_background(shared, "POST", "/run", {
        "code": "while os.path.exists('wait'): time.sleep(0.05)", "session_id": session})]
    until(lambda: status_of(client, session)["status"] == "busy", "the first runs")
    for i in range(8):
        work.append(in_background(shared, "POST", "/run", {"code": f"order.append({i})", "session_id": session}))
        until(lambda: status_of(client, session)["queue_length"] == i + 1, "it waits")
    assert client.request("DELETE", f"/v1/sessions/{session}/files/wait").status == 204
    for thread, answers in work:
        thread.join()
        assert answers[0].json["exit_code"] == 0, answers
    assert client.ok("order", session)["result"] == str(list(range(8)))


def test_the_time_limit_counts_the_time_in_the_queue(shared, client, session):
    client.ok("import os, time; ran = False; open('wait', 'w').close()", session)
    first = in_background(shared, "POST", "/run", {
        "code": "while os.path.exists('wait'): time.sleep(0.05)", "session_id": session, "timeout": 280})
    until(lambda: status_of(client, session)["status"] == "busy", "the first runs")
    answer = client.run("ran = True", session, timeout=1).json
    assert answer["exit_code"] == 124 and answer["variables_kept"] and "nothing ran" in answer["stderr"]
    assert client.request("DELETE", f"/v1/sessions/{session}/files/wait").status == 204
    first[0].join()
    assert client.ok("ran", session)["result"] == "False"


def test_a_full_queue_refuses_and_deleting_the_session_cancels_all_who_wait(small):
    client = small.client()
    path = "/v1/sessions/full/executions"
    client.ok("import time", "full")
    work = [in_background(small, "POST", path, {"code": "time.sleep(900)", "timeout_s": 500})]
    until(lambda: status_of(client, "full")["status"] == "busy", "the first runs")
    work += [in_background(small, "POST", path, {"code": "1"}),
             in_background(small, "POST", "/run", {"code": "1", "session_id": "full"})]
    until(lambda: status_of(client, "full")["queue_length"] == 2, "two wait")
    refused = client.request("POST", path, {"code": "1"})
    assert refused.status == 429 and refused.json["code"] == "queue_full"
    assert client.request("DELETE", "/v1/sessions/full").status == 204
    for thread, answers in work:
        thread.join()
        assert answers[0].status == 200, answers
        ended = answers[0].json
        assert ended["exit_code"] == 130 and ended["variables_kept"] is False, ended
        assert ended["generation"] == 1 and ended["state_reason"] is None, ended
        if "outcome" in ended:
            assert ended["outcome"] == "cancelled" and ended["session_state"] == "kept", ended
            assert ended["death"] is None and ended["files"] == [], ended
        else:
            assert ended["state"] == "kept", ended
            assert "the session was deleted, and its files with it" in ended["stderr"], ended
    assert client.request("DELETE", "/v1/sessions/full").status == 404
    assert client.request("GET", "/v1/sessions/full").status == 404


def test_output_past_the_limit_is_cut_and_the_session_lives(small):
    client = small.client()
    answer = client.ok("x = 3\nfor i in range(20000): print('line', i)", "loud", timeout=280)
    assert answer["truncated"] and len(answer["stdout"]) < 128 << 10
    assert answer["stdout"].startswith("line 0\n") and answer["stdout"].endswith("line 19999\n")
    after = client.ok("x", "loud")
    assert after["result"] == "3" and told(after) == ("kept", None, 1) and not after["truncated"]


def test_an_idle_session_loses_its_kernel_and_keeps_its_files(small):
    client = small.client()
    assert client.request("POST", "/v1/sessions", {"id": "idle", "idle_timeout_s": 1}).status == 201
    client.ok("x = 1; open('f', 'w').write('1')", "idle")
    until(lambda: status_of(client, "idle")["status"] == "stopped", "it is put away")
    again = client.ok("open('f').read(), 'x' in globals()", "idle")
    assert told(again) == ("restarted", "idle_expired", 2) and again["result"] == "('1', False)"


def test_a_session_unused_for_long_expires_with_its_files_and_says_so():
    with Broker(idle_timeout_s=1, workspace_keep_s=0) as broker:
        client = broker.client()
        client.ok("open('f', 'w').write('1')", "old")
        until(lambda: not status_of(client, "old"), "it expires")
        again = client.ok("import os; os.path.exists('f')", "old")
        assert told(again) == ("fresh", "expired", 1) and again["result"] == "False"


def test_a_foreign_session_looks_like_a_missing_one():
    with Broker() as broker:
        keys = {}
        for tenant in ("blue", "red"):
            done = subprocess.run([BINARY, "keys", "add", tenant, "--tenant", tenant, "--config", "/dev/null",
                                   "--state-dir", broker.state], capture_output=True, text=True, check=True)
            keys[tenant] = {"X-API-Key": done.stdout.strip()}
        broker.headers = keys["blue"]
        blue, red = broker.client(), broker.client(headers=keys["red"])
        assert blue.request("PUT", "/v1/sessions/mine/files/a", b"1").status == 201
        for method, path, body in (
                ("GET", "/v1/sessions/mine", None), ("DELETE", "/v1/sessions/mine", None),
                ("GET", "/v1/sessions/mine/files", None), ("GET", "/v1/sessions/mine/files/a", None),
                ("GET", "/download/mine/a", None)):
            foreign = red.request(method, path, body)
            missing = red.request(method, path.replace("mine", "none"), body)
            assert foreign.status == missing.status == 404, (method, path, foreign)
            assert foreign.json["code"] == missing.json["code"]
        assert red.request("GET", "/v1/sessions").json["sessions"] == []
        assert blue.request("GET", "/v1/sessions/mine/files/a").body == b"1"


@pytest.mark.parametrize("settings", [{"image_dir": "/nowhere/images"}, {"runtime": "/nowhere/crun"}])
def test_what_is_missing_is_told_by_readyz_and_by_run_in_the_same_words(settings):
    with Broker(**settings) as broker:
        client = broker.client()
        assert client.request("GET", "/healthz").status == 200
        ready, run = client.request("GET", "/readyz"), client.run("1")
        assert ready.status == run.status == 503, (ready, run)
        assert run.json["detail"] in str(ready.json) and len(run.json["detail"]) > 20, (ready, run)
        # More often than there may be sessions: what came to nothing fills no cap.
        assert {client.run("1").status for _ in range(60)} == {503}
        assert client.request("GET", "/v1/sessions").json["sessions"] == []


def test_a_library_that_is_not_in_the_list_cannot_be_imported(client, exits):
    for name in ("requests", "pip", "setuptools"):
        answer = client.run(f"import {name}", exits).json
        assert answer["exit_code"] == 1 and "ModuleNotFoundError" in answer["stderr"]
