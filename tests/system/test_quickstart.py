# SPDX-License-Identifier: Apache-2.0
"""The first command of the README, on a copy of deploy/ in which packages, build and image are there already."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request

import pytest

from broker import BINARY, KERNEL_IMAGE, ROOT, until
from test_cli import run

# In the place of the broker: what it was told is written down, what it does is given by the test.
STANDS_IN = """#!/bin/sh
echo "$*" >>"{here}/calls"
case $1 in
image) exit 0 ;;
keys) {keys} ;;
serve) {serve} ;;
esac
"""
# Says just enough for deploy/ready.py.
READY = "exec /usr/bin/python3 -u {here}/ready_server.py \"$@\""
SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked for", self.path, file=sys.stderr)
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: (print("stopping in order", file=sys.stderr), os._exit(0)))
print("a line of the start", file=sys.stderr)
port = int(sys.argv[sys.argv.index("--listen") + 1].rpartition(":")[2])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Run:
    """What it says is read beside it, so that a word that never comes is told and not waited for."""

    def __init__(self, command, env):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        stdin=subprocess.DEVNULL, env=env)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def said(self):
        return "".join(self.lines)

    def until(self, text):
        until(lambda: text in self.said() or not self.reader.is_alive(), text, 60)
        assert text in self.said(), self.said()
        return self.said()

    def end(self, by=None):
        """Its exit status and what it said, after this signal or by itself."""
        if by:
            self.process.send_signal(by)
        status = self.process.wait(60)
        self.reader.join(10)
        return status, self.said()


class Tree:
    def __init__(self, root):
        self.root, self.port, self.state = root, free_port(), root / "state"
        shutil.copytree(ROOT / "deploy", root / "deploy")
        self.broker = root / "build/release/broker/daemon/kernel-broker"
        self.broker.parent.mkdir(parents=True)
        (root / "bin").mkdir()
        self.script(root / "bin/cmake", "#!/bin/sh\necho built >>" + str(root / "calls"))
        self.script(root / "deploy/packages", "#!/bin/sh\n")
        (root / "ready_server.py").write_text(SERVER)

    @staticmethod
    def script(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def stand_in(self, serve, keys="echo '[]'", demo="pass"):
        self.script(self.broker, STANDS_IN.format(here=self.root, keys=keys, serve=serve.format(here=self.root)))
        (self.root / "deploy/demo.py").write_text(demo)

    def real(self):
        """The real one, but for the image, which is there."""
        settings = f"--set image_dir={os.environ['KB_IMAGE_DIR']} --set image={KERNEL_IMAGE}"
        self.script(self.broker, STANDS_IN.format(
            here=self.root, keys=f'exec {BINARY} "$@"', serve=f'exec {BINARY} "$@" {settings}'))

    @contextlib.contextmanager
    def quickstart(self, *words):
        clean = {key: value for key, value in os.environ.items() if not key.startswith("KERNEL_BROKER_")}
        start = Run([self.root / "deploy/quickstart", "--port", str(self.port), *words],
                    {**clean, "KERNEL_BROKER_STATE_DIR": str(self.state), "TMPDIR": str(self.root),
                     "PATH": f"{self.root}/bin:{os.environ['PATH']}"})
        try:
            yield start
        finally:
            if start.process.poll() is None:
                start.process.send_signal(signal.SIGTERM)
                start.process.wait(60)

    def calls(self):
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def served(self):
        return [call for call in self.calls() if call.startswith("serve")]


@pytest.fixture
def tree(tmp_path):
    yield Tree(tmp_path)
    subprocess.run(["umount", "-l", str(tmp_path / "state/workspaces/mounts")], check=False,
                   stderr=subprocess.DEVNULL)


def test_a_busy_port_is_told_before_anything_is_built(tree):
    tree.stand_in(READY)
    with socket.socket() as other:
        other.bind(("127.0.0.1", tree.port))
        other.listen()
        with tree.quickstart() as start:
            status, said = start.end()
    assert status == 1 and f"port {tree.port} on 127.0.0.1 is in use" in said
    assert tree.calls() == []


def test_a_port_that_was_taken_during_the_build_is_told_before_the_start(tree):
    tree.stand_in(READY)
    with socket.socket() as other:
        other.bind(("127.0.0.1", tree.port))
        os.mkfifo(tree.root / "go")
        tree.script(tree.root / "bin/cmake", f"#!/bin/sh\n[ \"$1\" = --build ] || cat {tree.root}/go\n")
        with tree.quickstart() as start:
            start.until("building the broker")
            other.listen()
            (tree.root / "go").write_text("")
            status, said = start.end()
    assert status == 1 and "is in use" in said
    assert tree.served() == []


def test_the_log_is_shown_and_an_interrupt_ends_the_broker_in_order(tree):
    tree.stand_in(READY)
    with tree.quickstart() as start:
        assert "asked for" not in start.until("log from here on")
        urllib.request.urlopen(f"http://127.0.0.1:{tree.port}/this", timeout=60).close()
        start.until("asked for /this")
        status, said = start.end(signal.SIGINT)
    assert status == 130 and "ending the broker" in said and "stopping in order" in said
    assert "ended with" not in said and list(tree.root.glob("tmp.*")) == []
    assert "log_format=readable" in tree.served()[0] and "sandboxes_on_exit=end" in tree.served()[0]


def test_a_broker_that_dies_is_told_with_its_status_and_the_end_of_its_log(tree):
    tree.stand_in("echo $$ >{here}/pid; " + READY)
    with tree.quickstart() as start:
        start.until("log from here on")
        os.kill(int((tree.root / "pid").read_text()), signal.SIGKILL)
        status, said = start.end()
    assert status == 137 and "ended by signal 9 (exit status 137)" in said
    assert "a line of the start" in said and "the next start takes them over" in said


def test_a_broker_that_does_not_start_is_told_at_once(tree):
    tree.stand_in("echo 'a disk that is full' >&2; exit 4")
    with tree.quickstart() as start:
        status, said = start.end()
    assert status == 4 and "ended with exit status 4" in said and "a disk that is full" in said


def test_no_key_is_made_where_none_is(tree):
    tree.stand_in(READY)
    with tree.quickstart() as start:
        assert "X-API-Key" not in start.until("log from here on")
    assert [call.split()[:2] for call in tree.calls() if call.startswith("keys")] == [["keys", "list"]]


def test_what_is_kept_and_what_is_not_is_said(tree):
    done = subprocess.run([tree.root / "deploy/quickstart", "--help"], capture_output=True, text=True, check=True)
    assert "--check" in done.stdout and "/var/lib/kernel-broker" in done.stdout
    assert subprocess.run([tree.root / "deploy/quickstart", "--port", "x"], capture_output=True).returncode == 2


def test_the_demonstration_has_a_key_of_its_own_where_one_was_ever_made(tree):
    tree.real()
    run("keys", "add", "alice", state=tree.state, check=0)
    run("keys", "revoke", "alice", state=tree.state, check=0)
    # As a run leaves it behind that was killed.
    run("keys", "add", "quickstart-demonstration", state=tree.state, check=0)
    with tree.quickstart() as start:
        said = start.until("log from here on")
        assert "the demonstration passed" in said and "X-API-Key" in said
        listed = json.loads(run("keys", "list", "--json", state=tree.state, check=0).stdout)
        assert sorted(key["name"] for key in listed) == ["alice"] + 2 * ["quickstart-demonstration"]
        assert all(key["revoked_at"] for key in listed)
        start.end(signal.SIGINT)
    assert list((tree.state / "sandboxes").iterdir()) == []


def test_the_key_is_taken_back_when_the_demonstration_fails(tree):
    tree.stand_in(READY, keys="test $2 != list || echo '[{}]'; test $2 != add || echo kb_secret",
                  demo="import os, sys; sys.exit(3 if os.environ['DEMO_KEY'] == 'kb_secret' else 4)")
    with tree.quickstart() as start:
        status, said = start.end()
    assert status == 3 and "kb_secret" not in said
    keys = [call.split()[1] for call in tree.calls() if call.startswith("keys")]
    assert keys == ["list", "revoke", "add", "revoke"]
    assert not any("kb_secret" in call for call in tree.calls())
