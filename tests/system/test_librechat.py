# SPDX-License-Identifier: Apache-2.0
"""LibreChat's code interpreter API: executions with files, in sessions of their own."""
import concurrent.futures
import hashlib
import http.client
import json
import threading

import pytest
from broker import Broker, until
from librechat import AGENT, ID, LibreChat, form, names

BASES = ("", "/v1", "/run", "/v1/", "//v1//", "/run/")


@pytest.fixture
def chat(client):
    return LibreChat(client)


@pytest.mark.parametrize("base", BASES)
def test_every_base_address_serves_all(client, base):
    chat = LibreChat(client, base)
    ref = chat.upload("in.csv", b"a\n1\n")
    told = chat.ok("print(open('in.csv').read()); open('out.txt', 'w').write('out')", files=[ref])
    assert told["stdout"].startswith("a\n1\n") and told["code"] == 0
    out, = [file for file in told["files"] if not file.get("inherited")]
    assert (out["name"], out["storage_session_id"], out["session_id"]) == ("out.txt", told["session_id"], told["session_id"])
    assert chat.download(out).body == b"out"
    assert chat.object(out).json["originalFilename"] == "out.txt"
    assert client.request("GET", f"{base}/health").body == b"OK"
    listed = client.request("GET", f"{base}/files/{told['session_id']}?detail=summary", None, AGENT).json
    assert [one["name"] for one in listed] == [f"{told['session_id']}/{out['id']}.txt"]
    assert chat.object(out, "DELETE").json["message"] == "File deleted successfully"
    assert client.request("DELETE", f"{base}/files/{out['session_id']}/{out['id']}", None, AGENT).status == 404


def test_a_session_of_its_own_each_time(client, chat):
    chat.ok("x = 1; import os; os.environ['X'] = '1'; open('/tmp/left', 'w').write('x'); open('left', 'w').write('x')")
    told = chat.ok("import os; print(os.listdir(), os.listdir('/tmp'), 'x' in dir(), 'X' in os.environ)")
    assert told["stdout"].startswith("[] ") and "left" not in told["stdout"] and told["stdout"].endswith("False False\n")
    assert client.request("GET", "/v1/sessions").json["sessions"] == []


def test_what_a_program_does_is_never_an_error_of_http(chat):
    assert "ZeroDivisionError" in chat.ok("1/0")["stderr"]
    ended = chat.ok("import sys; print('said'); sys.exit(3)")
    assert (ended["code"], ended["stdout"]) == (3, "said\n")
    late = chat.ok("import time; print('begun', flush=True); time.sleep(60)", timeout=500)
    assert (late["status"], late["stdout"]) == ("TO", "begun\n") and "time limit" in late["stderr"].lower()
    gone = chat.ok("import os, signal; print('before', flush=True); os.kill(os.getpid(), signal.SIGSEGV)")
    assert (gone["stdout"], gone["code"]) == ("before\n", 139) and "SIGSEGV" in gone["stderr"]
    full = chat.ok("x = bytearray(3 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1")
    assert "more memory than its limit" in full["stderr"]
    full = chat.ok("python3 -c 'x = bytearray(3 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1'", "bash")
    assert "more memory than its limit" in full["stderr"] and full["code"] == 137
    lacking = chat.ok("import surely_not_there")
    assert "No module named 'surely_not_there'" in lacking["stderr"]


@pytest.mark.parametrize("lang, code", [("py", "import torch"), ("bash", "python3 - <<'EOF'\nimport torch\nEOF")])
def test_a_library_that_is_not_there_is_told_as_such(chat, lang, code):
    told = chat.ok(code, lang)
    assert "No module named 'torch'" in told["stderr"]
    assert told["stderr"].splitlines()[-1].startswith("torch is neither a library of this image nor a file here."), told
    assert "neither" not in chat.ok("import json, sys; print('No module named', file=sys.stderr)")["stderr"]


