# SPDX-License-Identifier: Apache-2.0
"""What code meets inside a sandbox: walls and limits, and that one session's storm is nobody else's."""
import ast
import statistics
import threading
import time

import pytest

from broker import Broker, Client, until


@pytest.fixture(scope="module")
def broker():
    """Limits small enough to be reached by code in a moment."""
    with Broker(disk_bytes="64MiB", memory_bytes="192MiB", pids=64, tmp_bytes="48MiB", shm_bytes="32MiB",
                interrupt_grace_s=30) as one:
        yield one


@pytest.fixture(scope="module")
def inside(broker):
    """Runs code in a session of its own kind and gives what its last line stands for."""
    client = broker.client()

    def look(code, session="looker"):
        return ast.literal_eval(client.ok(f"import errno, os, socket, time\n{code}", session, timeout=280)["result"])
    return look


def test_there_is_no_interface_but_the_loopback_and_no_way_out(inside):
    assert inside("[name for _, name in socket.if_nameindex()]") == ["lo"]
    # A datagram socket's connect only looks for a route: nothing is sent.
    assert inside("""
def route(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        return errno.errorcode.get(s.connect_ex((address, 9)))
[route(socket.AF_INET, '192.0.2.1'), route(socket.AF_INET6, '2001:db8::1')]""") == ["ENETUNREACH"] * 2
    assert inside("len(open('/proc/net/route').readlines())") == 1


def test_code_is_nobody_without_any_right_and_can_gain_none(inside):
    uid, gid, groups = inside("os.getuid(), os.getgid(), os.getgroups()")
    assert 200_000 <= uid < 300_000 and gid == uid and set(groups) <= {gid}
    status = inside("dict(l.rstrip('\\n').split(':\\t', 1) for l in open('/proc/self/status') if ':\\t' in l)")
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities], 16) == 0, capabilities
    assert status["NoNewPrivs"] == "1"
    assert status["Uid"].split() == [str(uid)] * 4


def test_the_root_is_read_only_and_only_three_places_can_be_written(inside):
    write = """
def attempt(path):
    try:
        open(path, 'w').close(); os.remove(path)
    except OSError as e:
        return errno.errorcode[e.errno]
[attempt(d + '/probe') for d in {places!r}]"""
    assert inside(write.format(places=["/mnt/data", "/mnt/session_data", "/tmp", "/dev/shm"])) == [None] * 4
    closed = inside(write.format(places=["", "/usr", "/etc", "/mnt", "/run/kernel", "/proc", "/sys", "/dev"]))
    assert set(closed) <= {"EROFS", "EACCES", "ENOENT", "EPERM"} and closed[:4] == ["EROFS"] * 4, closed
    root = inside("[l.split()[3].split(',') for l in open('/proc/mounts') if l.split()[1] == '/']")
    assert "ro" in root[-1]


# What the code of each row does again and again until the file `go` is deleted. `told` gathers what it met.
EXCEED = """
import ctypes, errno, faulthandler, os, shutil, signal, time
told = set()

def attempt(step, undo=lambda: None):
    try:
        step()
        told.add('no limit')
    except OSError as e:
        told.add(errno.errorcode[e.errno])
    undo()

def write_until_full(path):
    with open(path, 'wb', buffering=0) as f:
        for _ in range(80):
            if f.write(bytes(1 << 20)) < 1 << 20:
                f.write(b'x')  # the one before stopped in its middle: this one says why

def fill(path, least, most):
    attempt(lambda: write_until_full(path))
    told.add(least <= os.path.getsize(path) >> 20 <= most)
    os.remove(path)

def crowd(folder, most):
    def step():
        os.mkdir(folder)
        for i in range(most):
            open(f'{folder}/{i}', 'w').close()
    return step

def stretch(path, size):
    with open(path, 'wb') as f:
        f.truncate(size)

def call(name, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), '')

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]

children, opened = [], []

def fork_storm():
    for _ in range(500):
        pid = os.fork()
        if pid == 0:
            try:
                signal.pause()
            finally:
                os._exit(0)
        children.append(pid)

def end_children():
    global most_children
    most_children = len(children)
    while children:
        os.kill(children[-1], signal.SIGKILL)
        os.waitpid(children.pop(), 0)

def remove(path):
    return lambda: shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)

while True:
    {exceed}
    if not os.path.exists('/mnt/data/go'):
        break
{told}"""

