# SPDX-License-Identifier: Apache-2.0
"""Cells that put much out, and what must have come of each of them. Pure.

Whatever is missing, doubled or out of order raises; of clients that only drain the number is looked at.
"""
import json

MIB = 1 << 20
LIMIT_BYTES, TAIL_BYTES = 16 * MIB, 256 << 10  # output_bytes and output_tail_bytes, as they are by default
FIGURE_BYTES = 7_000_000


class WrongOutput(RuntimeError):
    """An answer is not what the cell put out."""


def must(condition, *told):
    if not condition:
        raise WrongOutput(f"{str(told)[:400]}")


def answer_of(came):
    """What `drains.Waited` got."""
    answer = json.loads(came.body)
    must(answer["exit_code"] == 0, answer["exit_code"], answer["stderr"])
    return answer


def events_of(came):
    """(type, data) of what `drains.Streamed` got: the chunks joined, the events taken apart."""
    text, at = bytearray(), 0
    while size := int(came.body[at:(end := came.body.index(b"\r\n", at))], 16):
        text += came.body[end + 2:end + 2 + size]
        at = end + 2 + size + 2
    events = []
    for block in text.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if fields:
            must(int(fields["id"]) == len(events) + 1, "a gap before event", fields["id"])
            events.append((fields["event"], json.loads(fields["data"])))
    kind, end = events[-1]
    must(kind == "end" and end["outcome"] == "ok", kind, *(end.get(name) for name in ("outcome", "death")))
    return events


def told(came, kind):
    """The data of all events of a kind, of an execution of which everything is told."""
    events = events_of(came)
    must(all(one != "truncated" for one, _ in events), "the events were cut")
    return [data for one, data in events if one == kind]


class Cell:
    """`code`, and how each kind of client must have seen it: `messages`, `answer`, `events`."""

    def __init__(self, name, code, count):
        self.name, self.code, self.count = name, code, count

    def messages(self, came):
        """Of clients that only drain."""
        must(came.messages >= self.count, came.messages, "messages of", self.count)


class Flood(Cell):
    """`count` bytes of text, more than is kept: both ends are, and what lies between is counted."""

    def messages(self, came):
        must(came.bytes >= self.count, came.bytes, "bytes of", self.count)

    def answer(self, came):
        answer = answer_of(came)
        must(answer["truncated"] and answer["stdout"].endswith("x\n"), answer["truncated"], answer["stdout"][-9:])
        must(len(answer["stdout"]) == LIMIT_BYTES + TAIL_BYTES, len(answer["stdout"]), "bytes are kept")

    def events(self, came):
        events = events_of(came)
        kept = sum(len(data["text"]) for kind, data in events if kind == "stdout")
        dropped = sum(data["dropped_bytes"] for kind, data in events if kind == "truncated")
        # What was left out of a long message is counted as it came, with its envelope and its escapes.
        must(kept == LIMIT_BYTES + TAIL_BYTES and 0 <= kept + dropped - self.count < self.count // 1000,
             kept, "bytes are kept", dropped, "are said to be dropped of", self.count)


class Lines(Cell):
    """The numbers below `count`, a line each."""

    def text(self):
        return "".join(f"{i}\n" for i in range(self.count))

    def answer(self, came):
        must(answer_of(came)["stdout"] == self.text(), "lines are missing, doubled or in another order")

    def events(self, came):
        must("".join(data["text"] for data in told(came, "stdout")) == self.text(),
             "lines are missing, doubled or in another order")


class Displays(Cell):
    """The numbers below `count`, each displayed."""

    def compare(self, shown):
        must([one["data"]["text/plain"] for one in shown] == [str(i) for i in range(self.count)],
             "displays are missing, doubled or in another order")

    def answer(self, came):
        self.compare(answer_of(came)["outputs"])

    def events(self, came):
        self.compare(told(came, "display_data"))


class Figure(Cell):
    """One display of FIGURE_BYTES, made by PREPARE."""

    PREPARE = f"import base64, os; figure = base64.b64encode(os.urandom({FIGURE_BYTES * 3 // 4})).decode()"

    def compare(self, shown):
        must([len(one["data"]["image/png"]) for one in shown] == [FIGURE_BYTES], "the figure is not whole")

    def answer(self, came):
        self.compare(answer_of(came)["outputs"])

    def events(self, came):
        self.compare(told(came, "display_data"))


FLOODS = (Flood("100 MB in one print", 'print("x" * (100 * 10**6 - 1))', 100 * 10**6),
          Flood("300 prints of 1 MB", 'for i in range(300): print("x" * (10**6 - 1))', 300 * 10**6))
MANY = (Lines("10 000 print(i, flush=True)", "for i in range(10_000): print(i, flush=True)", 10_000),
        Displays("5 000 display(i)", "for i in range(5_000): display(i)", 5_000))
FIGURE = Figure("a figure of 7 MB", 'display({"image/png": figure, "text/plain": "a figure"}, raw=True)', 1)