def test_much_output_shows_its_beginning_and_its_end(chat):
    told = chat.ok("for i in range(400_000): print('line', i)\nraise ValueError('at the end')")
    assert told["status"] == "OL" and len(told["stdout"]) < 1_100_000
    assert told["stdout"].startswith("line 0\n") and told["stdout"].endswith("line 399999\n")
    assert "bytes left out" in told["stdout"] and "stdout was cut" in told["stderr"] and "at the end" in told["stderr"]


def test_inputs_are_inherited_modified_or_deleted(chat):
    kept, changed, gone = (chat.upload(name, name.encode()) for name in ("kept.txt", "sub/changed.txt", "gone.txt"))
    told = chat.ok("""
import os
assert open('kept.txt').read() == 'kept.txt'
open('sub/changed.txt', 'a').write('!')
os.remove('gone.txt')
os.makedirs('new/deep'); open('new/deep/file', 'w').write('new')
open('kept.txt')
os.mkdir('.cache'); open('.cache/x', 'w').write('by the way')
""", files=[kept, changed, gone])
    by_name = {file["name"]: file for file in told["files"]}
    assert sorted(by_name) == ["kept.txt", "new/deep/file", "sub/changed.txt"]
    assert by_name["kept.txt"]["inherited"] is True
    assert (by_name["kept.txt"]["id"], by_name["kept.txt"]["storage_session_id"]) == (kept["id"], kept["storage_session_id"])
    assert by_name["sub/changed.txt"]["modified_from"] == {"id": changed["id"], "storage_session_id": changed["storage_session_id"]}
    assert by_name["sub/changed.txt"]["storage_session_id"] == told["session_id"]
    assert told["deleted_files"] == ["gone.txt"]
    # In the next call, as ToolNode sends them; what was before is still what it was.
    again = chat.ok("print(open('sub/changed.txt').read(), open('new/deep/file').read())", files=chat.refs(told))
    assert again["stdout"] == "sub/changed.txt! new\n"
    assert chat.download(changed).body == b"sub/changed.txt"
    assert chat.download(gone).body == b"gone.txt"


def test_of_two_inputs_of_one_name_the_last_is_the_file(chat):
    one, two = chat.upload("in.csv", b"one"), chat.upload("in.csv", b"two")
    told = chat.ok("print(open('in.csv').read())", files=[one, two])
    assert told["stdout"] == "two\n" and [file["id"] for file in told["files"]] == [two["id"]]
    told = chat.ok("open('in.csv', 'a').write('!')", files=[one, two])
    assert told["files"][0]["modified_from"]["id"] == two["id"]
    assert chat.ok("import os; os.remove('in.csv')", files=[one, two])["deleted_files"] == ["in.csv"]


def test_memory_of_answers_is_given_back():
    with Broker() as broker:
        def resident():
            return int(open(f"/proc/{broker.process.pid}/status").read().split("VmRSS:")[1].split()[0]) / 1024
        chat = LibreChat(broker.client())
        for _ in range(3):
            chat.ok("print('x' * 15_000_000)")
        before = resident()
        for _ in range(12):
            chat.ok("print('x' * 15_000_000)")
        # Each held its 15 MB until the end of its time limit.
        assert resident() < before + 60


def test_clients_of_before_are_told_of_new_files_only(chat):
    ref = chat.upload("in.csv", b"x")
    old = {"id": ref["id"], "session_id": "made-up-by-the-model", "name": "in.csv"}
    told = chat.ok("open('in.csv', 'a').write('y'); open('new', 'w').write('z')", files=[old])
    assert names(told) == ["in.csv", "new"] and names(told, inherited=True) == []
    assert all("modified_from" not in file and file["session_id"] == told["session_id"] for file in told["files"])
    unchanged = chat.ok("open('in.csv').read()", files=[old])
    assert unchanged["files"] == []