# For each limit of `broker` above: code that exceeds it, an expression of what was told, and what that must be.
LIMITS = {
    "processes": ("attempt(fork_storm, end_children)", "sorted(told), 5 < most_children < 64", (["EAGAIN"], True)),
    "memory of a child": ("told.add(child(lambda: b'x' * (400 << 20)))", "sorted(told)", [9]),
    "disk bytes": ("fill('/mnt/data/big', 40, 63)", "sorted(map(str, told))", ["ENOSPC", "True"]),
    "disk inodes": ("attempt(crowd('/mnt/data/many', 100000), remove('/mnt/data/many'))", "sorted(told)", ["ENOSPC"]),
    "/tmp bytes": ("fill('/tmp/big', 40, 48)", "sorted(map(str, told))", ["ENOSPC", "True"]),
    "/tmp inodes": ("attempt(crowd('/tmp/many', 5000), remove('/tmp/many'))", "sorted(told)", ["ENOSPC"]),
    "/dev/shm bytes": ("fill('/dev/shm/big', 30, 32)", "sorted(map(str, told))", ["ENOSPC", "True"]),
    "/dev/shm inodes": ("attempt(crowd('/dev/shm/many', 2000), remove('/dev/shm/many'))", "sorted(told)", ["ENOSPC"]),
    "open files": ("attempt(lambda: [opened.append(open('/dev/null')) for _ in range(2000)], "
                   "lambda: (told.add(900 < len(opened) < 1024), [f.close() for f in opened], opened.clear()))",
                   "sorted(map(str, told))", ["EMFILE", "True"]),
    "file size": ("attempt(lambda: stretch('/mnt/data/sparse', (64 << 20) + 1), remove('/mnt/data/sparse'))",
                  "sorted(told)", ["EFBIG"]),
    "locked memory": ("attempt(lambda: call('mlock', ctypes.create_string_buffer(1 << 20), ctypes.c_size_t(1 << 20)))",
                      "sorted(told)", ["ENOMEM"]),
    "message queues": ("attempt(lambda: call('mq_open', b'/queue', os.O_CREAT | os.O_RDWR, 0o600, None))",
                       "sorted(told)", ["EMFILE"]),
    "core files": ("told.add((lambda s: (os.WTERMSIG(s), os.WCOREDUMP(s)))"
                   "(child(lambda: (faulthandler.disable(), os.abort()))))",
                   "sorted(told), [name for name in os.listdir('/mnt/data') if 'core' in name]", ([(6, False)], [])),
    "processors": ("began, used = time.perf_counter(), time.process_time()\n"
                   "    while time.perf_counter() < began + 2: pass\n"
                   "    told.add((time.process_time() - used) / (time.perf_counter() - began) < 0.65)",
                   "sorted(told)", [True]),
}


class Calm:
    """A session that counts while another one rages; each of its answers must be right."""

    def __init__(self, broker):
        self.client = broker.client()
        self.n = int(self.client.ok("n = globals().get('n', 0)\nprint(n)", "calm")["stdout"])

    def step(self):
        began = time.perf_counter()
        answer = self.client.ok("n += 1\nprint(n)", "calm", timeout=280)
        self.n += 1
        assert (answer["stdout"], answer["state"], answer["stderr"]) == (f"{self.n}\n", "kept", ""), answer
        return (time.perf_counter() - began) * 1000

    def steps(self, raging, what=lambda: True, least=40):
        """That many during the rage, then `what` happens, then on until its end. Times are shown, never judged."""
        took = [self.step() for _ in range(least)]
        assert what()
        while raging.goes_on():
            took.append(self.step())
        print(f"round trips of the other session: p50 {statistics.median(took):.1f} ms, max {max(took):.1f} ms, "
              f"{len(took)} of them")


