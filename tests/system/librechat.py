# SPDX-License-Identifier: Apache-2.0
"""LibreChat's requests, written as its clients write them: what goes over the wire, without npm."""
import re
import uuid

ID = re.compile(r"[A-Za-z0-9_-]{21}")
AGENT = {"User-Agent": "LibreChat/1.0"}


def form(parts, boundary=None):
    """The bytes of a form as the form-data package makes it: (name, value) or (name, value, file name, type)."""
    boundary = boundary or "-" * 26 + uuid.uuid4().hex[:24]
    body = b""
    for name, value, *file in parts:
        disposition = f'form-data; name="{name}"'
        if file:
            disposition += f'; filename="{file[0]}"\r\nContent-Type: {file[1] if file[1:] else "application/octet-stream"}'
        value = value if isinstance(value, bytes) else value.encode()
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class LibreChat:
    """One user's LibreChat, at one base address."""

    def __init__(self, client, base="/v1", user="66f0c0ffee00000000000001"):
        self.client, self.base, self.user = client, base, user

    def post(self, path, body, headers=None):
        return self.client.request("POST", self.base + path, body, {**AGENT, **(headers or {})})

    def exec(self, code, lang="py", **fields):
        return self.post("/exec", {"lang": lang, "code": code, **fields})

    def ok(self, code, lang="py", **fields):
        answer = self.exec(code, lang, **fields)
        assert answer.status == 200, answer
        told = answer.json
        assert ID.fullmatch(told["session_id"]), told
        return told

    def send(self, path, parts):
        body, kind = form(parts)
        return self.client.request("POST", self.base + path, body, {**AGENT, "Content-Type": kind, "User-Id": self.user})

    def upload(self, name, content, kind="user"):
        """As a reference for a later call."""
        answer = self.send("/upload", [("kind", kind), ("id", self.user), ("file", content, name)])
        assert answer.status == 200, answer
        told = answer.json
        assert told["message"] == "success" and told["storage_session_id"] == told["session_id"]
        file, = told["files"]
        assert ID.fullmatch(file["fileId"]) and ID.fullmatch(told["storage_session_id"])
        return self.ref(file["fileId"], told["storage_session_id"], file["filename"], kind)

    def ref(self, id, storage_session_id, name, kind="user"):
        return {"id": id, "resource_id": self.user, "storage_session_id": storage_session_id, "name": name, "kind": kind}

    def refs(self, told):
        """What ToolNode sends with the next call."""
        return [self.ref(file["id"], file["storage_session_id"], file["name"]) for file in told["files"]]

    def download(self, ref):
        return self.client.request("GET", f"{self.base}/download/{ref['storage_session_id']}/{ref['id']}"
                                          f"?kind=user&id={self.user}", None, AGENT)

    def listed(self, session):
        answer = self.client.request("GET", f"{self.base}/files/{session}?detail=normalized", None, AGENT)
        assert answer.status == 200, answer
        return [file["name"] for file in answer.json]

    def object(self, ref, method="GET"):
        return self.client.request(method, f"{self.base}/sessions/{ref['storage_session_id']}/objects/{ref['id']}"
                                           f"?kind=user&id={self.user}", None, AGENT)


def names(told, inherited=False):
    return sorted(file["name"] for file in told["files"] if bool(file.get("inherited")) == inherited)