def test_read_only_inputs_stay_as_they_were(chat):
    body, kind = form([("kind", "skill"), ("id", "66f0c0ffee00000000000002"), ("version", "7"), ("read_only", "true"),
                       ("file", b"rules", "skills/pdf/SKILL.md", "text/markdown"), ("file", b"", "skills/pdf/lib/__init__.py")])
    told = chat.client.request("POST", "/v1/upload/batch", body, {**AGENT, "Content-Type": kind}).json
    assert (told["message"], told["succeeded"], told["failed"]) == ("success", 2, 0)
    refs = [chat.ref(file["fileId"], told["storage_session_id"], file["filename"], "skill") for file in told["files"]]
    ran = chat.ok("""
import os
try: open('skills/pdf/SKILL.md', 'a')
except PermissionError: print('read-only')
os.chmod('skills/pdf/SKILL.md', 0o644); open('skills/pdf/SKILL.md', 'a').write('!')
print(open('skills/pdf/SKILL.md').read(), os.path.getsize('skills/pdf/lib/__init__.py'))
""", files=refs)
    assert ran["stdout"] == "read-only\nrules! 0\n"
    assert names(ran, inherited=True) == ["skills/pdf/SKILL.md", "skills/pdf/lib/__init__.py"] and names(ran) == []
    assert chat.download(refs[0]).headers["X-Read-Only"] == "true"
    assert chat.object(refs[0]).json["readOnly"] is True


def test_bad_references_are_told_and_stop_nothing(chat):
    one, two = chat.upload("a", b"first"), chat.upload("b", b"second")
    told = chat.ok("print(open('a').read(), open('c').read())", files=[
        one, {**two, "name": "a"}, {**one, "name": "c"}, chat.ref("x" * 21, "y" * 21, "expired.txt"), chat.ref("short", "z", "odd"),
        {**one, "name": "../escape"}, {**one, "name": "/etc/passwd"}, {**one, "name": "c/below"}, {"name": "nothing"}])
    assert told["stdout"] == "second first\n" and told["code"] == 0
    for name in ("expired.txt", "odd", "../escape", "/etc/passwd", "c/below", "nothing"):
        assert name in told["stderr"], told["stderr"]


def test_ten_files_are_returned_and_the_others_told(chat):
    told = chat.ok("for i in range(13): open(f'{i:02}.txt', 'w').write(str(i))")
    assert names(told) == [f"{i:02}.txt" for i in range(10)]
    assert "10.txt, 11.txt, 12.txt" in told["stderr"] and "10 files" in told["stderr"]
    assert chat.listed(told["session_id"]) == [f"{i:02}.txt" for i in range(13)]


def test_what_finds_no_room_says_so():
    with Broker(version_bytes_per_tenant=1 << 20) as broker:
        chat = LibreChat(broker.client())
        ref = chat.upload("in", b"x" * (1 << 19))
        told = chat.ok("open('large', 'w').write('y' * (1 << 20))\nprint('ran')", files=[ref])
        assert told["stdout"] == "ran\n" and names(told) == [], told
        assert "Not kept: large; the files of this tenant may take 1048576 bytes" in told["stderr"], told
        refused = chat.send("/upload", [("kind", "user"), ("id", "1"), ("file", b"z" * (1 << 20), "z")])
        assert (refused.status, refused.json["code"]) == (503, "no_capacity"), refused
        assert "may take 1048576 bytes" in refused.json["error"] and "version_bytes_per_tenant" in refused.json["error"]
        assert "session" not in refused.json["title"] and refused.json["title"]


def test_a_run_without_files_lists_none(chat, shared):
    gone = chat.ok("1/0")["session_id"]
    parked = chat.post("/exec/programmatic", {"code": "await f()", "tools": [{"name": "f"}]},
                       {"X-LibreChat-Code-Request-ID": gone}).json["session_id"]
    assert chat.listed(gone) == chat.listed(parked) == []
    assert chat.post("/exec/programmatic/cancel", {"request_id": gone}).status == 200
    until(lambda: chat.client.request("GET", "/v1/sessions").json["sessions"] == [], "it is gone")
    assert chat.listed(parked) == []
    assert chat.client.request("GET", f"/v1/files/{'x' * 21}", None, AGENT).status == 404


