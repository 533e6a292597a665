# SPDX-License-Identifier: Apache-2.0
"""Hosts that lack something: the broker starts, says in one sentence what is missing, and leaves nothing behind.

A fault is made for the broker alone, in a mount namespace of its own or by what it is started with.
"""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

from broker import BINARY, KERNEL_IMAGE, Broker, until

# The host's /dev without loop devices.
HIDE_LOOP_DEVICES = """
mount -t tmpfs tmpfs /mnt
mkdir /mnt/dev
mount -t tmpfs -o mode=755 tmpfs /mnt/dev
for name in null zero full random urandom tty; do
    touch /mnt/dev/$name
    mount --bind /dev/$name /mnt/dev/$name
done
mount --move /mnt/dev /dev
umount /mnt
"""
FREEZE_CONTROL_GROUPS = """
awk '$5 ~ "^/sys/fs/cgroup" {print $5}' /proc/self/mountinfo | while read -r place; do
    mount -o remount,bind,ro "$place"
done
"""
BROKEN_RUNTIME = "#!/bin/sh\ntest -e {folder}/broken && exit 1\nexec crun \"$@\"\n"


def in_namespace(script):
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script + '\nexec "$@"', "sh"]


class Fault:
    """`words` are what must be told; `broker` is what the fault is made of; `mend` is told to make it good."""

    def __init__(self, words, broker, mend=None):
        self.words, self.broker, self.mend = words, broker, mend


def alone(folder):
    """The broker without the program that it starts beside each sandbox."""
    shutil.copy(BINARY, folder)
    monitor = BINARY.parent / "kernel-broker-monitor"
    if not monitor.exists():
        monitor = BINARY.parent.parent / "monitor/kernel-broker-monitor"
    return Fault(["kernel-broker-monitor is missing", "install it"], {"binary": folder / BINARY.name},
                 lambda: shutil.copy(monitor, folder))


def broken_runtime(folder):
    runtime = folder / "crun"
    runtime.write_text(BROKEN_RUNTIME.format(folder=folder))
    runtime.chmod(0o755)
    (folder / "broken").touch()
    return Fault(["crun could not create the sandbox"], {"runtime": runtime}, (folder / "broken").unlink)


def image_without_its_root(folder):
    digest = "0" * 64
    (folder / "names").mkdir()
    (folder / "names" / KERNEL_IMAGE).write_text(digest + "\n")
    return Fault(["image"], {"image_dir": folder})


FAULTS = {
    "no loop devices": lambda _: Fault(["no loop devices", "modprobe loop", "/dev/loop-control", "workspace_quota"],
                                       {"before": in_namespace(HIDE_LOOP_DEVICES)}),
    "control groups that cannot be written": lambda _: Fault(
        ["control group", "Read-only"], {"before": in_namespace(FREEZE_CONTROL_GROUPS)}),
    "no right to mount": lambda _: Fault(["mounting is not allowed here", "CAP_SYS_ADMIN"],
                                         {"before": ["setpriv", "--bounding-set", "-sys_admin"]}),
    "not root": lambda _: Fault(["root"], {"before": ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]}),
    "no monitor": alone,
    "a runtime that fails": broken_runtime,
    "an image without its root": image_without_its_root,
}


@pytest.fixture
def fault(request, tmp_path):
    return FAULTS[request.param](tmp_path)


def left_behind(broker):
    """What there is of this broker beside its own process and files: processes, loop devices, groups, mounts."""
    state, instance = str(broker.state), (broker.state / "instance").read_text().strip()
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != broker.process.pid:
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if state in words and "/stock/" not in words:  # the stock of file systems is refilled at any time
                found.append(words)
    found += [text for text in (path.read_text() for path in pathlib.Path("/sys/block").glob("loop*/loop/backing_file"))
              if state in text]
    found += [top for top, _, _ in os.walk("/sys/fs/cgroup") if instance in top.split("/")[-1]
              or f"/{instance}" in top]
    mounts = pathlib.Path(f"/proc/{broker.process.pid}/mountinfo").read_text().splitlines()
    return found + [line for line in mounts if f"{state}/workspaces/mounts/" in line or f"{state}/probe" in line]


