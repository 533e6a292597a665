# SPDX-License-Identifier: Apache-2.0
"""Server-sent events read from a socket of its own, so that a test can cut it anywhere."""
import http.client
import json


class Event:
    def __init__(self, number, kind, data):
        self.id, self.kind, self.data = number, kind, data

    def __repr__(self):
        return f"<{self.id} {self.kind} {str(self.data)[:200]}>"


class Stream:
    """The events of one answer, one after the other."""

    def __init__(self, broker, method, path, body=None, headers=None, timeout=120):
        self.connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=timeout)
        payload = None if body is None else json.dumps(body)
        own = {"Accept": "text/event-stream", **broker.headers, **(headers or {})}
        if body is not None:
            own["Content-Type"] = "application/json"
        self.connection.request(method, path, payload, own)
        self.answer = self.connection.getresponse()
        self.status, self.headers = self.answer.status, self.answer.headers

    def __iter__(self):
        number, kind, data = None, "message", []
        for raw in self.answer:
            line = raw.decode("utf-8").rstrip("\n").rstrip("\r")
            if line.startswith("id:"):
                number = int(line[3:])
            elif line.startswith("event:"):
                kind = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                yield Event(number, kind, json.loads("\n".join(data)))
                kind, data = "message", []

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def execute(broker, session, code, headers=None, **fields):
    return Stream(broker, "POST", f"/v1/sessions/{session}/executions", {"code": code, **fields}, headers)


def read(broker, execution, query="", headers=None):
    return Stream(broker, "GET", f"/v1/executions/{execution}/events{query}", None, headers)


def text(events, kind="stdout"):
    return "".join(event.data["text"] for event in events if event.kind == kind)


def numbered(events):
    """The events, which must count from 1 without gaps."""
    assert [event.id for event in events] == list(range(1, len(events) + 1)), events
    return events