class Rage:
    """An execution on a connection of its own; leaving the block waits for its end, or ends its session."""

    def __init__(self, broker, session, code):
        self.client, self.answers = broker.client(), []
        self.target = f"/v1/sessions/{session}"
        self.thread = threading.Thread(target=self._run, args=(code,))

    def _run(self, code):
        body = {"code": code, "timeout_s": 500}
        self.answers.append(self.client.request("POST", f"{self.target}/executions", body))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, failed, *_):
        if failed:
            self.end()
        self.thread.join()

    def end(self):
        other = Client(self.client.address)
        assert other.request("DELETE", self.target).status == 204
        other.close()

    def goes_on(self):
        return self.thread.is_alive()

    @property
    def answer(self):
        assert self.answers and self.answers[0].status == 200, self.answers
        return self.answers[0].json


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_is_an_error_for_the_code_that_meets_it_and_nothing_to_another_session(broker, limit):
    exceed, told, expected = LIMITS[limit]
    client, calm = broker.client(), Calm(broker)
    client.ok("import os", "raging")
    assert client.request("PUT", "/v1/sessions/raging/files/go", b"").status == 201
    with Rage(broker, "raging", EXCEED.replace("{exceed}", exceed).replace("{told}", told)) as raging:
        until(lambda: client.request("GET", raging.target).json["status"] == "busy", "it rages")
        calm.steps(raging, lambda: client.request("DELETE", f"{raging.target}/files/go").status == 204)
    assert raging.answer["outcome"] == "ok", raging.answer
    assert ast.literal_eval(raging.answer["result"]) == expected
    after = client.ok(told, "raging")
    assert (after["result"], after["state"]) == (raging.answer["result"], "kept")


def test_usage_shows_what_was_used(broker, inside):
    client = broker.client()
    assert inside("a = b'x' * (80 << 20)\nt = time.process_time()\nwhile time.process_time() < t + 1: pass\n0") == 0
    seen = client.request("GET", "/v1/sessions/looker").json
    assert seen["usage"]["cpu_s"] > 1 and seen["usage"]["memory_bytes"] > 80 << 20
    assert 0 < seen["usage"]["pids"] <= 64 and 0 < seen["usage"]["disk_bytes"] < 64 << 20
    assert seen["limits"] == {**seen["limits"], "memory_bytes": 192 << 20, "pids": 64, "disk_bytes": 64 << 20}


def test_another_sessions_files_processes_and_sockets_are_out_of_reach(broker, inside):
    client = broker.client()
    client.ok("open('secret', 'w').write('blue-secret')", "neighbour")
    seen = inside("""
found = []
for top, folders, files in os.walk('/', onerror=None):
    folders[:] = [f for f in folders if os.path.join(top, f) not in ('/proc', '/sys', '/usr')]
    found += [os.path.join(top, f) for f in files if f == 'secret']
pids = sorted(int(p) for p in os.listdir('/proc') if p.isdigit())
words = [open(f'/proc/{p}/cmdline').read() for p in pids]
unix = [l.split()[-1] for l in open('/proc/net/unix').readlines()[1:] if '/' in l]
found, len(words), [w for w in words if '/run/kernel/connection.json' not in w], unix, os.listdir('/mnt')""")
    found, processes, others, unix, mnt = seen
    assert found == [] and others == [] and processes <= 3, seen
    # Its own directory of sockets can be passed through by a name that is known, and not be read.
    assert inside("os.access('/run/kernel', os.R_OK), os.access('/run/kernel', os.W_OK)") == (False, False)
    assert all(path.startswith("/run/kernel/") for path in unix), unix
    assert set(mnt) == {"data", "session_data"}
    # Abstract names belong to a network, and each session has one of its own.
    assert inside("import socket as s; a = s.socket(s.AF_UNIX); a.bind('\\0mine'); 1") == 1
    assert inside("import socket as s; s.socket(s.AF_UNIX).connect_ex('\\0mine')", "neighbour") == 111


