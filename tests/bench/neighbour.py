# SPDX-License-Identifier: Apache-2.0
"""Somebody else who uses the same broker meanwhile, in a process of its own.

usage: neighbour.py PORT (run SESSION | healthz)

`run` calls /run with 1+1 again and again. `healthz` asks for /healthz at each millisecond, and counts from
that millisecond on: what it is late by is part of what it waited. Both stop at the end of the standard
input and then print the begin (of CLOCK_MONOTONIC) and the milliseconds of each call, as JSON.
"""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

EVERY_S = 0.001


class Neighbour:
    """The process, as the benchmark sees it."""

    def __init__(self, port, *what):
        self.process = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).resolve()), str(port), *what],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.windows = []
        if self.process.stdout.readline() != b"begun\n":
            raise RuntimeError("the neighbour did not begin")

    @contextlib.contextmanager
    def window(self, name):
        begin = time.monotonic()
        yield
        self.windows.append((name, begin, time.monotonic()))

    def times(self):
        """Ends it; of each window the milliseconds of the calls that lay in it, wholly or in part."""
        calls, found = json.loads(self.process.communicate()[0]), {}
        for name, begin, end in self.windows:
            found.setdefault(name, []).extend(ms for at, ms in calls if at < end and at + ms / 1000 > begin)
        return found


def call(connection, request, expected):
    connection.sendall(request)
    if expected not in (answer := connection.recv(65536)):
        raise RuntimeError(f"wrong answer: {answer!r}")


def main():
    port, what, *session = sys.argv[1:]
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if what == "run":
        body = json.dumps({"code": "1+1", "session_id": session[0]}).encode()
        request = (b"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                   b"Content-Length: %d\r\n\r\n" % len(body)) + body
        expected, every = b'"result":"2"', 0.0
    else:
        request, expected, every = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"200 OK", EVERY_S
    for _ in range(30):
        call(connection, request, expected)
    print("begun", flush=True)
    asked_to_end = threading.Event()
    threading.Thread(target=lambda: (os.read(0, 1), asked_to_end.set()), daemon=True).start()
    times, due = [], time.monotonic()
    while not asked_to_end.is_set():
        if every:
            due = max(due + every, time.monotonic() - every)
            time.sleep(max(0.0, due - time.monotonic()))
        else:
            due = time.monotonic()
        call(connection, request, expected)
        times.append((due, (time.monotonic() - due) * 1000))
    print(json.dumps(times))


if __name__ == "__main__":
    main()
