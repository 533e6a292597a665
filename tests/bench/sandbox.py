# SPDX-License-Identifier: Apache-2.0
"""Sandboxes made by hand: crun on the bundle that the broker wrote for a session of its own, and nothing else.

They are what the broker is compared with, so whatever can be prepared before is prepared before: the
workspace's file system, the directories, the configuration. Root only.
"""
import json
import os
import pathlib
import secrets
import shutil
import subprocess

from broker import BINARY

MONITOR = BINARY.parent.parent / "monitor" / "kernel-broker-monitor"
UNIFIED = "/sys/fs/cgroup/unified"


def runtime_prefix():
    """crun refuses a host that has both kinds of control groups, so it is shown one: as the broker does."""
    return [str(MONITOR), "run", UNIFIED if os.path.isdir(UNIFIED) else "-"]


class HandMade:
    """One sandbox like those of the broker: same image, mounts, limits, options. `run` starts it."""

    def __init__(self, folder, template, cpus, memory_bytes=512 << 20):
        self.name = "bench" + secrets.token_hex(8)
        self.folder = pathlib.Path(folder) / self.name
        self.sockets, self.data, self.bundle = (self.folder / part for part in ("k", "data", "bundle"))
        self.root = pathlib.Path(folder) / "crun"
        self.key = secrets.token_hex(16)
        self.process = None
        config = json.loads(template)
        self.uid = 290_000 + secrets.randbelow(9_000)
        self._make_workspace()
        for directory in (self.sockets, self.bundle):
            directory.mkdir(parents=True)
        self.info = {"transport": "ipc", "ip": "/run/kernel/k", "key": self.key, "signature_scheme": "hmac-sha256",
                     "kernel_name": "", **{f"{channel}_port": number for number, channel in enumerate(
                         ("shell", "iopub", "stdin", "control", "hb"), 1)}}
        (self.sockets / "connection.json").write_text(json.dumps(self.info))
        for path in (self.sockets, self.sockets / "connection.json"):
            os.chown(path, self.uid, self.uid)
        config["process"]["user"].update(uid=self.uid, gid=self.uid)
        config["linux"]["cgroupsPath"] = f"/kernel-broker-bench/{self.name}"
        config["linux"]["resources"].update(
            cpu={"quota": int(cpus * 100_000), "period": 100_000}, pids={"limit": 128},
            memory={"limit": memory_bytes, "swap": memory_bytes})
        for mount in config["mounts"]:
            mount["source"] = {"/run/kernel": str(self.sockets), "/mnt/data": str(self.data)}.get(
                mount["destination"], mount["source"])
        self.config = config

    def _make_workspace(self):
        self.data.mkdir(parents=True)
        image = self.folder / "data.img"
        with open(image, "wb") as file:
            file.truncate(1 << 30)
        subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop,nosuid,nodev", str(image), str(self.data)], check=True)
        os.chown(self.data, self.uid, self.uid)

    def run(self):
        """Starts the container in the foreground of a child; returns at once."""
        (self.bundle / "config.json").write_text(json.dumps(self.config))
        command = [*runtime_prefix(), "/usr/bin/crun", "--root", str(self.root), "run", "--bundle",
                   str(self.bundle), self.name]
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def endpoint(self, channel):
        """Where the host sees a socket of the kernel."""
        return f"ipc://{self.sockets}/k-{self.info[channel + '_port']}"

    def close(self):
        if self.process:
            subprocess.run([*runtime_prefix(), "/usr/bin/crun", "--root", str(self.root), "delete", "--force",
                            self.name], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.process.wait()
        subprocess.run(["umount", str(self.data)], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
