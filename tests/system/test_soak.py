# SPDX-License-Identifier: Apache-2.0
"""Hundreds of sessions come and go: the broker is afterwards what it was before."""
import os
import pathlib
import re
import threading

import pytest

from broker import Broker
from leftovers import of_this_installation


def held_by(process):
    """What a leak would make grow: descriptors and threads as they are, memory in MiB."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return {"descriptors": len(os.listdir(f"/proc/{process.pid}/fd")),
            "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
            "memory": int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024}


def life(broker, name):
    """One session with a bit of everything that a session can hold on to."""
    client = broker.client()
    assert client.request("PUT", f"/v1/sessions/{name}/files/in.csv", b"n\n1\n2\n").status == 201
    client.ok("import pandas as pd\ndf = pd.read_csv('in.csv')\ndf.to_csv('out.csv')\nlen(df)", name)
    assert client.run("1 / 0", name).json["exit_code"] == 1
    client.ok("print('x' * 100_000)\ndf.n.sum()", name)
    assert client.request("GET", f"/download/{name}/out.csv").status == 200
    if hash(name) % 4 == 0:
        client.run("import os; os._exit(1)", name)
        client.ok("1", name)
    assert client.request("DELETE", f"/v1/sessions/{name}").status == 204
    client.close()


def lives(broker, batch, count):
    """Four at a time; whatever went wrong in any."""
    wrong = []

    def work(lane):
        for i in range(lane, count, 4):
            try:
                life(broker, f"{batch}-{i}")
            except Exception as error:  # all of them are looked at below
                wrong.append((batch, i, repr(error)))

    threads = [threading.Thread(target=work, args=(lane,)) for lane in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong


@pytest.mark.long
def test_hundreds_of_sessions_leave_no_descriptor_thread_memory_or_mount():
    with Broker(boost_cpus=1) as broker:
        assert lives(broker, "first", 40) == []
        before, left_before = held_by(broker.process), of_this_installation(broker)
        assert lives(broker, "later", 400) == []
        after = held_by(broker.process)
        left = of_this_installation(broker)
        assert {kind: left[kind] ^ left_before[kind] for kind in left if left[kind] != left_before[kind]} == {}
        assert (after["descriptors"], after["threads"]) == (before["descriptors"], before["threads"])
        assert after["memory"] < before["memory"] + 4, (before, after)
