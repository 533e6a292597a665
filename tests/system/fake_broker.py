# SPDX-License-Identifier: Apache-2.0
"""The executions part of /v1 as a script: a server that says what a test wrote down, and keeps what it heard.

It knows nothing of kernels; a play is a generator of events, and what it waits for is an event of a test.
"""
import http.server
import itertools
import json
import socketserver
import threading

DEADLINE_S = 60
CUT = "the connection breaks here"
CUT_INSIDE = "the connection breaks in the middle of the next event"


class Execution:
    def __init__(self, number, body):
        self.id = f"execution-{number:011d}"
        self.body = body
        self.events = []
        self.cuts = {}
        self.changed = threading.Condition()
        self.interrupted = threading.Event()
        self.inputs = []
        self.answered = threading.Semaphore(0)
        self.document = {"id": self.id, "state": "done", "outputs": []}

    def say(self, item):
        with self.changed:
            if item in (CUT, CUT_INSIDE):
                self.cuts[len(self.events)] = item
            else:
                self.events.append(item)
                if item[0] == "end" and isinstance(item[1], dict):
                    self.document.update(item[1])
            self.changed.notify_all()

    def wait(self, event):
        assert event.wait(DEADLINE_S), "a play waited in vain"

    def wait_input(self):
        assert self.answered.acquire(timeout=DEADLINE_S), "no input came"
        return self.inputs[-1]


def end(outcome="ok", exit_code=0, **fields):
    return "end", {"outcome": outcome, "exit_code": exit_code, "variables_kept": True, **fields}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "a client"

    def answer(self, status, document=None, **headers):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, code, detail):
        self.answer(status, {"code": code, "detail": detail, "status": status, "title": code})

    def stream(self, execution, after):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Location", f"/v1/executions/{execution.id}")
        self.end_headers()
        self.chunk(b": awake\n\n")
        place = after
        while True:
            with execution.changed:
                execution.changed.wait_for(lambda: len(execution.events) > place or place in execution.cuts,
                                           DEADLINE_S)
                cut = execution.cuts.get(place)
                if cut == CUT:
                    del execution.cuts[place]
                    return self.hang_up()
                if place == len(execution.events):
                    return self.hang_up()
                kind, data = execution.events[place]
            text = data if isinstance(data, str) else json.dumps(data)
            place += 1
            event = f"id: {place}\nevent: {kind}\ndata: {text}\n\n".encode()
            if cut == CUT_INSIDE:
                del execution.cuts[place - 1]
                self.chunk(event[:-1])
                return self.hang_up()
            self.chunk(event)
            if kind == "end":
                self.wfile.write(b"0\r\n\r\n")
                return None

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def hang_up(self):
        self.close_connection = True

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        fake = self.server.fake
        fake.heard.append((self.command, self.path, dict(self.headers), body))
        if fake.refusal:
            return self.refuse(*fake.refusal)
        parts = self.path.strip("/").split("/")
        if self.command == "DELETE" and len(parts) == 3:
            return self.answer(204)
        if self.command == "POST" and parts[1] == "sessions":
            if fake.lose_next_answer:
                fake.lose_next_answer = False
                fake.execute(self.headers["Idempotency-Key"], body)
                return self.hang_up()
            return self.stream(fake.execute(self.headers["Idempotency-Key"], body), 0)
        execution = fake.executions.get(parts[2]) if parts[1] == "executions" else None
        if execution is None:
            return self.refuse(404, "not_found", "there is no such thing")
        if parts[3:] == ["events"]:
            return self.stream(execution, int(self.headers.get("Last-Event-ID") or 0))
        if parts[3:] == ["interrupt"]:
            execution.interrupted.set()
            return self.answer(200, execution.document)
        if parts[3:] == ["input"]:
            execution.inputs.append(body["value"])
            execution.answered.release()
            return self.answer(204)
        return self.answer(200, execution.document)

    do_GET = do_POST = do_DELETE = handle_any


class TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_):
        pass  # a client that hangs up is no news here


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("a client", 0)

    def handle_error(self, *_):
        pass


class Fake:
    """`plays` are functions from an execution to its events; each new execution takes the next one."""

    def __init__(self, *plays, unix_path=None):
        self.plays = list(plays)
        self.heard = []
        self.executions = {}
        self.by_key = {}
        self.refusal = None
        self.lose_next_answer = False
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.server = UnixServer(str(unix_path), Handler) if unix_path else TcpServer(("127.0.0.1", 0), Handler)
        self.server.fake = self
        self.url = f"unix:{unix_path}" if unix_path else "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def execute(self, key, body):
        with self.lock:
            if key in self.by_key:
                return self.by_key[key]
            execution = Execution(next(self.numbers), body)
            self.by_key[key] = self.executions[execution.id] = execution
            play = self.plays.pop(0)

        def perform():
            for item in play(execution):
                execution.say(item)

        threading.Thread(target=perform, daemon=True).start()
        return execution

    def asked(self, method, ending=""):
        return [one for one in self.heard if one[0] == method and one[1].endswith(ending)]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
