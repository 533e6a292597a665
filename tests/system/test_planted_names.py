# SPDX-License-Identifier: Apache-2.0
"""Names that code plants in its workspace: links, pipes, sockets, odd bytes. None leads a client out of it.

A canary lies on the host where the links point; a session sees no such place, the broker would.
"""
import ast
import os
import shutil
import tempfile
import urllib.parse

import pytest

PLANT = """
import os, socket
os.chdir('/mnt/data')
os.makedirs('folder/inner')
for name in (b'plain', b'folder/inner/file', b'not-utf8-\\xff\\xfe', b'say "a"; x', b'two\\r\\nSet-Cookie: lines',
             b'back\\\\slash', b'100%41', b'a=b&c#d?e', b'\\xc3\\xa9', b'..x'):
    with open(name, 'wb') as f:
        f.write(b'of ' + name)
os.link('plain', 'hard')
os.symlink({canary!r}, 'absolute')
os.symlink('/proc/self/root' + {canary!r}, 'magic')
os.symlink('/proc/self/fd/0', 'descriptor')
os.symlink({folder!r}, 'component')
os.symlink('../../..' + {canary!r}, 'upwards')
os.symlink('plain', 'sibling')
os.symlink('nowhere', 'dangling')
os.symlink('loop', 'loop')
os.mkfifo('pipe')
keep = socket.socket(socket.AF_UNIX)
keep.bind('socket')
len(os.listdir('.')), os.getuid()"""

# Bytes of each regular file's name, as planted.
REGULAR = [b"plain", b"hard", b"folder/inner/file", b"not-utf8-\xff\xfe", b'say "a"; x', b"two\r\nSet-Cookie: lines",
           b"back\\slash", b"100%41", b"a=b&c#d?e", b"\xc3\xa9", b"..x"]
# No file of the session stands under these.
NO_FILE = ["absolute", "magic", "descriptor", "component", "component/canary", "upwards", "sibling", "dangling", "loop",
           "pipe", "socket", "folder", "folder/inner", "sibling/x", "pipe/x", "plain/x"]
# Names that are not files and give way to an upload.
REPLACEABLE = ["absolute", "magic", "descriptor", "component", "upwards", "sibling", "dangling", "loop", "pipe",
               "socket"]


class Canary:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="kb-canary-", dir="/var/tmp")
        self.path = f"{self.folder}/canary"
        with open(self.path, "w", encoding="ascii") as file:
            file.write("of the host")
        self.before = self.look()

    def give_to(self, uid):
        """Now nothing but the way to it tells it from a file of the session."""
        for path in (self.folder, self.path):
            os.chown(path, uid, uid)
        self.before = self.look()

    def look(self):
        seen = os.stat(self.path)
        with open(self.path, "rb") as file:
            return (sorted(os.listdir(self.folder)), file.read(), seen.st_ino, seen.st_mode, seen.st_uid, seen.st_nlink,
                    seen.st_mtime_ns, seen.st_ctime_ns)


@pytest.fixture(scope="module")
def canary():
    one = Canary()
    yield one
    shutil.rmtree(one.folder)


@pytest.fixture
def planted(client, session, canary):
    """A session full of such names, and the answer to the code that made them."""
    code = PLANT.format(canary=canary.path, folder=canary.folder)
    answer = client.request("POST", f"/v1/sessions/{session}/executions", {"code": code}).json
    assert answer["outcome"] == "ok", answer
    canary.give_to(ast.literal_eval(answer["result"])[1])
    yield session, answer
    assert canary.look() == canary.before


def shown(name):
    return name.decode(errors="replace")


def url_of(session, name):
    return f"/v1/sessions/{session}/files/{urllib.parse.quote(name)}"


def listed(client, session):
    return {one["path"]: one for one in client.request("GET", f"/v1/sessions/{session}/files?limit=1000").json["files"]}


def test_only_regular_files_are_listed_and_named_by_the_execution(client, planted):
    session, answer = planted
    expected = {shown(name) for name in REGULAR}
    assert ast.literal_eval(answer["result"])[0] == 21
    assert {one["path"]: one["change"] for one in answer["files"]} == dict.fromkeys(expected, "created")
    files = listed(client, session)
    assert set(files) == expected
    for name in REGULAR:
        content = b"of plain" if name == b"hard" else b"of " + name
        assert files[shown(name)]["size_bytes"] == len(content)
        assert client.request("GET", files[shown(name)]["url"]).body == content
    for one in answer["files"]:
        assert client.request("GET", one["url"]).status == 200, one


def test_a_file_of_any_name_is_fetched_and_its_headers_are_one_line_each(client, planted):
    session, _ = planted
    for name in REGULAR:
        content = b"of plain" if name == b"hard" else b"of " + name
        for target in (url_of(session, name), f"/download/{session}/{urllib.parse.quote(name)}"):
            got, head = client.request("GET", target), client.request("HEAD", target)
            assert (got.status, got.body) == (200, content), name
            assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(len(content))), name
            assert head.headers["ETag"] == got.headers["ETag"]
            for answer in (got, head):
                assert answer.headers["Set-Cookie"] is None
                disposition = answer.headers.get_all("Content-Disposition")
                assert len(disposition) == 1 and disposition[0].startswith('attachment; filename="'), name
                plain = disposition[0].split('"')[1]
                assert plain.isascii() and plain.isprintable() and "\\" not in plain, name