def names_below(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("fault", FAULTS, indirect=True)
def test_the_broker_starts_and_tells_what_the_host_lacks_in_the_same_words_everywhere(fault):
    broker = Broker(**fault.broker)
    state = broker.state
    if "--reuid=65534" in broker.before:
        os.chown(state, 65534, 65534)
    with broker:
        client = broker.client()
        assert client.request("GET", "/healthz").status == 200
        ready, run = client.request("GET", "/readyz"), client.run("1", "asked")
        assert (ready.status, ready.json["code"]) == (503, "not_ready"), ready
        assert run.status == 503 and run.json["code"] in ("runtime_unavailable", "image_unavailable"), run
        for word in fault.words:
            assert word in ready.json["detail"], ready
        assert len(run.json["detail"]) > 20 and run.json["detail"] in ready.json["detail"], (ready, run)
        opened = client.request("POST", "/v1/sessions", {"id": "opened"})
        assert opened.status == 503 and opened.json["detail"] in ready.json["detail"], (ready, opened)
        assert client.request("GET", "/v1/sessions/opened").status == 404
        assert str(state) not in ready.json["detail"] and str(state) not in run.json["detail"]
        told = [line["missing"] for line in broker.log if line["event"] == "not_ready"]
        assert "; ".join(told) == ready.json["detail"]
        client.request("DELETE", "/v1/sessions/asked")
        # A program that is being started bears the broker's own words until it is another.
        until(lambda: not left_behind(broker), lambda: f"nothing left: {left_behind(broker)}", 30)
        assert names_below(state / "sandboxes") == [] and names_below(state / "workspaces/mounts") == []
        assert not [name for name in names_below(state / "workspaces") if name.endswith(".img")]
        if fault.mend:
            fault.mend()
            until(lambda: client.request("GET", "/readyz").status == 200, "it is noticed")
            assert client.ok("1 + 1", "asked")["result"] == "2"


@pytest.mark.parametrize("fault", ["no loop devices", "control groups that cannot be written", "no monitor"],
                         indirect=True)
def test_doctor_finds_what_the_host_lacks(fault, tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    command = [*fault.broker.get("before", []), fault.broker.get("binary", BINARY), "doctor", "--json",
               "--config", "/dev/null", "--state-dir", state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    findings = json.loads(done.stdout)["findings"]
    failed = " ".join(one["text"] + one["mend"] for one in findings if one["level"] == "fail")
    assert done.returncode == 1
    for word in fault.words:
        assert word in failed, failed
    assert names_below(state) == []


def test_without_loop_devices_sessions_run_when_the_operator_gives_up_the_limit_of_disk():
    with Broker(before=in_namespace(HIDE_LOOP_DEVICES), workspace_quota="none") as broker:
        client = broker.client()
        assert client.request("GET", "/readyz").status == 200
        assert client.ok("open('kept', 'w').write('yes'); x = 1", "unlimited")["files"][0]["path"] == "kept"
        assert client.request("GET", "/download/unlimited/kept").body == b"yes"
        assert client.ok("x", "unlimited")["state"] == "kept"
        assert left_behind(broker) != []  # it sees what there is
        assert client.request("DELETE", "/v1/sessions/unlimited").status == 204
        assert left_behind(broker) == []


def test_a_state_directory_that_cannot_be_written_is_refused_at_the_start_with_its_name(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    freeze = f"mount --bind {state} {state}\nmount -o remount,bind,ro {state}"
    broker = Broker(state, before=in_namespace(freeze)).spawn()
    assert broker.process.wait(60) == 1
    told = broker.wait_for("not_started")["err"]
    assert str(state) in told and "Read-only file system" in told
    assert names_below(state) == []


def test_a_kernel_that_cannot_be_started_is_told_and_the_next_one_finds_the_host_mended(tmp_path):
    fault = broken_runtime(tmp_path)
    fault.mend()
    with Broker(**fault.broker) as broker:
        client = broker.client()
        client.ok("x = 1", "living")
        (tmp_path / "broken").touch()
        refused = client.run("1", "late")
        assert (refused.status, refused.json["code"]) == (503, "runtime_unavailable"), refused
        assert "crun could not create the sandbox" in refused.json["detail"]
        assert client.ok("x", "living")["result"] == "1"
        fault.mend()
        answer = client.ok("2", "late")
        assert (answer["result"], answer["state"], answer["generation"]) == ("2", "fresh", 1), answer


def test_a_full_disk_of_the_host_is_told_and_what_runs_is_kept_until_there_is_room_again(tmp_path):
    """The state directory on a small disk of its own, which something else fills."""
    small = in_namespace(f"mount -t tmpfs -o size=400m,mode=700 tmpfs {tmp_path}")
    with Broker(tmp_path, before=small) as broker:
        client = broker.client()
        there = ["nsenter", "--mount", "--target", str(broker.process.pid)]
        client.ok("x = 20", "living")
        subprocess.run([*there, "dd", "if=/dev/zero", f"of={tmp_path}/ballast", "bs=1M"], stderr=subprocess.DEVNULL)
        for session in ("living", "new"):
            full = client.run("x + 1", session)
            assert (full.status, full.json["code"]) == (503, "no_capacity"), full
            assert "disk is full" in full.json["detail"] and full.json["retry_after_s"] > 0
        assert client.request("GET", "/v1/sessions/living").json["status"] == "idle"
        assert client.request("GET", "/v1/sessions/new").status == 404
        subprocess.run([*there, "rm", tmp_path / "ballast"], check=True)
        answer = client.ok("x + 1", "living")
        assert (answer["result"], answer["state"]) == ("21", "kept")
        assert client.ok("1", "new")["state"] == "fresh"
