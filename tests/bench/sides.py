# SPDX-License-Identifier: Apache-2.0
"""The clients that are compared. Each has `one()`: sends 1+1 and returns once the answer is complete.

All are as lean as Python allows: bytes that never change are made once, sockets stay open, nothing is
checked beyond what tells that the answer is whole and right.
"""
import base64
import hashlib
import hmac
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import time
import urllib.request
import uuid

import zmq
from jupyter_client import BlockingKernelClient

CODE = "1+1"


def wait_for(look, what, deadline_s=120):
    end = time.monotonic() + deadline_s
    while not (seen := look()):
        if time.monotonic() > end:
            raise RuntimeError(f"never came: {what}")
        time.sleep(0.001)
    return seen


class Http:
    """POST /run on one kept-alive connection."""

    def __init__(self, port, session, code=CODE, expected="2"):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = json.dumps({"code": code, "session_id": session}).encode()
        self.request = (f"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        self.expected = f'"result":"{expected}"'.encode()

    def one(self):
        self.socket.sendall(self.request)
        data = self.socket.recv(65536)
        head = data.find(b"\r\n\r\n") + 4
        if head < 4:
            raise RuntimeError(f"no answer: {data[:400]!r}")
        at = data.find(b"Content-Length: ") + 16
        size = int(data[at:data.find(b"\r", at)])
        while len(data) - head < size:
            data += self.socket.recv(65536)
        if self.expected not in data:
            raise RuntimeError(f"wrong answer: {data[-400:]!r}")

    def close(self):
        self.socket.close()


class RawZmq:
    """Two ZeroMQ sockets and HMAC, by hand: what a client of a kernel costs at the least."""

    def __init__(self, sandbox, deadline_s=60):
        self.key, self.session = sandbox.key.encode(), uuid.uuid4().hex
        self.context = zmq.Context()
        for channel in ("shell", "iopub"):
            path = pathlib.Path(sandbox.endpoint(channel)[len("ipc://"):])
            wait_for(path.exists, path, deadline_s)
        self.shell, self.iopub = self.context.socket(zmq.DEALER), self.context.socket(zmq.SUB)
        for each in (self.shell, self.iopub):
            each.linger, each.rcvhwm, each.sndhwm = 0, 0, 0
            each.reconnect_ivl = 1  # a socket file exists a moment before it listens
        self.iopub.subscribe(b"")
        self.shell.connect(sandbox.endpoint("shell"))
        self.iopub.connect(sandbox.endpoint("iopub"))
        self.header = {"session": self.session, "username": "bench", "date": "2026-01-01T00:00:00.000000Z",
                       "version": "5.3"}
        self.content = json.dumps({"code": CODE, "silent": False, "store_history": True, "user_expressions": {},
                                   "allow_stdin": False, "stop_on_error": False}).encode()
        self._ready(deadline_s)

    def send(self, kind, content):
        identity = uuid.uuid4().hex
        header = json.dumps({**self.header, "msg_id": identity, "msg_type": kind}).encode()
        digest = hmac.new(self.key, header + b"{}{}" + content, hashlib.sha256).hexdigest().encode()
        self.shell.send_multipart([b"<IDS|MSG>", digest, header, b"{}", b"{}", content])
        return identity

    @staticmethod
    def parts(frames):
        at = frames.index(b"<IDS|MSG>")
        return json.loads(frames[at + 2]), json.loads(frames[at + 3]), frames[at + 5]

    def _ready(self, deadline_s):
        end, heard, replied = time.monotonic() + deadline_s, False, False
        while not (heard and replied):
            self.send("kernel_info_request", b"{}")
            pause = time.monotonic() + 0.5
            while time.monotonic() < pause and not (heard and replied):
                heard = heard or bool(self.iopub.poll(5))
                replied = replied or bool(self.shell.poll(5))
            if time.monotonic() > end:
                raise RuntimeError("the kernel is not ready")
        self.one()

    def one(self):
        identity, result = self.send("execute_request", self.content), None
        while True:
            header, parent, content = self.parts(self.iopub.recv_multipart())
            if parent.get("msg_id") != identity:
                continue
            if header["msg_type"] == "execute_result":
                result = json.loads(content)["data"]["text/plain"]
            elif header["msg_type"] == "status" and json.loads(content)["execution_state"] == "idle":
                break
        while True:
            header, parent, content = self.parts(self.shell.recv_multipart())
            if parent.get("msg_id") == identity:
                break
        if result != "2":
            raise RuntimeError(f"wrong answer: {result!r}")

    def close(self):
        self.context.destroy(linger=0)


class JupyterClient:
    """jupyter_client's blocking client, as a notebook runner uses it."""

    def __init__(self, sandbox):
        self.client = BlockingKernelClient()
        self.client.load_connection_info({**sandbox.info, "ip": f"{sandbox.sockets}/k"})
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def one(self):
        seen = []
        self.client.execute_interactive(CODE, allow_stdin=False, output_hook=seen.append)
        if not any(one["msg_type"] == "execute_result" and one["content"]["data"]["text/plain"] == "2" for one in seen):
            raise RuntimeError(f"wrong answer: {seen}")

    def close(self):
        self.client.stop_channels()


class JupyterServer:
    """A jupyter_server whose kernelspec starts the same bundle."""

    def __init__(self, folder, template, cpus, memory_bytes=512 << 20, options=()):
        self.folder, self.token = pathlib.Path(folder), uuid.uuid4().hex
        spec = self.folder / "jupyter/kernels/bundle"
        spec.mkdir(parents=True)
        here = pathlib.Path(__file__).resolve().parent
        command = [sys.executable, str(here / "bundle_kernel.py"), str(self.folder), str(template), str(cpus),
                   str(memory_bytes), "{connection_file}"]
        (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "bundle", "language": "python"}))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {**os.environ, "JUPYTER_PATH": str(self.folder / "jupyter"),
                       "JUPYTER_RUNTIME_DIR": str(self.folder / "r"), "HOME": str(self.folder / "home")}
        self.log = open(self.folder / "server.log", "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={self.port}",
             f"--IdentityProvider.token={self.token}", "--ServerApp.port_retries=0", "--ServerApp.open_browser=False",
             "--allow-root", "--ConnectionFileMixin.transport=ipc", f"--ServerApp.root_dir={self.folder}", *options],
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(lambda: self._try("GET", "/api"), "an answer of jupyter_server")

    def call(self, method, path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body and json.dumps(body).encode(),
                                         {"Authorization": f"token {self.token}"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")

    def _try(self, *arguments):
        if self.process.poll() is not None:
            raise RuntimeError("jupyter_server ended: " + (self.folder / "server.log").read_text()[-2000:])
        try:
            return self.call(*arguments)
        except OSError:
            return None

    def new_kernel(self):
        return self.call("POST", "/api/kernels", {"name": "bundle"})["id"]

    def end_kernel(self, identity):
        self.call("DELETE", f"/api/kernels/{identity}")

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


class WebSocket:
    """A kernel of a jupyter_server over one WebSocket (RFC 6455), default protocol.

    With `quickack` the client asks for its acknowledgements at once before each receive. Without it each
    answer waits for the other side's delayed acknowledgement, about 40 ms.
    """

    headers = ""  # of the request that opens it

    def __init__(self, server, kernel, quickack):
        self.quickack, self.session = quickack, uuid.uuid4().hex
        self.socket = socket.create_connection(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /api/kernels/{kernel}/channels?session_id={self.session} HTTP/1.1\r\n"
                             f"Host: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{self.headers}"
                             f"Authorization: token {server.token}\r\n\r\n").encode())
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self._more()
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"no WebSocket: {head[:200]!r}")
        self.one()  # the server connects to the kernel before it lets the first request through

    def _more(self):
        if self.quickack:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        piece = self.socket.recv(65536)
        if not piece:
            raise RuntimeError("the WebSocket was closed")
        self.data += piece

    def _take(self, size):
        while len(self.data) < size:
            self._more()
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def receive(self):
        while True:
            first, size = self._take(2)
            if size == 126:
                size, = struct.unpack("!H", self._take(2))
            elif size == 127:
                size, = struct.unpack("!Q", self._take(8))
            payload = self._take(size)
            if first & 0x0F == 1:
                return json.loads(payload)

    def one(self):
        identity, result, idle, replied = uuid.uuid4().hex, None, False, False
        text = json.dumps({
            "channel": "shell", "parent_header": {}, "metadata": {}, "buffers": [],
            "header": {"msg_id": identity, "msg_type": "execute_request", "session": self.session, "username": "bench",
                       "date": "2026-01-01T00:00:00.000000Z", "version": "5.3"},
            "content": {"code": CODE, "silent": False, "store_history": True, "user_expressions": {},
                        "allow_stdin": False, "stop_on_error": False}}).encode()
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack("!H", len(text))
        self.socket.sendall(b"\x81" + size + bytes(4) + text)  # a mask of zeros is a mask
        while not (idle and replied):
            message = self.receive()
            if message["parent_header"].get("msg_id") != identity:
                continue
            kind = message["msg_type"]
            if kind == "execute_result":
                result = message["content"]["data"]["text/plain"]
            idle = idle or (kind == "status" and message["content"]["execution_state"] == "idle")
            replied = replied or kind == "execute_reply"
        if result != "2":
            raise RuntimeError(f"wrong answer: {result!r}")

    def close(self):
        self.socket.close()
