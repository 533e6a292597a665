# SPDX-License-Identifier: Apache-2.0
"""The log of a broker that tells all it ever tells: nothing of what clients send, code prints or keys are."""
import base64
import json
import subprocess

import pytest

from broker import BINARY, Broker, until

sent = set()  # what no line may hold
RUNTIME = "#!/bin/sh\ntest -e {folder}/broken && exit 1\nexec crun \"$@\"\n"


def mark(name):
    """A word that stands nowhere else, for something that a client or its code could mean to keep to itself."""
    sent.add(f"zzq-{name}-qzz")
    return f"zzq-{name}-qzz"


def form(*parts):
    body = b""
    for name, file, content in parts:
        extra = f'; filename="{file}"' if file else ""
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n{content}\r\n'.encode()
    return body + b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}


def use_everything(broker, client, switch):
    """Everything that a client can say, with a mark in it."""
    session = mark("session")
    made = client.request("POST", "/v1/sessions", {"id": session, "labels": {"team": mark("label")}})
    assert made.status == 201
    assert client.request("PUT", f"/v1/sessions/{session}/files/{mark('folder')}/{mark('name')}",
                          mark("content").encode()).status == 201
    body, headers = form(("session_id", None, session), ("file", mark("form-name"), mark("form-content")))
    assert client.request("POST", "/upload", body, headers).status == 200
    code = (f"import os, sys\nprint({mark('stdout')!r})\nprint({mark('stderr')!r}, file=sys.stderr)\n"
            f"os.write(1, {mark('descriptor').encode()!r})\ndisplay({mark('display')!r})\n{mark('result')!r}")
    assert mark("result") in client.ok(code, session)["result"]
    failed = client.run(f"# {mark('code')}\nraise ValueError({mark('traceback')!r})", session).json
    assert mark("traceback") in failed["stderr"]
    for path, status in ((f"/v1/sessions/{session}/files?prefix={mark('query')}", 200),
                         (f"/v1/sessions?nothing={mark('query')}", 400), (f"/v1/{mark('query')}", 404),
                         (f"/download/{session}/{mark('folder')}/{mark('name')}", 200),
                         (f"/download/{session}/{mark('name')}", 404)):
        headers = {"User-Agent": mark("agent"), "Cookie": mark("cookie")}
        assert client.request("GET", path, headers=headers).status == status, path
    assert client.request("GET", "/healthz", headers={"Host": f"{mark('host')}.example"}).status == 421
    assert client.request("POST", "/v1/sessions", {mark("field"): 1}).status == 400
    assert client.request("POST", "/v1/sessions", {"id": "other", "image": mark("image")}).status == 503
    assert client.request("POST", "/run", f'{{"code": "{mark("code")}'.encode(),
                          {"Content-Type": "application/json"}).status == 400
    # Deaths: in the middle of an execution, while idle, by the time limit; and a kernel that cannot start.
    crashed = client.run(f"print({mark('crashing')!r}, flush=True)\nos._exit(3)", session).json
    assert crashed["exit_code"] == 3  # its output may have died with it: flushed is handed to libzmq, not yet sent
    client.ok(f"import os, threading, time\n# {mark('crashing')}\ndef wait():\n  while not os.path.exists('go'): "
              "time.sleep(0.02)\n  os.abort()\nthreading.Thread(target=wait).start()", session)
    assert client.request("PUT", f"/v1/sessions/{session}/files/go", b"").status == 201
    until(lambda: client.request("GET", f"/v1/sessions/{session}").json["status"] == "stopped", "it dies idle")
    switch.touch()
    refused = client.run(f"# {mark('refused')}", session)
    assert refused.status == 503, refused
    switch.unlink()
    assert client.run(f"# {mark('code')}\nwhile True: pass", session, timeout=1).json["exit_code"] == 124
    assert client.request("DELETE", f"/v1/sessions/{session}").status == 204


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """All lines of such a broker, and the keys that were shown to it."""
    folder = tmp_path_factory.mktemp("runtime")
    runtime = folder / "crun"
    runtime.write_text(RUNTIME.format(folder=folder))
    runtime.chmod(0o755)
    broker = Broker(log_level="debug", runtime=runtime, workspace_stock=1)
    command = [BINARY, "keys", "add", mark("key-name"), "--config", "/dev/null", "--state-dir", broker.state]
    key = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    broker.headers = {"X-API-Key": key}
    with broker:
        client = broker.client()
        use_everything(broker, client, folder / "broken")
        wrong = "kb_" + key[:2:-1]
        basic = base64.b64encode(f"{wrong}:".encode()).decode()
        for headers in ({"X-API-Key": wrong}, {"Authorization": f"Bearer {wrong}"},
                        {"Authorization": f"Basic {basic}"}):
            assert broker.client(headers=headers).request("GET", "/v1/sessions").status == 401
    assert broker.log[-1]["event"] == "stopped"
    return broker.log, [key, wrong, basic]


def test_the_log_tells_what_happens(logged):
    lines, _ = logged
    events = {line["event"] for line in lines}
    assert {"ready", "answered", "session_opened", "kernel_ready", "kernel_not_started", "kernel_ended_idle",
            "session_closed", "stopped"} <= events, events
    assert {line["status"] for line in lines if line["event"] == "answered"} >= {200, 201, 204, 400, 401, 404, 421, 503}


def test_a_start_gives_each_of_its_warnings_once(logged):
    lines, _ = logged
    start = lines[:next(at for at, line in enumerate(lines) if line["event"] == "ready")]
    told = [line.get("text") or line.get("warning") or line["event"] for line in start if line["level"] == "warning"]
    assert sorted(set(told)) == sorted(told)


def test_no_line_of_the_log_holds_what_a_client_sent_or_code_made(logged):
    lines, _ = logged
    assert len(sent) > 20
    assert [(word, line) for word in sent for line in lines if word in json.dumps(line)] == []


def test_no_line_of_the_log_holds_a_key_or_a_piece_of_one(logged):
    lines, keys = logged
    # Six characters of a key stand in no line by chance; its first ones would be enough to tell keys apart.
    pieces = {key[at:at + 6] for key in keys for at in range(len(key) - 5)}
    assert len(pieces) > 100
    assert [(piece, line) for line in map(json.dumps, lines) for piece in pieces if piece in line] == []


def test_each_line_is_one_object_with_time_level_and_event(logged):
    lines, _ = logged
    for line in lines:
        assert {"time", "level", "event"} <= set(line) and line["level"] in ("debug", "info", "warning", "error")
        assert line["event"] != "text"
        for value in line.values():
            assert isinstance(value, (str, int, float, bool)) and "\n" not in str(value)
