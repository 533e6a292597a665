# SPDX-License-Identifier: Apache-2.0
"""Versions of files: what stood at a path at the end of an execution, an upload or a deletion."""
import hashlib
import os
import pathlib

import pytest
from broker import Broker


def sha(text):
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()


def changes(client, session, code, **fields):
    return {one["path"]: one for one in client.ok(code, session, **fields)["files"]}


def versions(client, session, path, query=""):
    answer = client.request("GET", f"/v1/sessions/{session}/versions/{path}{query}")
    assert answer.status == 200, answer
    return answer.json["versions"]


def content(client, session, path, version, headers=None):
    return client.request("GET", f"/v1/sessions/{session}/files/{path}?version={version}", None, headers)


def test_each_state_of_a_file_stays(client, session):
    first = changes(client, session, "open('a b.txt', 'w').write('one')")["a b.txt"]
    assert (first["change"], first["sha256"]) == ("created", sha("one"))
    second = changes(client, session, "open('a b.txt', 'w').write('two')")["a b.txt"]
    assert (second["change"], second["sha256"]) == ("modified", sha("two"))
    gone = changes(client, session, "import os; os.remove('a b.txt')")["a b.txt"]
    assert "version" not in gone and "url" not in gone
    assert content(client, session, "a%20b.txt", first["version"]).body == b"one"
    assert content(client, session, "a%20b.txt", second["version"]).body == b"two"
    assert client.request("GET", f"/v1/sessions/{session}/files/a%20b.txt").status == 404
    newest, middle, oldest = versions(client, session, "a%20b.txt")
    assert (newest["deleted"], newest["sha256"], newest["size_bytes"]) == (True, None, 0)
    assert (middle["version"], oldest["version"]) == (second["version"], first["version"])
    assert (oldest["sha256"], oldest["size_bytes"]) == (sha("one"), 3)
    assert content(client, session, "a%20b.txt", newest["version"]).status == 404
    executions = client.request("GET", f"/v1/sessions/{session}/executions").json["executions"]
    assert [one["execution_id"] for one in (newest, middle, oldest)] == [one["id"] for one in executions]
    page = client.request("GET", f"/v1/sessions/{session}/versions/a%20b.txt?limit=2").json
    assert [one["version"] for one in page["versions"]] == [newest["version"], middle["version"]]
    rest = versions(client, session, "a%20b.txt", f"?limit=2&cursor={page['next_cursor']}")
    assert [one["version"] for one in rest] == [oldest["version"]]


def test_uploads_and_deletions_of_clients_are_versions_too(client, session):
    put = client.request("PUT", f"/v1/sessions/{session}/files/in.csv", b"1,2\n")
    assert put.status == 201 and put.json["sha256"] == sha("1,2\n")
    listed, = client.request("GET", f"/v1/sessions/{session}/files").json["files"]
    assert listed["version"] == put.json["version"]
    client.ok("open('in.csv', 'a').write('3,4\\n')", session)
    assert client.request("DELETE", f"/v1/sessions/{session}/files/in.csv").status == 204
    kinds = [(one["deleted"], one["execution_id"] is None) for one in versions(client, session, "in.csv")]
    assert kinds == [(True, True), (False, False), (False, True)]
    assert content(client, session, "in.csv", put.json["version"]).body == b"1,2\n"