def test_what_no_answer_tells_is_not_listed(chat):
    told = chat.ok("import os\nfor name in ('.cache', 'a/.ptc', '__pycache__', 'a/b'):\n"
                   "    os.makedirs(name); open(name + '/x', 'w').write(name)\nopen('.env', 'w').write('1')")
    assert names(told) == chat.listed(told["session_id"]) == [".env", "a/b/x"]


def test_figures_become_files_beside_those_of_the_program(chat):
    told = chat.ok("""
import matplotlib.pyplot as plt
open('plot_1.png', 'w').write('mine')
for i in range(2):
    plt.figure(); plt.plot([i, 1]); plt.show()
""")
    assert names(told) == ["plot_1.png", "plot_2.png", "plot_3.png"]
    mine, first, second = sorted(told["files"], key=lambda file: file["name"])
    assert chat.download(mine).body == b"mine"
    assert chat.download(first).body.startswith(b"\x89PNG") and chat.download(second).body.startswith(b"\x89PNG")
    assert chat.download(first).body != chat.download(second).body


def test_listings_have_the_depths_that_clients_ask_for(client, chat):
    ref = chat.upload("dir/résumé 表.csv", b"a,b\n")
    sid, path = ref["storage_session_id"], f"/v1/files/{ref['storage_session_id']}"
    simple = client.request("GET", path).json
    assert simple == [f"{sid}/{ref['id']}.csv"] == client.request("GET", path + "?detail=simple").json
    summary, = client.request("GET", path + "?detail=summary&entity_id=agent_1").json
    assert summary["name"] == simple[0] and summary["size"] == 4 and summary["lastModified"].endswith("Z")
    full, = client.request("GET", path + "?detail=full&kind=user&id=1").json
    # As the old clients take it apart.
    assert full["name"].split("/")[1].split(".")[0] == ref["id"]
    assert full["metadata"]["original-filename"] == "dir/résumé 表.csv" and full["contentType"] == "text/csv"
    normal, = client.request("GET", path + "?detail=normalized").json
    assert (normal["id"], normal["name"], normal["storage_session_id"]) == (ref["id"], "dir/résumé 表.csv", sid)
    got = chat.download(ref)
    assert got.body == b"a,b\n" and "filename*=UTF-8''r%C3%A9sum%C3%A9%20%E8%A1%A8.csv" in got.headers["Content-Disposition"]
    for unknown in (f"/v1/files/{'x' * 21}", "/v1/files/short", f"/v1/sessions/{sid}/objects/{'x' * 21}",
                    f"/v1/download/{sid}/{'x' * 21}", f"/v1/sessions/{sid}/objects/odd"):
        answer = client.request("GET", unknown, None, AGENT)
        assert answer.status == 404 and answer.json["error"], answer


