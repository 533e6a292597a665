# SPDX-License-Identifier: Apache-2.0
"""What is on a host at one moment, and whether it is the same again after a broker did its work.

Never changes anything. What bears the marks of the broker under test must be the same at the first look: an answer
was given for it. The rest is compared for the whole host, foreign things included, and is given time, for others use
the host too.
"""
import collections
import json
import os
import pathlib
import re
import subprocess

from broker import until

MONITOR = "kernel-broker-monitor"
GROUPS = pathlib.Path("/sys/fs/cgroup")
# Where the runtimes that are installed beside the broker keep their containers, one directory each.
FOREIGN_ROOTS = ("run/crun", "run/runc", "run/docker/runtime-*/*", "run/containerd/runc/*")
# Below directories that tests make for themselves (another run of them may be at work on this host), or of the broker
# that is installed on it.
OF_ANOTHER = re.compile(r"/tmp/(?:kb-|kbd-|kernel-broker-test-|pytest-of-)[^/\s]*/"
                        r"|/var/lib/kernel-broker/(?:sandboxes|workspaces)/")
OF_A_RUN = re.compile(r"of-tests-\d+")
THIS_RUN = f"of-tests-{os.getpid()}"  # stands in the names of control groups that tests make
STATES = ("tmp/kb-test-*", "tmp/pytest-of-*/pytest-*/*", "tmp/pytest-of-*/pytest-*/*/*", "var/lib/kernel-broker")


def names(directory):
    return {path.name for path in directory.iterdir()} if directory.is_dir() else set()


def text_of(path):
    """Nothing when it is gone: what is looked at belongs to others, who go on working."""
    try:
        return path.read_bytes().decode(errors="replace").strip()
    except OSError:
        return ""


def counted(lines):
    """Each line with how often it is there: a second mount in one place is a difference."""
    return {line if times == 1 else f"{line} ({times} times)" for line, times in collections.Counter(lines).items()}


def containers(root):
    """With their state: a container that was stopped is not the one that ran."""
    listed = subprocess.run(["crun", "--root", str(root), "list", "--format", "json"], capture_output=True,
                            text=True, check=True).stdout
    return {one["id"]: one["status"] for one in json.loads(listed or "[]") or []}


def mounts():
    """Without the numbers, which say only when something was mounted."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        words = line.split()
        kind, source = words[words.index("-") + 1:][:2]
        yield f"{words[4]} is {words[3]} of {kind} {source}"


def files_on_loop_devices():
    """Of those that show one: the kernel keeps the empty devices for the next to use."""
    return list(filter(None, map(text_of, pathlib.Path("/sys/block").glob("loop*/loop/backing_file"))))


def processes():
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                program = os.path.basename(os.readlink(entry / "exe")).removesuffix(" (deleted)")
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
                yield entry.name, program, words.rstrip("\0").split("\0")
            except OSError:
                continue  # it ended, or is one of the kernel's


def control_groups():
    """Each group, and whether something runs in it or below it."""
    found = {}
    for top, below, _ in os.walk(GROUPS, topdown=False):
        if os.path.exists(f"{top}/cgroup.procs"):
            found[top] = bool(text_of(pathlib.Path(top, "cgroup.procs"))) or any(
                found.get(f"{top}/{name}") for name in below)
    return found


def directories(state):
    """Without what sessions made in their workspaces, and the runtime's own, made with its first container."""
    found = set()
    for top, below, _ in os.walk(state):
        found |= {f"{top}/{name}" for name in below}
        if top == f"{state}/workspaces/mounts":
            below.clear()
    return found - {f"{state}/oci"}


