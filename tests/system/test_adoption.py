# SPDX-License-Identifier: Apache-2.0
"""The broker is killed at the worst moments: sessions live on, every loss is told, nothing is left over."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading

import pytest

from broker import Broker, kernel_image, until
from leftovers import THIS_RUN, Host, containers, of_this_installation, processes

# In the order in which a session meets them.
STEPS = ["workspace_mounted", "row_written", "bundle_written", "created", "started", "first_socket", "ready",
         "sent", "replied", "ended", "deleting"]
# Kernels live by then: what was acknowledged before is there afterwards.
WITH_A_KERNEL = ("sent", "replied", "ended")
CUT_OFF = (http.client.HTTPException, OSError)


def rows(broker, query):
    with sqlite3.connect(f"file:{broker.state}/broker.db?mode=ro", uri=True) as table:
        return table.execute(query).fetchall()


def in_background(work, *arguments):
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    return thread


def cut_off(broker, code, name, timeout=300):
    """A request of which the broker does not live to see the end."""
    try:
        client = broker.client()
        client.run(code, name, timeout=timeout)
    except CUT_OFF:
        pass


def test_a_kill_in_the_middle_of_many_sessions_work_loses_no_variable(request):
    many = 30 if request.config.getoption("--long") else 10
    with Broker(timeout_s=300) as broker:
        before = Host(broker)
        client = broker.client()
        for i in range(many):
            client.ok(f"mine, counted = {i * 7}, 0", f"s{i}")
        acknowledged = [0] * many

        def work(i):
            own = broker.client()
            try:
                while True:
                    acknowledged[i] = int(own.ok("counted += 1\ncounted", f"s{i}")["result"])
            except CUT_OFF:
                pass

        threads = [in_background(work, i) for i in range(many)]
        until(lambda: sum(acknowledged) >= 3 * many, "all are in the middle of their work", 300)
        broker.kill()
        for thread in threads:
            thread.join()
        broker.start()
        client = broker.client()
        for i in range(many):
            answer = client.ok("(mine, counted)", f"s{i}")
            assert (answer["state"], answer["generation"]) == ("kept", 1), answer
            mine, counted = eval(answer["result"])
            # What was cut off may have run once, and never twice.
            assert mine == i * 7 and counted - acknowledged[i] in (0, 1), (i, acknowledged[i], answer)
        broker.delete_sessions()
        before.is_as_it_was()


def test_a_cell_that_runs_through_the_end_of_its_broker_is_heard_by_the_next(tmp_path):
    with Broker(timeout_s=300) as broker:
        client = broker.client()
        client.ok("import os, time; x = 1", "busy")
        code = ("open('running', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.05)\nx += 1\n"
                "print('heard')")
        thread = in_background(cut_off, broker, code, "busy")
        until(lambda: client.request("GET", "/download/busy/running").status == 200, "it runs")
        broker.kill()
        thread.join()
        broker.start()
        client = broker.client()
        assert client.request("GET", "/v1/sessions/busy").json["status"] == "busy"
        answers = []
        waiting = in_background(lambda: answers.append(broker.client().ok("x", "busy")))
        until(lambda: client.request("GET", "/v1/sessions/busy").json["queue_length"] == 1, "the next waits")
        assert client.request("PUT", "/v1/sessions/busy/files/go", b"").status == 201
        waiting.join()
        assert (answers[0]["result"], answers[0]["state"], answers[0]["generation"]) == ("2", "kept", 1)
        assert answers[0]["stdout"] == ""
        all_of_it = client.request("GET", "/v1/sessions/busy/executions").json["executions"]
        assert [one["outcome"] for one in all_of_it] == ["ok", "ok", "ok"]
        assert [one["output_incomplete"] for one in all_of_it] == [False, True, False]
        heard = client.request("GET", f"/v1/executions/{all_of_it[1]['id']}").json
        assert (heard["stdout"], heard["exit_code"], heard["variables_kept"]) == ("heard\n", 0, True)


def test_a_cell_that_ended_while_no_broker_was_there_is_unknown(tmp_path):
    with Broker() as broker:
        client = broker.client()
        client.ok("import os, time; x = 1", "away")
        code = ("print('before', flush=True)\nopen('runs-alone', 'w').close()\n"
                "while not os.path.exists('go'): time.sleep(0.05)\nx += 1\nopen('done', 'w').close()")
        thread = in_background(cut_off, broker, code, "away")
        until(lambda: client.request("GET", "/download/away/runs-alone").status == 200, "it runs")
        # As the processes of the sandbox see it: the mount is in a namespace of its own.
        workspace = next(pathlib.Path("/proc").glob("[0-9]*/root/mnt/data/runs-alone")).parent
        until(lambda: any(b"before" in log.read_bytes() for log in (broker.state / "results").glob("*.events")),
              "its first word is kept")
        broker.kill()
        thread.join()
        (workspace / "go").touch()
        until(lambda: (workspace / "done").exists(), "it ends")
        broker.start()
        client = broker.client()
        assert client.ok("x", "away")["result"] == "2"
        one = client.request("GET", "/v1/sessions/away/executions").json["executions"][1]
        assert (one["outcome"], one["exit_code"], one["output_incomplete"]) == ("unknown", None, True)
        assert client.request("GET", f"/v1/executions/{one['id']}").json["stdout"] == "before\n"


SLEEPS = "open('running', 'w').close()\ntime.sleep(900)"
STUBBORN = "open('running', 'w').close()\nwhile True:\n  try: time.sleep(1)\n  except KeyboardInterrupt: pass"


@pytest.mark.parametrize("code, grace_s, told", [(SLEEPS, 60, ("kept", None)),
                                                 (STUBBORN, 1, ("restarted", "timeout_kill"))])
def test_the_time_limit_of_a_cell_holds_for_the_broker_that_adopts_it(code, grace_s, told):
    with Broker(interrupt_grace_s=grace_s) as broker:
        client = broker.client()
        client.ok("import time; x = 1", "busy")
        thread = in_background(cut_off, broker, code, "busy", 8)
        until(lambda: client.request("GET", "/download/busy/running").status == 200, "it runs")
        broker.kill()
        thread.join()
        broker.start()
        answer = broker.client().ok("globals().get('x')", "busy")
        assert (answer["state"], answer["state_reason"]) == told
        assert answer["result"] == ("1" if told[0] == "kept" else None)
        outcomes = [row[0] for row in rows(broker, "SELECT outcome FROM execution ORDER BY number")]
        assert outcomes == ["ok", "timeout", "ok"]


def test_a_sandbox_without_a_row_is_removed_with_its_files():
    with Broker() as broker:
        before = Host(broker)
        broker.client().ok("x = 1", "forgotten")
        broker.kill()
        with sqlite3.connect(f"{broker.state}/broker.db") as table:
            table.execute("PRAGMA foreign_keys = ON")
            table.execute("DELETE FROM session")
        table.close()
        broker.start()
        before.is_as_it_was()
        assert broker.client().ok("'x' in globals()", "forgotten")["state"] == "fresh"


def one_life(broker, name, acknowledged):
    """A session from its first call to its deletion; what was answered stands in `acknowledged`."""
    client = broker.client()
    try:
        for _ in range(3):
            answer = client.ok("x = globals().get('x', 0) + 1\nx", name)
            acknowledged[name] = int(answer["result"])
        acknowledged[name] = None  # from here on it may be gone
        client.request("DELETE", f"/v1/sessions/{name}")
    except CUT_OFF:
        pass


def kill_at(broker, step, count):
    """Lives of sessions, until the broker died at that step; what was acknowledged by then."""
    broker.env = {"KERNEL_BROKER_CRASH_AT": f"{step}:{count}"}
    broker.spawn()
    acknowledged = {}
    try:
        broker.wait_for("ready")
    except AssertionError:
        pass  # the trial of the runtime at start reaches some steps too
    finally:
        broker.env = {}
    for i in range(2 * count + 2):
        if broker.process.poll() is None:
            one_life(broker, f"life-{i}", acknowledged)
    try:
        # Connections break off a moment before the process has ended.
        assert broker.process.wait(60) == -signal.SIGKILL, broker.log[-3:]
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{step} was not reached {count} times") from None
    return acknowledged


def truth_after(client, name, acknowledged, step):
    answer = client.ok("globals().get('x')", name)
    if acknowledged and step in WITH_A_KERNEL:
        assert answer["state"] == "kept", (step, name, acknowledged, answer)
    told, value = (answer["state"], answer["state_reason"]), answer["result"]
    if answer["state"] == "kept":
        # A first cell that was cut off may not have run; no cell has run twice.
        if acknowledged is not None:
            assert int(value or 0) - acknowledged in (0, 1), (name, acknowledged, answer)
    elif answer["state"] == "fresh":
        assert not acknowledged and value is None, (name, acknowledged, answer)
    else:
        assert told[0] == "restarted" and told[1] and value is None, answer


@pytest.fixture(scope="module")
def killed(foreign):
    broker = Broker(timeout_s=300)
    with broker, foreign_container(foreign, broker):
        broker.client().ok("1", "first")  # what is made once and stays is there
        broker.delete_sessions()
        yield broker


@pytest.mark.parametrize("step", STEPS)
def test_after_a_kill_at_this_step_variables_are_there_or_their_loss_is_told(killed, step, request):
    # Once in each run, so that no step is lost unseen; the others differ in when the step is reached.
    rounds = range(20 if request.config.getoption("--long") else 1)
    before = Host(killed)
    at_start = {"bundle_written": 1, "created": 1}.get(step, 0)
    for i in rounds:
        killed.stop()
        acknowledged = kill_at(killed, step, 1 + i % 3 + at_start)
        killed.start()
        client = killed.client()
        for name in acknowledged.keys() | {"life-0", "life-1"}:
            truth_after(client, name, acknowledged.get(name, 0), step)
        killed.delete_sessions()
        before.is_as_it_was(step, i)


@pytest.fixture(scope="module")
def foreign():
    """A container beside the broker's, and control groups of another installation and of no broker."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kb-foreign-"))
    config = {
        "ociVersion": "1.0.0", "root": {"path": str(kernel_image() / "rootfs"), "readonly": True},
        "process": {"user": {"uid": 65534, "gid": 65534}, "args": ["/bin/sleep", "1000"], "cwd": "/",
                    "noNewPrivileges": True, "env": ["PATH=/usr/bin:/bin"]},
        # A /dev of its own: without one the runtime would make devices in the image.
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "network", "ipc", "uts")]}}
    (folder / "config.json").write_text(json.dumps(config))
    top = next(path for path in (pathlib.Path("/sys/fs/cgroup/pids"), pathlib.Path("/sys/fs/cgroup")) if path.is_dir())
    groups = top / f"kernel-broker/another-{THIS_RUN}/its-session", top / f"another-program-{THIS_RUN}"
    for group in groups:
        group.mkdir(parents=True)
    yield folder, groups
    for group in (groups[0], groups[0].parent, groups[1]):
        if group.is_dir():  # a broker that fails its test has taken it away
            group.rmdir()
    shutil.rmtree(folder)


