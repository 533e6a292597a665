# SPDX-License-Identifier: Apache-2.0
"""Executions through cut connections and killed brokers: nothing twice, nothing lost, no gap."""
import http.client
import random
import threading

import pytest
from broker import Broker, until
from events import Stream, execute, numbered, read, text

TALK = """
import sys, time
for i in range({n}):
    print(i, 'x' * (i * 37 % 300), flush=True)
    if i % 7 == 0: print('e', i, file=sys.stderr, flush=True)
    if i % 11 == 0: display({{'text/plain': str(i)}}, raw=True)
"""


def whole_events(body, stop_after):
    """The events in the first bytes of a stream; one that was cut is none."""
    got = b""
    while len(got) < stop_after:
        piece = body.read1(min(4096, stop_after - len(got)))
        if not piece:
            return got, True
        got += piece
    return got[:got.rfind(b"\n\n") + 2], False


def ids_of(raw):
    return [int(line[4:]) for line in raw.decode().split("\n") if line.startswith("id: ")]


def read_in_cuts(broker, execution, chance):
    """The numbers of all events, by many connections that are each cut somewhere."""
    seen, cuts = [], 0
    while True:
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        with Stream(broker, "GET", f"/v1/executions/{execution}/events", None, headers) as stream:
            if stream.status == 204:
                return seen, cuts
            raw, ended = whole_events(stream.answer, chance.randrange(1, 6000))
            seen += ids_of(raw)
            if ended and b"event: end" in raw:
                return seen, cuts
        cuts += 1


def cuts_and_resumes(rounds, words):
    with Broker() as broker:
        client = broker.client()
        chance = random.Random(5)
        total = 0
        for turn in range(rounds):
            answer = client.request("POST", "/v1/sessions/cut/executions", {"code": TALK.format(n=words)},
                                    {"Prefer": "respond-async"})
            seen, cuts = read_in_cuts(broker, answer.json["id"], chance)
            assert seen == list(range(1, len(seen) + 1)), (turn, seen)
            total += cuts
        assert total > rounds
        ended = client.request("GET", "/v1/sessions/cut/executions").json["executions"]
        broker.kill()
        broker.start()
        for one in ended[:20]:
            seen, _ = read_in_cuts(broker, one["id"], chance)
            assert seen == list(range(1, len(seen) + 1))
            with read(broker, one["id"]) as stream:
                events = numbered(list(stream))
            assert len(events) == len(seen)
            assert events[-1].data == one
            assert text(events).startswith("0 \n1 ")


def test_events_through_cut_connections():
    cuts_and_resumes(12, 60)


@pytest.mark.long
def test_events_through_cut_connections_for_long():
    cuts_and_resumes(200, 120)


class Counter:
    """A client that repeats each request until it has an answer."""

    def __init__(self, broker, session, name, requests):
        self.broker, self.session, self.name, self.requests = broker, session, name, requests
        self.answers = {}
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        client = self.broker.client(timeout=30)
        for number in range(self.requests):
            key = f"{self.name}-{number}"
            body = {"code": f"n += 1; seen.append('{key}'); n"}

            def once():
                try:
                    answer = client.request("POST", f"/v1/sessions/{self.session}/executions", body,
                                            {"Idempotency-Key": key})
                except (OSError, http.client.HTTPException):
                    client.close()
                    return None
                return answer if answer.status == 200 else None
            self.answers[key] = until(once, f"an answer to {key}", 300).json


def exactly_once(clients, requests, kills):
    with Broker(queue_per_session=100) as broker:
        broker.client().ok("n = 0; seen = []", "counted")
        workers = [Counter(broker, "counted", f"c{i}", requests) for i in range(clients)]
        chance = random.Random(7)
        for _ in range(kills):
            threading.Event().wait(chance.uniform(0.1, 1.0))  # a random moment of their work
            broker.kill()
            broker.start()
        for worker in workers:
            worker.thread.join()
        answers = {key: answer for worker in workers for key, answer in worker.answers.items()}
        assert len(answers) == clients * requests
        told = broker.client().ok("[len(seen), len(set(seen)), n]", "counted")
        assert told["state"] == "kept"
        ran, distinct, counted = eval(told["result"])
        assert ran == distinct == counted <= clients * requests
        outcomes = {outcome: sum(answer["outcome"] == outcome for answer in answers.values())
                    for outcome in ("ok", "unknown", "cancelled")}
        assert sum(outcomes.values()) == clients * requests, outcomes
        assert counted >= outcomes["ok"]
        assert counted <= outcomes["ok"] + outcomes["unknown"]
        results = [answer["result"] for answer in answers.values() if answer["outcome"] == "ok" and answer["result"]]
        assert len(results) == len(set(results))


def test_keys_through_killed_brokers():
    exactly_once(4, 20, 3)


@pytest.mark.long
def test_keys_through_killed_brokers_for_long():
    exactly_once(10, 50, 20)


def test_a_stream_is_resumed_at_the_next_broker():
    with Broker() as broker:
        client = broker.client()
        client.ok("import os, time", "moved")
        code = ("print('one', flush=True)\nwhile not os.path.exists('go'):\n"
                "    time.sleep(0.02)\n    if os.path.exists('tell'): print('.', flush=True)\nprint('two', flush=True)\n5")
        stream = execute(broker, "moved", code)
        events = []
        for event in stream:
            events.append(event)
            if event.kind == "stdout":
                break
        execution = stream.headers["Location"].rsplit("/", 1)[1]
        broker.kill()
        stream.close()
        broker.start()
        client = broker.client()
        running = client.request("GET", f"/v1/executions/{execution}").json
        assert (running["state"], running["stdout"]) == ("running", "one\n")
        assert client.request("PUT", "/v1/sessions/moved/files/tell", b"").status == 201
        with read(broker, execution, headers={"Last-Event-ID": str(events[-1].id)}) as rest:
            events.append(next(iter(rest)))
            # What it says before this broker hears it is lost, and told to be; from then on nothing is.
            assert events[-1].data["text"] == ".\n"
            assert client.request("PUT", "/v1/sessions/moved/files/go", b"").status == 201
            events += list(rest)
        numbered(events)
        assert text(events).replace(".\n", "") == "one\ntwo\n"
        end = events[-1].data
        assert (end["outcome"], end["output_incomplete"], end["exit_code"]) == ("ok", True, 0)
        assert client.ok("1", "moved")["state"] == "kept"
