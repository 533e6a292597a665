# SPDX-License-Identifier: Apache-2.0
"""Clients that run one cell and take all that it puts out, each as lean as Python allows.

`cell(code)` gives what came and how long it took from the request to the last byte. Nothing is unpacked
while the clock runs but what tells the end; cells.py looks at what came afterwards.
"""
import json
import socket
import struct
import time
import uuid

from sides import RawZmq, WebSocket

PIECE = 1 << 20


class Came:
    """Of a kernel's messages their number and sizes; of an answer of the broker its bytes."""

    def __init__(self):
        self.begin = time.perf_counter()
        self.end, self.messages, self.bytes, self.largest, self.body = 0.0, 0, 0, 0, b""

    def count(self, size):
        self.messages += 1
        self.bytes += size
        self.largest = max(self.largest, size)

    def stop(self):
        self.end = time.perf_counter()
        return self

    @property
    def ms(self):
        return (self.end - self.begin) * 1000


class BrokerClient:
    """One kept-alive connection to a session of the broker."""

    def __init__(self, port, session):
        self.session, self.buffer = session, memoryview(bytearray(PIECE))
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path, fields, *headers):
        body = json.dumps(fields).encode()
        lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                 f"Content-Length: {len(body)}", *headers, "", "")
        self.socket.sendall("\r\n".join(lines).encode() + body)

    def more(self, data):
        got = self.socket.recv_into(self.buffer)
        if not got:
            raise RuntimeError(f"the broker hung up: {bytes(data[-400:])!r}")
        data += self.buffer[:got]

    def head(self):
        """The beginning of an answer that is no error, and where its body begins."""
        data = bytearray()
        while (end := data.find(b"\r\n\r\n")) < 0:
            self.more(data)
        if not data.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"no answer: {bytes(data[:800])!r}")
        return data, end + 4

    def close(self):
        self.socket.close()


class Waited(BrokerClient):
    """POST /run: one answer, once the cell has ended."""

    def cell(self, code):
        came = Came()
        self.ask("/run", {"code": code, "session_id": self.session})
        data, body = self.head()
        at = data.find(b"Content-Length: ") + 16
        size = body + int(data[at:data.find(b"\r", at)])
        while len(data) < size:
            self.more(data)
        came.stop().body = data[body:]
        return came


class Streamed(BrokerClient):
    """The events of an execution, read to the end of the stream."""

    def cell(self, code):
        came = Came()
        self.ask(f"/v1/sessions/{self.session}/executions", {"code": code}, "Accept: text/event-stream")
        data, body = self.head()
        while not data.endswith(b"\r\n0\r\n\r\n"):
            self.more(data)
        came.stop().body = data[body:]
        return came


class RawDrain(RawZmq):
    """Two ZeroMQ sockets that only drain: of the bodies nothing is read but the word idle."""

    def cell(self, code):
        came = Came()
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": False}
        identity = self.send("execute_request", json.dumps(content).encode()).encode()
        while True:
            frames = self.iopub.recv_multipart(copy=False)
            came.count(sum(len(frame) for frame in frames))
            if len(frames[-1]) < 100 and b'"idle"' in frames[-1].bytes and identity in frames[-3].bytes:
                break
        while identity not in self.shell.recv_multipart()[-3]:
            pass
        return came.stop()


class WebSocketDrain(WebSocket):
    """The same kernel behind a jupyter_server, over v1.kernel.websocket.jupyter.org.

    A new one for each cell: a server ends a WebSocket that does not answer its pings meanwhile.
    """

    headers = "Sec-WebSocket-Protocol: v1.kernel.websocket.jupyter.org\r\n"

    def __init__(self, server, kernel):
        self.buffer = memoryview(bytearray(PIECE))
        super().__init__(server, kernel, True)

    def receive(self):
        """The next message's frames, the channel's name first."""
        while True:
            first, size = self.exactly(2)
            if size == 126:
                size, = struct.unpack("!H", self.exactly(2))
            elif size == 127:
                size, = struct.unpack("!Q", self.exactly(8))
            payload = self.exactly(size)
            if first & 0x0F == 2:
                count, = struct.unpack_from("<Q", payload)
                offsets = struct.unpack_from(f"<{count}Q", payload, 8)
                view = memoryview(payload)
                return [view[begin:end] for begin, end in zip(offsets, offsets[1:])]

    def exactly(self, size):
        if len(self.data) >= size:
            piece, self.data = self.data[:size], self.data[size:]
            return piece
        whole = memoryview(bytearray(size))
        filled = len(self.data)
        whole[:filled], self.data = self.data, b""
        while filled < size:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            # What is long goes where it belongs; what is short comes with what follows it.
            into = whole[filled:] if size - filled >= PIECE else self.buffer
            got = self.socket.recv_into(into)
            if not got:
                raise RuntimeError("the WebSocket was closed")
            if into is self.buffer:
                mine = min(got, size - filled)
                whole[filled:filled + mine] = self.buffer[:mine]
                self.data = bytes(self.buffer[mine:got])
                got = mine
            filled += got
        return whole

    def send(self, content):
        identity = uuid.uuid4().hex
        header = {"msg_id": identity, "msg_type": "execute_request", "session": self.session, "username": "bench",
                  "date": "2026-01-01T00:00:00.000000Z", "version": "5.3"}
        frames = [b"shell", json.dumps(header).encode(), b"{}", b"{}", json.dumps(content).encode()]
        offsets = [8 * (len(frames) + 2)]
        for frame in frames:
            offsets.append(offsets[-1] + len(frame))
        message = struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + b"".join(frames)
        size = bytes([0x80 | len(message)]) if len(message) < 126 else b"\xfe" + struct.pack("!H", len(message))
        self.socket.sendall(b"\x82" + size + bytes(4) + message)  # a mask of zeros is a mask
        return identity.encode()

    def cell(self, code):
        came, idle, replied = Came(), False, False
        identity = self.send({"code": code, "silent": False, "store_history": True, "user_expressions": {},
                              "allow_stdin": False, "stop_on_error": False})
        while not (idle and replied):
            channel, _, parent, _, content, *_ = self.receive()
            if channel == b"shell":
                replied = replied or identity in bytes(parent)
                continue
            came.count(len(content))
            if len(content) < 100 and b'"idle"' in bytes(content):
                idle = idle or identity in bytes(parent)
        return came.stop()

    def one(self):
        self.cell("1+1")