def of_this_installation(broker):
    """Everything a broker may leave on a host, as far as it carries the marks of this one."""
    state, instance = str(broker.state), (broker.state / "instance").read_text().strip()
    return {
        "containers": {f"{name} {status}" for name, status in containers(broker.state / "oci").items()},
        # The stock of file systems is refilled and the host is tried at any time, for nobody's session.
        "processes": {line for line in (" ".join(words) for _, _, words in processes() if "serve" not in words)
                      if state in line and "/stock/" not in line and "/probe/" not in line},
        "mounts": counted(line for line in mounts() if state in line),
        "loop devices": counted(file for file in files_on_loop_devices() if state in file),
        "groups": {group for group in control_groups() if f"/{instance}/" in group},
        "directories": {one for one in directories(state) if not one.startswith(f"{state}/probe")},
        "sandboxes": names(broker.state / "sandboxes"),
        "workspaces": {name for name in names(broker.state / "workspaces") if name.endswith(".img")},
        "results": names(broker.state / "results"),
    }


class Host:
    """The lists of the whole host when it was made, for `is_as_it_was`."""

    def __init__(self, broker):
        self.broker, self.own = broker, of_this_installation(broker)
        self.instance = text_of(broker.state / "instance")
        self.strangers = set()  # marks of other installations, each seen in a state directory of theirs
        self.whole = self._look()

    def is_as_it_was(self, *when):
        """Fails with the name of each thing that is left over or gone."""
        own = of_this_installation(self.broker)
        wrong = {f"{'left' if one in own[kind] else 'gone'}: {kind}: {one}"
                 for kind, before in self.own.items() for one in own[kind] ^ before}
        assert not wrong, (*when, sorted(wrong))
        # Others come and go in the meantime; what was left over or taken away stays so at every look.
        wrong = self._differences()

        def none_stays():
            wrong.intersection_update(self._differences() if wrong else ())
            return not wrong

        try:
            until(none_stays, "the host as it was", 30)
        except AssertionError as never:
            raise AssertionError((*when, str(never), sorted(wrong))) from None

    def _differences(self):
        now = self._look()
        changed = {("left" if one in now else "gone", *one) for one in now.keys() ^ self.whole.keys()}
        return {f"{how}: {kind}: {name}" for how, kind, name in changed
                if not self._is_anothers(kind, name) and not self._is_busy_elsewhere(how, kind, name, now)}

    def _look(self):
        """As {(kind, name): of it something runs}."""
        for folder in STATES:
            self.strangers |= set(map(text_of, pathlib.Path("/").glob(f"{folder}/instance")))
        self.strangers -= {"", self.instance}
        whole = {("mount", line): False for line in counted(mounts())}
        whole |= {("loop device", file): False for file in counted(files_on_loop_devices())}
        whole |= {("monitor", f"{pid} {' '.join(words)}"): True for pid, program, words in processes()
                  if program == MONITOR}
        whole |= {("group", group): runs for group, runs in control_groups().items()}
        whole |= {("directory", one): False for one in directories(self.broker.state)}
        for root in FOREIGN_ROOTS:
            whole |= {("container", str(one)): True for one in pathlib.Path("/").glob(f"{root}/*")}
        return whole

    def _is_anothers(self, kind, name):
        """Of another broker, provably: what this one makes is in its own state directory and its own groups, so what is
        in a directory that another run of tests made, or has that run's mark, or that of an installation with a state
        directory of its own, was made there. Nothing else is left out for its name."""
        if str(self.broker.state) in name:
            return False
        if kind == "group":
            return (any(word.removesuffix("-probe") in self.strangers for word in name.split("/"))
                    or any(run != THIS_RUN for run in OF_A_RUN.findall(name)))
        return bool(OF_ANOTHER.search(name))

    def _is_busy_elsewhere(self, how, kind, name, now):
        """Groups that the host's other programs make for what they run, and remove when it has ended. One that is left
        over has nothing in it: a process of ours would be told with the processes, with its group below our mark. What
        a broker could take away is below the group that all brokers share."""
        if kind != "group" or f"/{self.instance}" in name:
            return False
        runs = now.get((kind, name), False) or self.whole.get((kind, name), False)
        return runs or (how == "gone" and "/kernel-broker/" not in name)
