# SPDX-License-Identifier: Apache-2.0
"""A broker under test: started on loopback in a state directory of its own, spoken to like a client.

Nothing here knows the broker's inside beyond its command line, its log lines and its HTTP interface.
"""
import http.client
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("KB_BINARY", ROOT / "build/release/broker/daemon/kernel-broker"))
# The image that sessions get where a test names none: "python", or one with another kernel in it.
KERNEL_IMAGE = os.environ.get("KB_KERNEL_IMAGE", "python")


def images():
    """The directory of the images that were built before the tests."""
    return pathlib.Path(os.environ["KB_IMAGE_DIR"])


def kernel_image():
    """The directory of the image under test: `rootfs` and, about it, `image.json`."""
    return images() / (images() / "names" / KERNEL_IMAGE).read_text().strip()


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=300):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:400]!r}>"


def until(look, what, deadline_s=120):
    """What `look` gives once it gives something true."""
    end = time.monotonic() + deadline_s
    while not (seen := look()):
        assert time.monotonic() < end, f"never came in {deadline_s} s: {what() if callable(what) else what}"
        time.sleep(0.05)  # between two looks
    return seen


class Client:
    """One kept-alive connection; opened again when the server closed it."""

    def __init__(self, address, headers=None, timeout=300):
        self.address, self.headers, self.timeout = address, headers or {}, timeout
        self.connection = None

    def _open(self):
        if isinstance(self.address, str):
            return UnixConnection(self.address, self.timeout)
        connection = http.client.HTTPConnection(*self.address, timeout=self.timeout)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, method, path, body=None, headers=None):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers = {"Content-Type": "application/json", **(headers or {})}
        fresh = self.connection is None
        if fresh:
            self.connection = self._open()
        try:
            self.connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = self.connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.close()
            # A kept connection may have been closed between two requests; a GET is safe to repeat.
            if fresh or method not in ("GET", "HEAD"):
                raise
            return self.request(method, path, body, headers)
        if response.will_close:
            self.close()
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def run(self, code, session_id=None, **fields):
        body = {"code": code, **fields}
        if session_id is not None:
            body["session_id"] = session_id
        return self.request("POST", "/run", body)

    def ok(self, code, session_id=None, **fields):
        """The answer's JSON, for code that must have ended with exit code 0."""
        answer = self.run(code, session_id, **fields)
        assert answer.status == 200, answer
        assert answer.json["exit_code"] == 0, answer.json
        return answer.json


class Broker:
    """`kernel-broker serve` in the foreground; its JSON log lines are kept in `log`.

    `before` are words in front of the command line, such as those of a program that changes the host as
    the broker sees it and then becomes the broker."""

    def __init__(self, state=None, env=None, before=(), binary=BINARY, **settings):
        self.own_state = state is None
        self.state = pathlib.Path(state or tempfile.mkdtemp(prefix="kb-test-"))
        self.before, self.binary = [str(word) for word in before], binary
        self.settings = dict(settings)
        self.env = dict(env or {})
        self.headers = {}  # for what the harness itself asks, once keys exist
        self.log, self.process, self.port, self.lines = [], None, None, queue.Queue()

    def command(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = self.port or probe.getsockname()[1]
        settings = {"state_dir": str(self.state), "listen": f"127.0.0.1:{self.port}", **self.settings}
        if "KB_IMAGE_DIR" in os.environ:
            settings.setdefault("image_dir", images())
        settings.setdefault("image", KERNEL_IMAGE)
        flags = [flag for key, value in settings.items() for flag in ("--set", f"{key}={value}")]
        return [*self.before, str(self.binary), "serve", *flags]

    def spawn(self):
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("KERNEL_BROKER_")}
        self.process = subprocess.Popen(self.command(), stderr=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL, env={**environment, **self.env})
        self.lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True).start()
        return self

    def start(self, deadline_s=60):
        self.spawn()
        self.wait_for("ready", deadline_s)
        return self

    def _read(self, process, lines):
        for line in process.stderr:
            try:
                record = json.loads(line)
            except ValueError:
                record = {"event": "text", "text": line.rstrip("\n")}
            self.log.append(record)
            lines.put(record)
        lines.put(None)

    def wait_for(self, event, deadline_s=60):
        end = time.monotonic() + deadline_s
        while True:
            try:
                record = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no log line {event!r} in {deadline_s} s: {self.log[-5:]}") from None
            if record is None:
                raise AssertionError(f"the broker ended before {event!r}: {self.log[-5:]}")
            if record.get("event") == event:
                return record

    def client(self, **arguments):
        return Client(("127.0.0.1", self.port), **{"headers": self.headers, **arguments})

    def kill(self):
        """SIGKILL: the sandboxes stay."""
        self.process.kill()
        self.process.wait()

    def stop(self, deadline_s=60):
        """SIGTERM: what runs ends, the sandboxes stay."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(deadline_s)

    def delete_sessions(self):
        client = self.client()
        for _ in range(20):
            sessions = client.request("GET", "/v1/sessions?limit=100").json["sessions"]
            if not sessions:
                return
            for session in sessions:
                client.request("DELETE", f"/v1/sessions/{session['id']}")

    def close(self):
        """Ends everything of this broker: sessions by its own interface, then the process."""
        try:
            if self.process and self.process.poll() is not None:
                self.start()
            if self.process:
                self.delete_sessions()
        finally:
            if self.process and self.process.poll() is None:
                self.stop()
            if self.own_state:
                subprocess.run(["umount", "-l", str(self.state / "workspaces/mounts")], check=False,
                               stderr=subprocess.DEVNULL)
                shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
