# SPDX-License-Identifier: Apache-2.0
"""What LibreChat's server asks for itself, sent by the axios and form-data that its client brings: uploads, downloads,
freshness, listings, deletions, and its own executions. Needs tests/librechat/setup.
"""
import base64
import json
import re

import pytest

from librechat import ID
from librechat_npm import USER, npm, report  # noqa: F401 - fixtures

pytestmark = pytest.mark.long
SKILL = "66f0c0ffee00000000000002"


def file_part(content, **named):
    return {"name": "file", "file": base64.b64encode(content).decode(), **named}


def sent_by(told):
    return told["requests"][-1]


@pytest.mark.parametrize("stream", ["known", "unknown"])
def test_an_upload_is_what_the_contract_has(npm, stream):
    told = npm.upload("résumé 表.csv", b"a,b\n", stream)
    headers, body = sent_by(told)["headers"], sent_by(told)["body"]
    boundary = re.fullmatch(r"multipart/form-data; boundary=(-{26}[0-9a-f]{24})", headers["content-type"])[1]
    fields = "" if npm.old else (f'--{boundary}\r\nContent-Disposition: form-data; name="kind"\r\n\r\nuser\r\n'
                                 f'--{boundary}\r\nContent-Disposition: form-data; name="id"\r\n\r\n{USER}\r\n')
    assert body == (f'{fields}--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="résumé 表.csv"\r\n'
                    f"Content-Type: text/csv\r\n\r\na,b\n\r\n--{boundary}--\r\n")
    assert headers["user-agent"] == "LibreChat/1.0" and headers["user-id"] == USER
    assert headers["accept"] == "application/json, text/plain, */*"
    assert headers["accept-encoding"].startswith("gzip, compress, deflate, br")
    # Without a length it comes in chunks.
    assert ("content-length" in headers) == (stream == "known") and told["headers"]["connection"] == "close"
    assert told["status"] == 200 and told["json"]["message"] == "success"
    assert told["json"]["storage_session_id"] == told["json"]["session_id"]
    file, = told["json"]["files"]
    assert ID.fullmatch(file["fileId"]) and file["filename"] == "résumé 表.csv"
    assert (file["id"], file["name"]) == (file["fileId"], file["filename"])
    got = npm.download(npm.ref(file["fileId"], told["json"]["storage_session_id"], "x"))
    assert got["body"] == b"a,b\n" and got["headers"]["content-length"] == "4" and got["headers"]["content-type"]
    assert got["headers"]["content-disposition"] == (
        "attachment; filename=\"r_sum_ _.csv\"; filename*=UTF-8''r%C3%A9sum%C3%A9%20%E8%A1%A8.csv")


def test_empty_and_large_files(npm):
    for content in (b"", bytes(range(256)) * 40_000):
        ref = npm.stored("a.bin", content)
        assert npm.download(ref)["body"] == content
        assert npm.bash("wc -c < a.bin", files=[ref])["shown"] == f"stdout:\n{len(content)}"


def test_a_bundle_keeps_its_paths_and_may_be_read_only(npm):
    fields = npm.identity("skill", SKILL, 7)
    parts = [*fields, {"name": "read_only", "value": "true"}, file_part(b"rules", filepath="skills/pdf/SKILL.md"),
             file_part(b"", filepath="skills/pdf/lib/__init__.py"), file_part(b"x = 1\n", filepath="skills/pdf/größe.py")]
    told = npm.send("post", "/upload/batch", parts, {"User-Id": USER})
    assert 'name="file"; filename="skills/pdf/lib/__init__.py"' in sent_by(told)["body"]
    names = ["skills/pdf/SKILL.md", "skills/pdf/lib/__init__.py", "skills/pdf/größe.py"]
    answer = told["json"]
    assert (answer["message"], answer["succeeded"], answer["failed"]) == ("success", 3, 0)
    assert answer["storage_session_id"] == answer["session_id"]
    assert [(file["status"], file["filename"]) for file in answer["files"]] == [("success", name) for name in names]
    refs = [npm.ref(file["fileId"], answer["storage_session_id"], file["filename"], "skill", SKILL, version=7)
            for file in answer["files"]]
    got = npm.download(refs[0])
    assert got["body"] == b"rules" and got["headers"]["x-read-only"] == "true"
    told = npm.bash("cat skills/pdf/SKILL.md; echo; echo more 2>/dev/null >> skills/pdf/SKILL.md || echo refused\n"
                    "cd skills/pdf && python3 -c 'from größe import x; print(x)'", files=refs)
    assert told["shown"] == "stdout:\nrules\nrefused\n1"
    if not npm.old:
        assert sent_by(told)["body"]["files"][0]["version"] == 7
        back = {file["name"]: file for file in told["artifact"]["files"]}
        assert sorted(back) == sorted(names) and all(file["inherited"] for file in back.values())


