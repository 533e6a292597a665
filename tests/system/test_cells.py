# SPDX-License-Identifier: Apache-2.0
"""What code does and what its client gets, one row for each: the table of docs/executions.md on a real kernel.

Every row is followed by a second call, which must tell the truth about what the first has left, while another
session goes on answering.
"""
import dataclasses
import os
import time

import pytest
from broker import Broker


@dataclasses.dataclass
class Row:
    name: str
    code: str
    outcome: str = "ok"
    exit_code: int = 0
    death: str = None
    next_state: str = "kept"
    next_reason: str = None
    timeout_s: float = 30
    stdout: str = None  # contains
    stderr: str = None  # of the execution or its error, contains
    result: str = None
    fields: dict = dataclasses.field(default_factory=dict)
    before: str = ""    # a call of its own
    limits: dict = dataclasses.field(default_factory=dict)


def stays(name, code, **more):
    return Row(name, code, **more)


def fails(name, code, ename, **more):
    return Row(name, code, "error", more.pop("exit_code", 1), stderr=ename, **more)


def times_out(name, code, **more):
    return Row(name, code, "timeout", 124, timeout_s=more.pop("timeout_s", 1), **more)


def is_ended(name, code, **more):
    """By the broker, because it did not give way."""
    return Row(name, code, "timeout", 124, "timeout", "restarted", "timeout_kill", timeout_s=1, **more)


def dies(name, code, exit_code, death, reason, **more):
    return Row(name, code, "died", exit_code, death, "restarted", reason, **more)


PIPES = "import os, signal, subprocess, sys, threading, time, asyncio, multiprocessing"

ROWS = [
    # What ends by itself.
    stays("nothing", ""),
    stays("an expression", "6 * 7", result="42"),
    stays("both streams", "import sys; print('o'); print('e', file=sys.stderr)", stdout="o\n", stderr="e\n"),
    stays("a child prints", "subprocess.run(['echo', 'child'])", stdout="child\n"),
    stays("a shell line", "!echo shell", stdout="shell"),
    stays("a shell line fails", "!exit 3\n_exit_code", result="3"),
    stays("text that is not UTF-8", "print(os.fsdecode(b'caf\\xe9'))", stdout="caf"),
    stays("half a surrogate pair is printed", "try: print('\\ud800')\nexcept UnicodeError: print('no')"),
    stays("silent", "print('s'); 5", fields={"silent": True}, stdout="s\n"),
    stays("a thread prints after the end", "threading.Timer(0.3, print, ['late']).start()"),
    stays("a task goes on after the end", "t = asyncio.ensure_future(asyncio.sleep(5))"),
    stays("a child outlives the cell", "p = subprocess.Popen(['sleep', '600'])"),
    stays("await", "await asyncio.sleep(0.1); 3", result="3"),
    stays("multiprocessing", "p = multiprocessing.get_context('fork').Process(target=print, args=('from child',))\n"
                             "p.start(); p.join()"),
    stays("a forked child runs off the cell", "if os.fork() == 0: time.sleep(0.2)\nelse: time.sleep(1); print('parent')",
          stdout="parent\n"),
    stays("a forked child exits", "if os.fork() == 0: os._exit(0)\nos.wait(); print('parent')", stdout="parent\n"),
    stays("a child is killed for memory", "subprocess.run([sys.executable, '-c', 'x = bytearray(900 << 20)']).returncode",
          result="-9"),
    stays("signals to itself that are handled", "signal.signal(signal.SIGUSR1, lambda *a: print('usr1'))\n"
          "os.kill(os.getpid(), signal.SIGUSR1)", stdout="usr1\n"),
    stays("an interrupt of its own, caught", "try:\n os.kill(os.getpid(), signal.SIGINT); time.sleep(5)\n"
          "except KeyboardInterrupt: print('caught')", stdout="caught\n"),
    stays("exit of the interpreter is asked for and refused", "try: sys.exit(3)\nexcept SystemExit: print('stays')",
          stdout="stays\n"),
    stays("stdout is None", "keep, sys.stdout = sys.stdout, None\nsys.stdout = keep"),
    stays("much in one line", "print('x' * 3_000_000)", stdout="xxx"),
    stays("a progress bar", "for i in range(20): print('\\r%d%%' % i, end='')", stdout="\r19%"),
    stays("NaN in metadata", "display({'text/plain': 'n'}, metadata={'a': float('nan')}, raw=True)"),
    stays("deep JSON", "d = {}\nfor _ in range(60): d = {'a': d}\ndisplay({'application/json': d}, raw=True)"),
    stays("sys.exit(0)", "sys.exit(0)"),
    stays("sys.exit()", "sys.exit()"),
    # What raises.
    fails("an exception", "1 / 0", "ZeroDivisionError"),
    fails("a syntax error", "def", "SyntaxError"),
    fails("an exception group", "raise ExceptionGroup('g', [ValueError('a')])", "ExceptionGroup"),
    fails("a failing repr", "class B:\n def __repr__(self): raise ValueError('bad repr')\nB()", "ValueError"),
    fails("recursion", "def f(): f()\nf()", "RecursionError"),
    fails("an interrupt of its own", "os.kill(os.getpid(), signal.SIGINT); time.sleep(5)", "KeyboardInterrupt"),
    fails("sys.exit(3)", "sys.exit(3)", "SystemExit", exit_code=3),
    fails("sys.exit(text)", "sys.exit('why')", "why", exit_code=1),
    fails("a surrogate in an exception", "raise Exception('\\ud800')", ""),
    fails("input without permission", "input()", "StdinNotImplementedError"),
    fails("memory that Python can refuse", "b = bytearray(1 << 50)", "MemoryError"),
    fails("a failing shell script", "%%bash\nexit 4", "CalledProcessError"),
    fails("the disk is full", "open('big', 'wb').write(bytes(200 << 20))", "OSError",
          limits={"disk_bytes": 64 << 20}),
    fails("too many processes", "children = []\nfor i in range(500): children.append(subprocess.Popen(['sleep', '600']))",
          "BlockingIOError", limits={"pids": 40}),
    fails("a library that is not there", "import requests_of_nobody", "ModuleNotFoundError"),
    fails("no network", "import socket\nsocket.create_connection(('127.0.0.1', 1), 1)", "ConnectionRefusedError"),
    # What takes too long and gives way.
    times_out("sleep", "time.sleep(600)"),
    times_out("a loop", "while True: pass"),
    times_out("await", "await asyncio.sleep(600)"),
    times_out("a lock", "threading.Lock().__enter__()\nl = threading.Lock(); l.acquire(); l.acquire()"),
    times_out("an event", "threading.Event().wait()"),
    times_out("a queue", "import queue; queue.Queue().get()"),
    times_out("a child", "subprocess.run(['sleep', '600'])"),
    times_out("a shell line", "!sleep 600"),
    times_out("a shell script", "%%bash\nsleep 600"),
    times_out("a tree of children", "subprocess.run(['sh', '-c', 'sleep 600 & sleep 600 & wait'])"),
    times_out("joining a thread", "t = threading.Thread(target=time.sleep, args=(600,), daemon=True); t.start(); t.join()"),
    times_out("input that never comes", "input()", fields={"allow_stdin": True}),
    times_out("printing for ever", "while True: print('x', flush=True)"),
    times_out("catching one interrupt", "try: time.sleep(600)\nexcept KeyboardInterrupt: print('ok, ok')",
              stdout="ok, ok\n"),
    times_out("SIGINT is blocked in one thread",
              "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\nwhile True: time.sleep(0.1)"),
    times_out("a pool that waits for its threads", "from concurrent.futures import ThreadPoolExecutor\n"
              "with ThreadPoolExecutor() as pool: pool.submit(time.sleep, 600)"),
    # What does not.
    is_ended("catching every interrupt", "while True:\n try: time.sleep(600)\n except BaseException: pass"),
    is_ended("ignoring SIGINT", "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: time.sleep(1)"),
    is_ended("a long call in C", "sum(range(10 ** 12))"),
    is_ended("a regular expression", "import re; re.match('(a+)+b', 'a' * 64)"),
    is_ended("a big integer", "10 ** 10 ** 10"),
    is_ended("it stops itself", "os.kill(os.getpid(), signal.SIGSTOP)"),
    # What ends its kernel.
    dies("os._exit(0)", "os._exit(0)", 0, "exit", "exit"),
    dies("os._exit(7)", "print('lost?', flush=True); time.sleep(0.5); os._exit(7)", 7, "exit", "exit", stdout="lost?"),
    dies("exit()", "exit()", 0, "exit", "exit"),
    dies("quit()", "quit()", 0, "exit", "exit"),
    dies("a segmentation fault", "import ctypes; ctypes.string_at(0)", 139, "signal", "crash"),
    dies("abort", "os.abort()", 134, "signal", "crash"),
    dies("SIGKILL", "os.kill(os.getpid(), signal.SIGKILL)", 137, "signal", "crash"),
    dies("SIGTERM", "signal.signal(signal.SIGTERM, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGTERM)", 143,
         "signal", "crash"),
    dies("memory", "b = []\nwhile True: b.append(bytearray(32 << 20))", 137, "oom", "oom"),
    dies("its file descriptors are closed", "os.closerange(3, 4096)", 134, "signal", "crash"),
]