def test_a_file_of_any_name_is_replaced_and_deleted(client, planted):
    session, _ = planted
    for name in REGULAR:
        replaced = client.request("PUT", url_of(session, name), b"anew")
        assert (replaced.status, replaced.json["path"]) == (200, shown(name))
        assert client.request("GET", url_of(session, name)).body == b"anew"
        assert client.request("DELETE", url_of(session, name)).status == 204
        assert client.request("DELETE", url_of(session, name)).status == 404
    assert listed(client, session) == {}


def test_the_extended_file_name_tells_the_name_without_its_control_characters(client, planted):
    session, _ = planted
    told = {b'say "a"; x': "say%20%22a%22%3B%20x", b"two\r\nSet-Cookie: lines": "twoSet-Cookie%3A%20lines",
            b"\xc3\xa9": "%C3%A9", b"not-utf8-\xff\xfe": "not-utf8-%EF%BF%BD%EF%BF%BD"}
    for name, extended in told.items():
        disposition = client.request("GET", url_of(session, name)).headers["Content-Disposition"]
        assert extended in disposition or f'filename="{urllib.parse.unquote(extended)}"' in disposition, disposition


def test_what_is_no_file_is_not_found_whatever_is_asked_of_it(client, planted):
    session, _ = planted
    before = listed(client, session)
    for name in NO_FILE:
        for target in (url_of(session, name), f"/download/{session}/{name}"):
            got = client.request("GET", target)
            assert (got.status, got.json["code"]) == (404, "file_not_found"), (name, got)
            assert b"of the host" not in got.body
            assert client.request("HEAD", target).status == 404
            assert client.request("GET", target, headers={"Range": "bytes=0-3"}).status == 404
        gone = client.request("DELETE", url_of(session, name))
        assert (gone.status, gone.json["code"]) == (404, "file_not_found"), (name, gone)
        assert client.request("PUT", url_of(session, name), b"x", {"If-Match": "*"}).status in (400, 412)
    assert listed(client, session) == before
    assert client.ok("len(os.listdir('.')), os.path.islink('absolute')", session)["result"] == "(21, True)"


def test_an_upload_takes_the_place_of_a_planted_name_and_of_nothing_behind_it(client, planted):
    session, _ = planted
    for name in REPLACEABLE:
        assert client.request("PUT", url_of(session, name), b"new", {"If-None-Match": "*"}).status == 412, name
        answer = client.request("PUT", url_of(session, name), b"of " + name.encode())
        assert answer.status == 200 and answer.json["size_bytes"] == 3 + len(name), answer
        assert client.request("GET", url_of(session, name)).body == b"of " + name.encode()
    look = f"[(os.path.islink(n), os.path.isfile(n), open(n).read()) for n in {REPLACEABLE!r}]"
    seen = ast.literal_eval(client.ok(look, session)["result"])
    assert seen == [(False, True, f"of {name}") for name in REPLACEABLE]
    assert client.ok("open('plain').read()", session)["result"] == "'of plain'"


def test_an_upload_below_a_planted_name_or_onto_a_folder_is_refused(client, planted):
    session, _ = planted
    before = listed(client, session)
    for name in ("component/canary", "component/new", "sibling/x", "dangling/x", "pipe/x", "socket/x", "plain/x",
                 "loop/x", "magic/x", "folder", "folder/inner"):
        answer = client.request("PUT", url_of(session, name), b"x")
        assert (answer.status, answer.json["code"]) == (400, "invalid_path"), (name, answer)
    assert listed(client, session) == before


def test_one_of_two_hard_links_is_replaced_or_deleted_and_the_other_stays(client, planted):
    session, _ = planted
    assert client.request("PUT", url_of(session, "hard"), b"of its own").status == 200
    assert client.request("GET", url_of(session, "plain")).body == b"of plain"
    assert client.ok("os.link('plain', 'again'); os.stat('plain').st_nlink", session)["result"] == "2"
    assert client.request("DELETE", url_of(session, "plain")).status == 204
    assert client.request("GET", url_of(session, "again")).body == b"of plain"


def test_a_name_that_flips_between_file_and_link_never_gives_what_is_behind_the_link(client, planted, canary):
    """The code swaps it as fast as it can while a client reads, replaces and deletes it."""
    session, _ = planted
    client.ok(f"""
import threading
flipping = True
def flip():
    with open('real', 'w') as f: f.write('of the session')
    os.symlink({canary.path!r}, 'link')
    while flipping:
        for name in ('real', 'link'):
            try:
                os.link(name, 'new', follow_symlinks=False)
                os.rename('new', 'flipped')
            except OSError: pass
        try: os.remove('flipped')
        except OSError: pass
threading.Thread(target=flip, daemon=True).start()""", session)
    seen = set()
    for _ in range(300):
        got = client.request("GET", url_of(session, "flipped"))
        assert got.status in (200, 404) and got.body != b"of the host", got
        seen.add(got.status)
        assert client.request("PUT", url_of(session, "flipped"), b"put").status in (200, 201)
        assert client.request("DELETE", url_of(session, "flipped")).status in (204, 404)
    assert seen == {200, 404}
    assert client.ok("flipping = False\n1", session)["result"] == "1"