@contextlib.contextmanager
def foreign_container(foreign, broker):
    """It runs under the broker's own runtime, and must be left alone all the same."""
    folder, groups = foreign
    # crun refuses a host with both kinds of control groups, so it is shown one.
    one_kind = "if test -d $0; then mount -t tmpfs none $0; fi; exec \"$@\""
    crun = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", one_kind, "/sys/fs/cgroup/unified",
            "crun", "--cgroup-manager=disabled", "--root", str(broker.state / "oci")]
    with open(os.devnull, "w") as nothing:
        subprocess.run([*crun, "run", "--detach", "--bundle", str(folder), "not-ours"], check=True,
                       stdin=nothing, stdout=nothing, stderr=nothing)
    until(lambda: not any(program == "crun" and "not-ours" in words for _, program, words in processes()),
          "its first process is its own program")
    try:
        yield
        state = json.loads(subprocess.run([*crun, "state", "not-ours"], capture_output=True, text=True,
                                          check=True).stdout)
        assert state["status"] == "running" and all(group.is_dir() for group in groups)
    finally:
        subprocess.run([*crun, "delete", "--force", "not-ours"], check=True)


def test_containers_and_groups_that_are_not_ours_are_left_alone(foreign):
    with Broker() as broker, foreign_container(foreign, broker):
        before = Host(broker)
        broker.client().ok("x = 1", "one")
        broker.kill()
        broker.start()
        assert broker.client().ok("x", "one")["state"] == "kept"
        broker.delete_sessions()
        before.is_as_it_was()


