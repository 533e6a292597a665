# SPDX-License-Identifier: Apache-2.0
"""Many users at once, each in a session of its own, each step built on the one before and checked."""
import json
import selectors
import socket
import time

from figures import percentile


class User:
    """Asks for the next number; the variables of the session are the only place where the last one is."""

    def __init__(self, port, name):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.name, self.step, self.value, self.data = name, 0, 0, b""
        self.times, self.begin, self.wrong = [], 0.0, []

    def ask(self):
        code = (f"x = {self.value}; log = [x]" if self.step == 0 else
                f"x = x * 31 + {self.step}; x %= 1000003; log.append(x)") + "\nx, len(log)"
        body = json.dumps({"code": code, "session_id": self.name}).encode()
        self.begin = time.perf_counter()
        self.socket.sendall(b"POST /run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def heard(self):
        """True once the answer is whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise RuntimeError(f"{self.name} was hung up on at step {self.step}")
        self.data += piece
        head = self.data.find(b"\r\n\r\n")
        if head < 0:
            return False
        at = self.data.find(b"Content-Length: ") + 16
        size = int(self.data[at:self.data.find(b"\r", at)])
        if len(self.data) < head + 4 + size:
            return False
        self.times.append((time.perf_counter() - self.begin) * 1000)
        if self.step:
            self.value = (self.value * 31 + self.step) % 1000003
        answer = json.loads(self.data[head + 4:])
        expected = (f"({self.value}, {self.step + 1})", "kept" if self.step else "fresh", 1, 0)
        got = tuple(answer.get(field) for field in ("result", "state", "generation", "exit_code"))
        if got != expected:
            self.wrong.append((self.name, self.step, expected, answer))
        self.step, self.data = self.step + 1, b""
        return True


def load(broker, users=25, steps=100):
    """Returns the wrong answers, and prints what the right ones took."""
    everyone = [User(broker.port, f"user-{i}") for i in range(users)]
    ready = selectors.DefaultSelector()
    begin = time.perf_counter()
    for user in everyone:
        ready.register(user.socket, selectors.EVENT_READ, user)
        user.ask()
    left = users
    while left:
        for key, _ in ready.select():
            user = key.data
            if user.heard():
                if user.step < steps:
                    user.ask()
                else:
                    ready.unregister(user.socket)
                    user.socket.close()
                    left -= 1
    took = time.perf_counter() - begin
    first = [user.times[0] for user in everyone]
    later = [value for user in everyone for value in user.times[1:]]
    wrong = [one for user in everyone for one in user.wrong]
    print(f"{users} users at once, {steps} dependent steps each: {users * steps - len(wrong)} of {users * steps} "
          f"answers right, {users * steps / took:.0f} requests/s")
    everything = first + later
    print(f"  all steps: p50 {percentile(everything, 0.5):.1f} ms, p95 {percentile(everything, 0.95):.1f} ms")
    print(f"  first step (a new kernel each): p50 {percentile(first, 0.5):.0f} ms, p95 {percentile(first, 0.95):.0f} ms")
    print(f"  later steps: p50 {percentile(later, 0.5):.1f} ms, p95 {percentile(later, 0.95):.1f} ms, "
          f"{len(later) / (took - max(first) / 1000):.0f} requests/s")
    return wrong