@pytest.fixture(scope="module")
def broker():
    with Broker(max_sessions_per_tenant=200) as one:
        one.client().ok("x = 'untouched'", "beside")
        yield one


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.outcome}-{row.name}" for row in ROWS])
def test_a_cell(broker, row):
    client = broker.client()
    session = f"cell-{ROWS.index(row)}"
    if row.limits:
        assert client.request("POST", "/v1/sessions", {"id": session, "limits": row.limits}).status == 201
    first = client.ok(f"{PIPES}\nmark = {os.getpid()}", session)
    begin = time.monotonic()
    answer = client.request("POST", f"/v1/sessions/{session}/executions",
                            {"code": row.code, "timeout_s": row.timeout_s, **row.fields})
    took = time.monotonic() - begin
    assert answer.status == 200, answer
    one = answer.json
    error = one["error"] or {}
    told = one["stderr"] + error.get("ename", "") + error.get("evalue", "")
    seen = (one["outcome"], one["exit_code"], (one["death"] or {}).get("kind"))
    assert seen == (row.outcome, row.exit_code, row.death), one
    assert took < row.timeout_s + 5, took
    assert one["session_state"] == "kept" and one["state_reason"] is None
    assert row.stdout is None or row.stdout in one["stdout"], one
    assert row.stderr is None or row.stderr in told, one
    assert row.result is None or one["result"] == row.result, one
    kept = row.next_state == "kept"
    assert one["variables_kept"] == kept
    after = client.ok("globals().get('mark')", session)
    assert (after["state"], after["state_reason"]) == (row.next_state, row.next_reason)
    assert after["result"] == (str(os.getpid()) if kept else None)
    assert after["generation"] == first["generation"] + (0 if kept else 1)
    assert client.ok("1", session)["state"] == "kept"  # told once
    beside = client.ok("x", "beside")
    assert (beside["result"], beside["state"]) == ("'untouched'", "kept")
    client.request("DELETE", f"/v1/sessions/{session}")