def test_forms_in_every_order_and_shape(client, chat):
    def send(parts, path="/v1/upload", headers=None):
        body, kind = form(parts)
        return client.request("POST", path, body, {**AGENT, "Content-Type": kind, **(headers or {})})
    # Generation 1: a file alone, or with an entity; other clients call the part `files`.
    for parts in ([("file", b"x", "a.txt")], [("entity_id", "agent_1"), ("file", b"x", "a.txt")], [("files", b"x", "a.txt")],
                  [("unknown", b"y" * 100_000), ("file", b"x", "a.txt"), ("kind", "user")]):
        told = send(parts)
        assert told.status == 200 and ID.fullmatch(told.json["files"][0]["fileId"]), told
        assert told.json["files"][0]["filename"] == "a.txt"
    # The simple API's own, under the path that both have.
    body, kind = form([("session_id", "mine"), ("file", b"x", "a.txt")])
    told = client.request("POST", "/upload", body, {"Content-Type": kind}).json
    assert told["session_id"] == "mine" and told["message"] == "success" and told["files"][0]["path"] == "a.txt"
    ran = chat.ok("print(open('b').read())", files=[chat.ref(told["files"][0]["fileId"], told["storage_session_id"], "b")])
    assert ran["stdout"] == "x\n"
    for parts in ([("kind", "user")], [("file", b"x", "../up")], [("file", b"x", "")], [("file", b"x", "a\0b")]):
        refused = send(parts)
        assert refused.status == 400 and refused.json["error"], refused
    batch = send([("file", b"x", "good.txt"), ("file", b"y", "../bad.txt")], "/v1/upload/batch").json
    assert (batch["message"], batch["succeeded"], batch["failed"]) == ("partial_success", 1, 1)
    assert [(file["status"], file["filename"]) for file in batch["files"]] == [("success", "good.txt"), ("error", "../bad.txt")]
    assert send([("file", b"y", "../bad.txt")], "/v1/upload/batch").status == 400
    many = send([("file", b"x", f"{i}.txt") for i in range(201)], "/v1/upload/batch").json
    assert (many["succeeded"], many["failed"]) == (200, 1)
    client.request("DELETE", "/v1/sessions/mine")


def test_the_largest_upload_of_a_client_and_one_above_the_limit(chat):
    content = bytes(range(256)) * (150 * 4096)  # LibreChat's own limit, 150 MiB
    ref = chat.upload("large.bin", content)
    told = chat.ok("import hashlib; print(hashlib.sha256(open('large.bin', 'rb').read()).hexdigest())", files=[ref])
    assert told["stdout"] == hashlib.sha256(content).hexdigest() + "\n"
    assert chat.download(ref).body == content
    with Broker(upload_bytes=1 << 20) as broker:
        small = LibreChat(broker.client())
        refused = small.send("/upload", [("file", content[:2 << 20], "a.bin")])
        assert refused.status == 413 and refused.json["error"], refused
        assert list((broker.state / "versions/incoming").iterdir()) == []
        assert small.upload("b.bin", content[:1 << 19])["name"] == "b.bin"


def test_a_form_that_breaks_off_keeps_nothing(client, chat, shared):
    body, kind = form([("kind", "user"), ("file", b"x" * 200_000, "a.bin"), ("file", b"y" * 200_000, "b.bin")])
    for cut in (len(body) // 4, len(body) - 20):
        connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=30)
        connection.putrequest("POST", "/v1/upload")
        connection.putheader("Content-Type", kind)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        connection.send(body[:cut])
        connection.close()
    short = client.request("POST", "/v1/upload", body[:-30], {"Content-Type": kind})
    assert short.status == 400, short
    drafts, = shared.state.glob("versions/incoming")
    until(lambda: list(drafts.iterdir()) == [], "no draft is left")


def test_bad_bodies(chat):
    for body, status in (({"lang": "zz", "code": "x"}, 400), ({"lang": "py", "code": ""}, 400), ({"lang": "py"}, 400),
                         ({"code": "1"}, 400), ({"lang": "py", "code": 1}, 400), ({"lang": "py", "code": "1", "files": "x"}, 400),
                         ({"lang": "py", "code": "1", "timeout": -1}, 400), ([], 400)):
        answer = chat.post("/exec", body)
        assert answer.status == status and answer.json["error"], (body, answer)
    assert chat.exec("x", "zz").json["error"] == "Unsupported language: zz"
    assert chat.post("/exec", b"{", {"Content-Type": "application/json"}).status == 400
    large = chat.ok("#" + "x" * (5 << 20) + "\nprint('large')")
    assert large["stdout"] == "large\n"
    odd = chat.ok("print(1)", lang="Python", foo=1, apiKey="k", user_id="u", session_id="invented", args="one", intent={"a": [1]})
    assert odd["stdout"] == "1\n"