def test_a_stopped_broker_leaves_its_sandboxes_and_the_next_takes_them_over():
    with Broker() as broker:
        broker.client().ok("x = 5", "kept")
        running = Host(broker)
        assert broker.stop() == 0
        running.is_as_it_was()
        broker.start()
        answer = broker.client().ok("x", "kept")
        assert (answer["result"], answer["state"], answer["generation"]) == ("5", "kept", 1)


def test_a_broker_told_to_end_its_sandboxes_says_so_to_the_next_call():
    with Broker(sandboxes_on_exit="end") as broker:
        broker.client().ok("x = 5; open('f', 'w').write('here')", "ended")
        assert broker.stop() == 0
        left = of_this_installation(broker)
        for kind in ("containers", "processes", "loop devices", "sandboxes"):
            assert left[kind] == set(), (kind, left)
        broker.start()
        answer = broker.client().ok("'x' in globals(), open('f').read()", "ended")
        assert (answer["state"], answer["state_reason"]) == ("restarted", "restart_requested")
        assert answer["result"] == "(False, 'here')"


def test_sessions_outlive_a_change_of_what_carries_their_messages():
    with Broker(kernel_link="libzmq") as broker:
        client = broker.client()
        assert client.ok("x = 5; print('a' * 3_000_000)", "both")["stdout"] == "a" * 3_000_000 + "\n"
        assert client.run("import os; os._exit(7)", "short").json["exit_code"] == 7
        for carrier in ("zmtp", "libzmq"):
            assert broker.stop() == 0
            broker.settings["kernel_link"] = carrier
            broker.start()
            answer = broker.client().ok("x += 1; x", "both")
            assert (answer["state"], answer["generation"]) == ("kept", 1)
        assert answer["result"] == "7"


def test_what_died_while_no_broker_ran_is_told():
    with Broker() as broker:
        broker.client().ok("x = 5", "died")
        broker.kill()
        for identity in containers(broker.state / "oci"):
            subprocess.run(["crun", "--root", str(broker.state / "oci"), "kill", identity, "KILL"], check=True)
        broker.start()
        answer = broker.client().ok("'x' in globals()", "died")
        assert (answer["state"], answer["result"]) == ("restarted", "False")
        assert answer["state_reason"] in ("crash", "runtime_lost") and answer["generation"] == 2
