# SPDX-License-Identifier: Apache-2.0
"""Files under attack and under kill -9: nothing from outside, nothing acknowledged lost, nothing left over."""
import concurrent.futures
import hashlib
import http.client
import os
import pathlib
import random
import sqlite3
import threading
import time

import pytest
from broker import Broker
from librechat import LibreChat

# In one directory the names of a file, of symlinks to what is outside, of a FIFO and of a folder change all the time.
FLIPPING = """
import os, threading
os.makedirs('d', exist_ok=True)
def flip():
    os.chdir('/mnt/data/d')
    while True:
        for make in (lambda: open('new', 'w').write('inside' * 1000), lambda: os.symlink('/etc/passwd', 'new'),
                     lambda: os.symlink('../../../../etc/shadow', 'new'), lambda: os.symlink('/proc/self/environ', 'new'),
                     lambda: os.mkfifo('new'), lambda: os.link('keep', 'new')):
            try: make()
            except OSError: pass
            os.rename('new', 'x')
open('d/keep', 'w').write('inside' * 1000)
pid = os.fork()
if pid == 0:
    flip()
"""
INSIDE = b"inside" * 1000


def flipping_names(seconds):
    with Broker() as broker:
        client = broker.client()
        client.ok(FLIPPING, "flips")
        until = time.monotonic() + seconds
        threads = len(os.listdir(f"/proc/{broker.process.pid}/task"))

        def run():
            own, seen = broker.client(timeout=60), set()
            while time.monotonic() < until:
                for file in own.ok("1", "flips", timeout=30)["files"]:
                    if file.get("version") and file["path"] == "d/x":
                        seen.add(own.request("GET", f"/v1/sessions/flips/files/d/x?version={file['version']}").body)
            return seen

        def download():
            own, seen = broker.client(timeout=60), set()
            while time.monotonic() < until:
                for path in ("/download/flips/d/x", "/v1/sessions/flips/files/d/x"):
                    answer = own.request("GET", path)
                    assert answer.status in (200, 404), answer
                    if answer.status == 200:
                        seen.add(answer.body)
                own.request("GET", "/v1/sessions/flips/files")
                assert own.request("PUT", "/v1/sessions/flips/files/d/x", INSIDE).status in (200, 201, 400)
            return seen

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            seen = [one.result() for one in [pool.submit(run), pool.submit(download), pool.submit(download)]]
        assert set().union(*seen) <= {INSIDE, b""}, {one[:80] for one in set().union(*seen)}
        assert INSIDE in set().union(*seen[1:])
        assert client.ok("2", "flips")["result"] == "2"
        assert len(os.listdir(f"/proc/{broker.process.pid}/task")) <= threads + 1


def test_names_that_flip():
    flipping_names(4)


@pytest.mark.long
def test_names_that_flip_for_a_minute():
    flipping_names(60)


class Uploads:
    """Writes what was acknowledged, until it is told to stop."""

    def __init__(self, broker, lane, count):
        self.broker, self.lane, self.count, self.kept = broker, lane, count, []
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        chance = random.Random(self.lane)
        done = 0
        while done < self.count:
            content = chance.randbytes(chance.choice((0, 10, 3000, 300_000, 3_000_000)))
            try:
                chat = LibreChat(self.broker.client(timeout=30))
                if done % 3 == 2:
                    told = chat.exec(f"open('made', 'w').write('{self.lane} {done}')")
                    if told.status != 200:
                        continue
                    for file in told.json["files"]:
                        self.kept.append((file, f"{self.lane} {done}".encode()))
                else:
                    self.kept.append((chat.upload("in.bin", content), content))
                done += 1
            except (OSError, http.client.HTTPException, AssertionError):
                threading.Event().wait(0.05)  # between two brokers


def test_nothing_acknowledged_is_lost_by_kill_and_nothing_is_left_over():
    with Broker() as broker:
        lanes = [Uploads(broker, lane, 50) for lane in range(4)]
        chance = random.Random(3)
        kills = 0
        while any(lane.thread.is_alive() for lane in lanes):
            threading.Event().wait(chance.uniform(0.3, 1.2))  # a random moment of their work
            broker.kill()
            broker.start()
            kills += 1
            assert kills < 200
        kept = [one for lane in lanes for one in lane.kept]
        assert len(kept) >= 200 and kills >= 3
        chat = LibreChat(broker.client())
        for ref, content in kept:
            assert chat.download(ref).body == content, ref
        broker.kill()
        broker.start()
        broker.client().request("GET", "/v1/sessions")
        versions = pathlib.Path(broker.state) / "versions"
        assert list((versions / "incoming").iterdir()) == []
        with sqlite3.connect(f"file:{versions}/versions.db?mode=ro", uri=True) as table:
            known = {one.hex() for one, in table.execute("SELECT DISTINCT sha256 FROM file_version WHERE sha256 IS NOT NULL")}
        there = {file.parent.name + file.name for file in versions.glob("??/*")}
        assert there == known
        assert {hashlib.sha256(content).hexdigest() for _, content in kept} <= there


def test_two_hundred_calls_of_twenty_users():
    with Broker(max_sessions_per_tenant=100) as broker:
        def user(number):
            chat = LibreChat(broker.client(timeout=120), user=f"{number:024x}")
            ref = chat.upload("mine.txt", f"user {number}".encode())
            for turn in range(5):
                clean = chat.ok("import glob, os\nprint(sorted(os.listdir()), glob.glob('/tmp/user*'), 'USER_WAS' in os.environ)\n"
                                "print(open('mine.txt').read())\n"
                                f"os.environ['USER_WAS'] = '{number}'; open('/tmp/user{number}', 'w'); open('left', 'w').write('{number}')",
                                files=[ref])
                assert clean["stdout"] == f"['mine.txt'] [] False\nuser {number}\n", clean
                assert chat.download(clean["files"][0]).body == str(number).encode()
                kept = chat.ok(f"x = globals().get('x', 0) + {number}\nprint(x)", files=[ref],
                               runtime_session_hint=f"v2:user:{number:032x}")
                assert kept["stdout"] == f"{number * (turn + 1)}\n", kept
            return number

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            assert sorted(pool.map(user, range(1, 21))) == list(range(1, 21))