def test_a_bundle_of_which_a_part_is_refused(npm):
    told = npm.send("post", "/upload/batch", [*npm.identity(), file_part(b"x", filepath="a.txt"),
                                              file_part(b"y", filepath="../up.txt")])["json"]
    assert (told["message"], told["succeeded"], told["failed"]) == ("partial_success", 1, 1)
    assert [(file["status"], file["filename"]) for file in told["files"]] == [("success", "a.txt"), ("error", "../up.txt")]
    assert told["files"][1]["error"]


def test_whether_a_file_is_still_there(npm):
    made = npm.bash("mkdir out; printf x > out/plot.png")["artifact"]
    ref = npm.ref(made["files"][0]["id"], made["session_id"], "out/plot.png")
    session, id = made["session_id"], ref["id"]
    if npm.old:
        told = npm.send("get", f"/files/{session}", params={"detail": "summary", "entity_id": "agent_1"})["json"]
        found = next(one for one in told if one["name"].startswith(f"{session}/{id}"))
        full, = npm.send("get", f"/files/{session}", params={"detail": "full"})["json"]
        assert full["metadata"]["original-filename"] == "out/plot.png" and full["name"] == f"{session}/{id}.png"
    else:
        told = npm.send("get", f"/sessions/{session}/objects/{id}", params=npm.scope())
        found = told["json"]
        assert (found["originalFilename"], found["size"], found["readOnly"]) == ("out/plot.png", 1, False)
        normal, = npm.send("get", f"/files/{session}", params={"detail": "normalized", **npm.scope()})["json"]
        assert (normal["id"], normal["name"], normal["storage_session_id"]) == (id, "out/plot.png", session)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["lastModified"])
    gone = npm.send("get", f"/sessions/{session}/objects/{'x' * 21}", params=npm.scope())
    assert gone["status"] == 404 and gone["json"]["error"] == "File not found"


def test_deletion_under_both_paths(npm):
    for first, then in (("sessions/{}/objects/{}", "files/{}/{}"), ("files/{}/{}", "sessions/{}/objects/{}")):
        ref = npm.stored("a.txt", b"x")
        ids = (ref.get("storage_session_id", ref.get("session_id")), ref["id"])
        told = npm.send("delete", "/" + first.format(*ids), params=npm.scope())
        assert told["status"] == 200
        assert told["json"] == {"message": "File deleted successfully", "session_id": ids[0], "fileId": ids[1]}
        for path in (first, then):
            assert npm.send("delete", "/" + path.format(*ids), params=npm.scope())["status"] == 404
        gone = npm.download(ref)
        assert gone["status"] == 404 and gone["json"]["error"]


WINDOW = """python3 - <<'PY'
import base64, json
data = open({path!r}, 'rb').read()
piece = data[{at}:{at} + 32768]
print(json.dumps({{"total": len(data), "n": len(piece), "b64": base64.b64encode(piece).decode()}}))
PY"""


def test_executions_of_its_own(npm):
    """read_file, create_file, windows of an image."""
    def host(code, **fields):
        told = npm.send("post", "/exec", json={"lang": "bash", "code": code, **fields})
        assert told["status"] == 200
        return told["json"]
    text = "import base64\n" + "é" * 10
    wrote = host("python3 - <<'PY'\nimport base64, os\nos.makedirs('lib', exist_ok=True)\ndata = base64.b64decode("
                 f"'{base64.b64encode(text.encode()).decode()}')\nopen('lib/a.py', 'wb').write(data)\n"
                 "print(f'WROTE {len(data)} bytes to /mnt/data/lib/a.py')\nPY")
    assert (wrote["stdout"], wrote["stderr"]) == ("WROTE 34 bytes to /mnt/data/lib/a.py\n", "")
    file, = wrote["files"]
    refs = [npm.ref(file["id"], file["storage_session_id"], file["name"])]
    read = host("cat '/mnt/data/lib/a.py'", session_id=wrote["session_id"], files=refs)
    assert (read["stdout"], read["stderr"]) == (text, "")
    missing = host("cat '/mnt/data/none'", files=refs)
    assert missing["stdout"] == "" and "No such file or directory" in missing["stderr"]
    image = bytes(range(256)) * 300
    ref, whole, at = npm.stored("a.png", image), b"", 0
    while at < len(image):
        told = host(WINDOW.format(path="/mnt/data/a.png", at=at), files=[ref])
        window = json.loads(told["stdout"].strip().splitlines()[-1])
        whole += base64.b64decode(window["b64"])
        at += window["n"]
        assert told["status"] is None and window["total"] == len(image)
    assert whole == image
