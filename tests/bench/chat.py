# SPDX-License-Identifier: Apache-2.0
"""LibreChat's calls: what one execution costs, and what its files cost in time, memory and disk."""
import os
import pathlib
import shutil
import time

from figures import Rounds, verdict
from librechat import LibreChat, form

PYTHON, BASH = "python", "bash"
RUN, NEW = "POST /run, kept session", "POST /run, new session"


def hint(number):
    return f"v2:conversation:{number:032x}"


def calls(broker, options):
    """One after the other, sides by turns."""
    client, seen = broker.client(), Rounds()
    chat = LibreChat(client)
    code = {"py": "print(1)", "bash": "echo 1"}

    def kept(lang):
        assert chat.ok(code[lang], lang, runtime_session_hint=hint(lang == "py"))["stdout"] == "1\n"

    def fresh(lang):
        assert chat.ok(code[lang], lang)["stdout"] == "1\n"

    def new_session():
        name = f"new-{time.monotonic_ns()}"
        client.ok("print(1)", name)
        return name

    sides = {RUN: lambda: client.ok("print(1)", "kept"),
             "/exec stateful, python": lambda: kept("py"), "/exec stateful, bash": lambda: kept("bash"),
             NEW: new_session, "/exec stateless, python": lambda: fresh("py"),
             "/exec stateless, bash": lambda: fresh("bash")}
    for _ in range(3):
        for work in sides.values():
            work()
    for _ in range(options.rounds):
        times = {name: [] for name in sides}
        for turn in range(options.starts * 5):
            for name, work in sides.items():
                for _ in range(1 if "new" in name or "stateless" in name else 10):
                    begin = time.perf_counter()
                    made = work()
                    times[name].append((time.perf_counter() - begin) * 1000)
                    if name == NEW:
                        client.request("DELETE", f"/v1/sessions/{made}")
        for name, values in times.items():
            seen.add(name, values)
    print(seen.table(f"LibreChat's calls, {options.rounds} rounds, cpus = {options.cpus}"))
    print(verdict("stateful python - /run, ms", seen.summary("/exec stateful, python")[1] - seen.summary(RUN)[1], ("<=", 1.0)))
    print(verdict("stateful bash, ms", seen.summary("/exec stateful, bash")[1], ("<=", 10.0)))
    print(verdict("stateless python : new session", seen.ratio("/exec stateless, python", NEW), ("<=", 1.10)))
    broker.delete_sessions()


def held(broker, what):
    status = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text()
    return int(status.split(f"{what}:")[1].split()[0]) / 1024


def disk(broker):
    return sum(file.stat().st_blocks * 512 for file in (broker.state / "versions").rglob("*") if file.is_file()) / 2**20


def timed(work):
    begin = time.perf_counter()
    done = work()
    return done, time.perf_counter() - begin


def upload(client, path, parts):
    body, kind = form(parts)
    answer = client.request("POST", path, body, {"Content-Type": kind, "User-Agent": "LibreChat/1.0"})
    assert answer.status == 200, answer
    return answer.json


def files(broker, folder):
    """1 000 files of 100 kB and one of 1 GiB: in, through an execution, and out again."""
    client = broker.client(timeout=600)
    chat = LibreChat(client)
    for name, count, size in (("1 000 files of 100 kB", 1000, 100_000), ("one file of 1 GiB", 1, 1 << 30)):
        source, copy = folder / "source", folder / "copy"
        source.mkdir()
        for i in range(count):
            with open(source / f"{i:04}", "wb") as file:
                for at in range(0, size, 1 << 24):
                    file.write(os.urandom(min(1 << 24, size - at)))
        os.sync()
        _, by_cp = timed(lambda: (shutil.copytree(source, copy), os.sync()))
        before, on_disk = held(broker, "VmRSS"), disk(broker)

        def send():
            refs = []
            if count == 1:
                with open(source / "0000", "rb") as file:
                    answer = client.request("PUT", "/v1/sessions/large/files/0000", file)
                assert answer.status == 201, answer
                told = answer.json
                return [chat.ref(told["version"], "x" * 21, "0000")]
            for batch in range(0, count, 200):
                told = upload(client, "/v1/upload/batch",
                              [("file", (source / f"{i:04}").read_bytes(), f"{i:04}") for i in range(batch, batch + 200)])
                refs += [chat.ref(file["fileId"], told["storage_session_id"], file["filename"]) for file in told["files"]]
            return refs

        refs, sent = timed(send)
        # Each changes, so that all are kept a second time.
        change = "for file in *; do printf x >> $file; done; ls | wc -l"
        told, ran = timed(lambda: chat.ok(change, "bash", files=refs))
        assert told["stdout"] == f"{count}\n", told
        made = [chat.ref(one["id"], one["storage_session_id"], one["name"]) for one in told["files"]]
        _, got = timed(lambda: [client.request("GET", f"/v1/download/{ref['storage_session_id']}/{ref['id']}").status
                                for ref in (refs if count > 1 else made)])
        mib = count * size / 2**20
        print(f"{name}: upload {sent:.2f} s, into a run, changed and kept {ran:.2f} s, download {got:.2f} s; "
              f"cp with sync {by_cp:.2f} s; disk {disk(broker) - on_disk:.0f} MiB for two contents of {mib:.0f}; "
              f"broker {before:.0f} -> {held(broker, 'VmRSS'):.0f} MiB, peak {held(broker, 'VmHWM'):.0f}")
        shutil.rmtree(source), shutil.rmtree(copy)
    client.request("DELETE", "/v1/sessions/large")