def test_a_version_is_a_resource_that_never_changes(client, session):
    text = "0123456789" * 100
    made = changes(client, session, f"open('f', 'w').write('{text}')")["f"]
    whole = content(client, session, "f", made["version"])
    assert whole.headers["ETag"] == f'"{sha(text)}"' and whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in whole.headers["Content-Disposition"]
    assert content(client, session, "f", made["version"], {"If-None-Match": whole.headers["ETag"]}).status == 304
    part = content(client, session, "f", made["version"], {"Range": "bytes=10-14"})
    assert (part.status, part.body) == (206, b"01234")
    assert content(client, session, "f", made["version"], {"Range": "bytes=9999-"}).status == 416
    for method in ("PUT", "DELETE"):
        answer = client.request(method, f"/v1/sessions/{session}/files/f?version={made['version']}")
        assert (answer.status, answer.json["code"]) == (400, "unknown_field")
    for path, version in (("g", made["version"]), ("f", "x" * 21), ("f", "..%2F..")):
        answer = content(client, session, path, version)
        assert (answer.status, answer.json["code"]) == (404, "file_not_found"), answer
    for query, code in (("?version=a&version=b", 400), ("?versions=a", 400)):
        assert client.request("GET", f"/v1/sessions/{session}/files/f{query}").status == code
    foreign = client.request("GET", f"/v1/sessions/{session}/versions/f?cursor={'x' * 21}")
    assert (foreign.status, foreign.json["code"]) == (400, "invalid_field")
    assert client.request("GET", f"/v1/sessions/{session}/versions/none").json["code"] == "file_not_found"
    assert client.request("GET", "/v1/sessions/nobody/versions/f").json["code"] == "session_not_found"


def test_only_files_have_versions(client, session):
    made = changes(client, session, r"""
import os, socket
os.mkfifo('fifo'); os.symlink('/etc/passwd', 'link'); os.mkdir('empty')
socket.socket(socket.AF_UNIX).bind('socket')
open('none', 'w').close()
open(b'odd\xff', 'w').write('odd')
with open('sparse', 'wb') as file: file.truncate(300 << 20); file.seek(100 << 20); file.write(b'x')
open('real', 'w').write('real')
""")
    assert sorted(made) == ["none", "odd\ufffd", "real", "sparse"]
    assert all(one["version"] for one in made.values()), made
    assert content(client, session, "none", made["none"]["version"]).body == b""
    assert content(client, session, "odd%FF", made["odd\ufffd"]["version"]).body == b"odd"
    assert made["sparse"]["size_bytes"] == 300 << 20
    part = content(client, session, "sparse", made["sparse"]["version"], {"Range": f"bytes={(100 << 20) - 1}-{(100 << 20) + 1}"})
    assert part.body == b"\0x\0"


def test_many_files_and_equal_ones(client, session):
    made = changes(client, session, """
import os
for folder in range(100):
    os.mkdir(str(folder))
    for file in range(20): open(f'{folder}/{file}', 'w').write('same' if file % 2 else f'{folder} {file}')
""", timeout=120)
    assert len(made) == 2000 and len({one["version"] for one in made.values()}) == 2000
    assert {one["sha256"] for path, one in made.items() if int(path.split("/")[1]) % 2} == {sha("same")}
    assert content(client, session, "42/8", made["42/8"]["version"]).body == b"42 8"


def test_files_deeper_than_a_path_can_be_are_left_and_told(client, session):
    told = client.run("""
import os
path = '/mnt/data'
for depth in range(200):
    path += '/d'
    os.mkdir(path)
    if depth in (30, 31, 199): open(path + '/f', 'w').write(str(depth))
""", session).json
    assert [file["path"] for file in told["files"]] == ["d/" * 31 + "f"] and told["exit_code"] == 0
    assert "deeper than 32 folders" in told["stderr"]
    assert client.ok("print(open(path + '/f').read())", session)["stdout"] == "199\n"
    assert client.ok("open('other', 'w').write('x')", session)["stderr"] == ""


def test_ten_thousand_files_have_versions(client, session):
    made = changes(client, session, "for i in range(10_000): open(f'{i}', 'w').write(str(i % 100))", timeout=120)
    assert len(made) == 10_000 and all(one["version"] for one in made.values())
    assert content(client, session, "9999", made["9999"]["version"]).body == b"99"