STORMS = {
    "processes": "import os\nwhile True:\n  try:\n    if os.fork() == 0:\n      while True: pass\n  except OSError: pass",
    "cpu": "import threading\nfor _ in range(8): threading.Thread(target=lambda: [0 for _ in iter(int, 1)]).start()\n"
           "while True: pass",
    "memory": "import os\nwhile True:\n  if os.fork() == 0:\n    a = []\n    while True: a.append(b'x' * (1 << 20))\n"
              "  try: os.wait()\n  except ChildProcessError: pass",
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_in_one_session_leaves_every_answer_of_another_right(broker, storm):
    client, calm, name = broker.client(), Calm(broker), f"storm-{storm}"
    client.ok("1", name)
    with Rage(broker, name, STORMS[storm]) as raging:
        until(lambda: client.request("GET", raging.target).json["status"] == "busy", "it rages")
        for _ in range(10):
            calm.step()
        raging.end()
    # It may have ended by itself: what is said of it must be true in either case.
    assert raging.answer["outcome"] in ("cancelled", "died"), raging.answer


@pytest.fixture(scope="module")
def by_default():
    """Nobody changed a limit."""
    with Broker(interrupt_grace_s=30) as one:
        yield one


def test_600_mib_end_the_kernel_that_takes_them_and_no_other(by_default):
    client, calm = by_default.client(), Calm(by_default)
    client.ok("x = 1", "greedy")
    with Rage(by_default, "greedy", "a = b'x' * (600 << 20)") as raging:
        calm.steps(raging)
    told = raging.answer
    assert (told["outcome"], told["exit_code"], told["variables_kept"]) == ("died", 137, False), told
    assert told["death"]["kind"] == "oom" and "memory" in told["death"]["detail"]
    after = client.ok("'x' in globals()", "greedy")
    assert (after["result"], after["state"], after["state_reason"], after["generation"]) == \
        ("False", "restarted", "oom", 2), after
    calm.step()


def test_code_that_forks_gets_fewer_than_128_processes(by_default):
    client = by_default.client()
    code = EXCEED.replace("{exceed}", LIMITS["processes"][0]).replace("{told}", "sorted(told), most_children")
    told, children = ast.literal_eval(client.ok(code, "forking", timeout=280)["result"])
    assert told == ["EAGAIN"] and 100 < children < 128
    after = client.ok("most_children", "forking")
    assert (after["result"], after["state"]) == (str(children), "kept")


def test_four_threads_that_compute_get_half_a_processor(by_default):
    """By the kernel's own account, which a busy host makes smaller and never larger."""
    client = by_default.client()
    client.ok("import hashlib, threading, time", "computing")

    def used():
        return client.request("GET", "/v1/sessions/computing").json["usage"]["cpu_s"]

    began, before = time.perf_counter(), used()
    share = float(client.ok("""
def work(until):
    while time.perf_counter() < until:
        hashlib.sha256(bytes(1 << 20)).digest()  # without the lock that threads of Python share
began, before = time.perf_counter(), time.process_time()
threads = [threading.Thread(target=work, args=(began + 3,)) for _ in range(4)]
for each in threads: each.start()
for each in threads: each.join()
(time.process_time() - before) / (time.perf_counter() - began)""", "computing", timeout=280)["result"])
    account = (used() - before) / (time.perf_counter() - began)
    print(f"of one processor: {share:.2f} by the process's own clock, {account:.2f} by its group's")
    assert 0 < share < 0.65 and 0 < account < 0.65


def test_more_than_1_gib_is_an_error_for_the_code_that_writes_it(by_default):
    client = by_default.client()
    told = ast.literal_eval(client.ok("""
import errno, os
try:
    for name in ('one', 'two'):  # no file of its own may be as large as all of the disk
        with open(name, 'wb', buffering=0) as f:
            for _ in range(70):
                if f.write(bytes(8 << 20)) < 8 << 20:
                    f.write(b'x')
    told = None
except OSError as e:
    told = errno.errorcode[e.errno]
told, sum(os.path.getsize(name) for name in ('one', 'two')) >> 20""", "writing", timeout=580)["result"])
    assert told[0] == "ENOSPC" and 900 < told[1] <= 1024
    after = client.ok("[os.remove(name) for name in ('one', 'two')]\ntold", "writing")
    assert (after["result"], after["state"]) == ("'ENOSPC'", "kept")