@pytest.mark.parametrize("base", BASES)
def test_what_is_not_served_is_told_as_all_errors_are(client, base):
    for method, path in (("GET", "/exec"), ("PUT", "/exec/programmatic"), ("GET", "/upload"), ("POST", f"/files/{'x' * 21}"),
                         ("PUT", f"/sessions/{'x' * 21}/objects/{'y' * 21}"), ("POST", f"/download/{'x' * 21}/{'y' * 21}")):
        answer = client.request(method, base + path)
        assert (answer.status, answer.json["error"]) == (405, answer.json["detail"]), (path, answer)
        assert answer.headers["Allow"] in answer.json["error"]
    answer = client.request("POST", base + "/workspace-tools/execute", {}, AGENT)
    assert (answer.status, answer.json["error"]) == (404, "there is nothing at this path"), answer


def test_others_are_told_in_problem_documents_alone(client):
    for method, path, headers in (("PUT", "/v1/sessions", AGENT), ("DELETE", "/run", AGENT), ("POST", "/nothing", {})):
        answer = client.request(method, path, None, headers)
        assert answer.status in (404, 405) and "error" not in answer.json, answer


@pytest.mark.parametrize("timeout", [1e300, 10**30, 2**63, 2**64 * 1000, 1e19])
def test_a_very_large_time_limit_is_the_longest_there_is(chat, timeout):
    assert chat.ok("print(1)", timeout=timeout)["stdout"] == "1\n"
    told = chat.post("/exec/programmatic", {"code": "print(1)", "tools": [{"name": "f"}], "timeout": timeout})
    assert (told.status, told.json["stdout"]) == (200, "1\n"), told


def test_a_client_that_hangs_up_ends_its_run(client, shared):
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=60)
    connection.request("POST", "/v1/exec", json.dumps({"lang": "py", "code": "import time; time.sleep(300)"}),
                       {"Content-Type": "application/json"})
    until(lambda: any(one["status"] == "busy" for one in client.request("GET", "/v1/sessions").json["sessions"]), "it runs")
    connection.close()
    until(lambda: client.request("GET", "/v1/sessions").json["sessions"] == [], "it has ended")


def test_runs_of_many_users_never_see_each_other(shared):
    def user(number):
        chat = LibreChat(shared.client())
        for turn in range(3):
            told = chat.ok(f"import os\nassert 'mine' not in dir() and os.listdir() == [], os.listdir()\nmine = {number}\n"
                           f"open('mine', 'w').write('{number} {turn}'); open('/tmp/mine', 'w').write('x')\nprint(mine)")
            assert told["stdout"] == f"{number}\n", told
            file, = told["files"]
            assert chat.download(file).body == f"{number} {turn}".encode()
        return number

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(user, range(8))) == list(range(8))


def test_stored_files_and_results_outlive_a_killed_broker():
    with Broker() as broker:
        chat = LibreChat(broker.client())
        ref = chat.upload("a.txt", b"kept")
        made = chat.ok("open('b.txt', 'w').write('made')")["files"][0]
        thread = threading.Thread(target=lambda: _cut(chat))
        chat_client = broker.client()
        thread.start()
        until(lambda: chat_client.request("GET", "/v1/sessions").json["sessions"], "a run is under way")
        broker.kill()
        thread.join()
        broker.start()
        chat = LibreChat(broker.client())
        assert chat.download(ref).body == b"kept" and chat.download(made).body == b"made"
        # The run that was under way is nobody's any more.
        until(lambda: broker.client().request("GET", "/v1/sessions").json["sessions"] == [], "it is gone")
        assert chat.ok("print(open('a.txt').read())", files=[ref])["stdout"] == "kept\n"


def _cut(chat):
    try:
        chat.exec("import time; time.sleep(120)")
    except (OSError, http.client.HTTPException):
        pass