def test_a_file_that_does_not_hold_still_is_told_without_a_version(client, session):
    client.ok("""
import threading, os
stop = threading.Event()
def write():
    with open('log', 'wb') as file:
        file.truncate(64 << 20)
        while not stop.is_set(): os.pwrite(file.fileno(), os.urandom(64), 0)
worker = threading.Thread(target=write); worker.start()
""", session)
    made = changes(client, session, "open('still', 'w').write('still')")
    assert made["still"]["version"]
    for _ in range(50):  # the writer may be kept from its processor for as long as one copy takes
        version = (made.get("log") or {"version": None})["version"]
        if version is None:
            break
        assert sha(content(client, session, "log", version).body) == made["log"]["sha256"]
        made = changes(client, session, "1")
    assert version is None, "each of 50 copies found it still"
    client.ok("stop.set(); worker.join()", session)


@pytest.mark.parametrize("how", ("killed", "stopped"))
def test_versions_outlive_the_broker_and_not_their_session(how):
    with Broker() as broker:
        client = broker.client()
        made = changes(client, "s", "open('f', 'w').write('one')")["f"]
        put = client.request("PUT", "/v1/sessions/s/files/g", b"two").json
        store = pathlib.Path(broker.state) / "versions"
        (store / "incoming" / "left").write_bytes(b"half")
        broker.kill() if how == "killed" else broker.stop()
        broker.start()
        client = broker.client()
        assert content(client, "s", "f", made["version"]).body == b"one"
        assert content(client, "s", "g", put["version"]).body == b"two"
        assert not list((store / "incoming").iterdir())
        kept = [path for path in store.rglob("*") if path.is_file() and path.name.startswith("versions") is False]
        assert sorted(path.parent.name + path.name for path in kept) == sorted((sha("one"), sha("two")))
        assert all(os.stat(path).st_mode & 0o077 == 0 for path in (store, *kept))
        assert client.request("DELETE", "/v1/sessions/s").status == 204
        assert not any(path.exists() for path in kept)
        client.ok("1", "s")
        assert content(client, "s", "f", made["version"]).status == 404


class Cell:
    """A cell that writes `early`, waits until a client has put `go`, and runs the rest."""

    def __init__(self, client, session, rest):
        code = (f"import os, time\nopen('early', 'w').write('e')\nprint('go', flush=True)\n"
                f"while not os.path.exists('go'): time.sleep(.01)\n{rest}")
        begun = client.request("POST", f"/v1/sessions/{session}/executions", {"code": code}, {"Prefer": "respond-async"})
        self.client, self.session, self.where = client, session, begun.headers["Location"]
        while b"event: stdout" not in client.request("GET", f"{self.where}/events?follow=false").body:
            pass

    def files(self):
        assert self.client.request("PUT", f"/v1/sessions/{self.session}/files/go", b"").status == 201
        self.client.request("GET", f"{self.where}/events")  # to its end
        ended = self.client.request("GET", self.where).json
        assert ended["outcome"] == "ok", ended
        assert all(each["change"] == "deleted" or each["version"] for each in ended["files"])
        return {each["path"]: each["change"] for each in ended["files"]}


def test_what_a_client_does_meanwhile_hides_nothing_of_a_cell(client, session):
    def put(name, data):
        assert client.request("PUT", f"/v1/sessions/{session}/files/{name}", data).status in (200, 201)

    for name in ("mine", "taken", "rewritten"):
        put(name, b"1")
    client.ok("1", session)
    cell = Cell(client, session, "open('given', 'a').write('more'); os.remove('other'); open('rewritten', 'w').write('2')")
    for name in ("mine", "given", "other", "kept"):
        put(name, b"2")
    assert client.request("DELETE", f"/v1/sessions/{session}/files/taken").status == 204
    assert cell.files() == {"early": "created", "given": "modified", "other": "deleted", "rewritten": "modified"}
    assert client.ok("1", session)["files"] == []
    put("later", b"3")
    assert [each["path"] for each in client.ok("open('last', 'w').write('4')", session)["files"]] == ["last"]
