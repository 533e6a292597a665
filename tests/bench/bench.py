#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the broker costs, next to what it is compared with, in one run on one machine.

usage: bench.py [--rounds N] [--calls N] [--starts N] [--sessions N] [--cpus N] [--only PART ...]
                [--set NAME=VALUE ...]

Sides take turns within each round and the order turns with it; every round has new kernels. Read the
ratios: they are made within a round. tests/bench/run prepares what this needs.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from broker import BINARY, Broker  # noqa: E402
from chat import calls, files  # noqa: E402
from figures import Rounds, verdict  # noqa: E402
from load import load  # noqa: E402
from outputs import MEMORY_BYTES, outputs  # noqa: E402
from sandbox import HandMade  # noqa: E402
from sides import Http, JupyterClient, JupyterServer, RawZmq, WebSocket  # noqa: E402

RUN, RAW, CLIENT = "POST /run", "(a) raw pyzmq", "(b) jupyter_client"
PLAIN, QUICK = "(c) jupyter_server, plain", "(c) jupyter_server, TCP_QUICKACK"


def milliseconds(work):
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1000


def template_of(broker, cpus):
    """The bundle that the broker wrote for a session."""
    client = broker.client()
    client.ok("1", "template")
    bundle, = (broker.state / "sandboxes").glob("*/bundle/config.json")
    text = bundle.read_text()
    client.request("DELETE", "/v1/sessions/template")
    return text


def round_trips(broker, template, folder, options):
    seen = Rounds()
    server = JupyterServer(folder, template, options.cpus)
    try:
        for turn in range(options.rounds):
            session = f"round-{turn}"
            broker.client().ok("1", session)
            kernels = [server.new_kernel() for _ in range(2)]
            with HandMade(folder, template.read_text(), options.cpus) as raw, \
                    HandMade(folder, template.read_text(), options.cpus) as client:
                raw.run(), client.run()
                sides = {RUN: Http(broker.port, session), RAW: RawZmq(raw), CLIENT: JupyterClient(client),
                         PLAIN: WebSocket(server, kernels[0], False), QUICK: WebSocket(server, kernels[1], True)}
                names = list(sides)
                for name in names:
                    for _ in range(30):
                        sides[name].one()
                times = {name: [] for name in names}
                pieces = 4  # every side is at every moment of the round
                for piece in range(pieces):
                    start = (turn + piece) % len(names)
                    for name in names[start:] + names[:start]:
                        calls = options.calls // pieces // (10 if name == PLAIN else 1)
                        times[name] += [milliseconds(sides[name].one) for _ in range(calls)]
                for name in names:
                    seen.add(name, times[name])
                    sides[name].close()
            for kernel in kernels:
                server.end_kernel(kernel)
            broker.client().request("DELETE", f"/v1/sessions/{session}")
    finally:
        server.close()
    print(seen.table(f"1+1, {options.rounds} rounds of {options.calls} calls, cpus = {options.cpus}"))
    print(verdict("/run : (a)", seen.ratio(RUN, RAW), ("<=", 1.10)))
    for other in (CLIENT, PLAIN, QUICK):
        print(verdict(f"/run : {other}", seen.ratio(RUN, other), ("<", 1.0)))


def first_results(broker, template, folder, options):
    """From nothing to the first answer. By hand the file system of the workspace is there already."""
    seen = Rounds()

    def ours(name):
        side = Http(broker.port, name)
        took = milliseconds(side.one)
        side.close()
        broker.client().request("DELETE", f"/v1/sessions/{name}")
        return took

    def by_hand():
        with HandMade(folder, template.read_text(), options.cpus) as sandbox:
            def start():
                RawZmq(sandbox.run()).close()  # its readiness ends with one 1+1
            return milliseconds(start)

    ours("warm-up"), by_hand()
    for turn in range(options.rounds):
        times = {RUN: [], "crun by hand": []}
        for i in range(options.starts):
            for name in (list(times) if (turn + i) % 2 else list(times)[::-1]):
                times[name].append(ours(f"new-{turn}-{i}") if name == RUN else by_hand())
        for name, values in times.items():
            seen.add(name, values)
    print(seen.table(f"new session to first result, {options.rounds} rounds of {options.starts}, "
                     f"cpus = {options.cpus}"))
    print(verdict("/run : by hand", seen.ratio(RUN, "crun by hand"), ("<=", 1.10)))


def memory(broker, options):
    client = broker.client()

    def resident():
        status = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    before = resident()
    for i in range(options.sessions):
        client.ok("1+1", f"many-{i}")
    after = resident()
    print(f"memory of the broker: {before:.1f} MiB before, {after:.1f} MiB with {options.sessions} sessions")
    print(verdict(f"MiB with {options.sessions} sessions", after, ("<=", 25.0)))
    broker.delete_sessions()


def remove_groups():
    """Of the containers that were made by hand; one that still holds a process stays."""
    roots = pathlib.Path("/sys/fs/cgroup")
    for group in (*roots.glob("kernel-broker-bench"), *roots.glob("*/kernel-broker-bench")):
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError as error:
                print(f"{folder} stays: {error.strerror}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=400, help="of each side in a round")
    parser.add_argument("--starts", type=int, default=4, help="new sessions of each side in a round")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--cpus", type=float, default=2.0)
    parser.add_argument("--only", nargs="*", default=["calls", "starts", "memory", "outputs", "chat", "files", "load"])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="of the broker of outputs")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kb-bench-", dir="/tmp"))
    folder.chmod(0o711)
    wrong = []
    try:
        template = folder / "config.json"
        with Broker(cpus=options.cpus, max_sessions_per_tenant=200, keep_executions=10) as broker:
            template.write_text(template_of(broker, options.cpus))
            if "calls" in options.only:
                round_trips(broker, template, folder, options)
            if "starts" in options.only:
                first_results(broker, template, folder, options)
            if "memory" in options.only:
                memory(broker, options)
        if "outputs" in options.only:
            with Broker(cpus=options.cpus, memory_bytes=MEMORY_BYTES, keep_executions=10,
                        **dict(one.split("=", 1) for one in options.set)) as broker:
                wrong += outputs(broker, template, folder, options)
            # Its tables are its own; what the test framework says of it is of no interest.
            sys.stdout.flush()
            subprocess.run([BINARY.parents[2] / "tests/bench/loop_ticker", "-o", os.devnull], check=True)
        if "chat" in options.only:
            with Broker(cpus=options.cpus, max_sessions_per_tenant=200) as broker:
                calls(broker, options)
        if "files" in options.only:
            with Broker(cpus=options.cpus, disk_bytes=4 << 30, timeout_s=600) as broker:
                files(broker, folder)
        if "load" in options.only:
            with Broker() as broker:
                wrong += load(broker)
    finally:
        for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
            if line.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        subprocess.run(["rm", "-rf", str(folder)], check=False)
        remove_groups()
    if wrong:
        sys.exit(f"wrong answers, the first of {len(wrong)}: {wrong[0]}")


if __name__ == "__main__":
    main()
