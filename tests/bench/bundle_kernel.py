# SPDX-License-Identifier: Apache-2.0
"""The kernelspec's command: a Jupyter server's kernel in the bundle of a hand-made sandbox.

usage: bundle_kernel.py FOLDER TEMPLATE CPUS MEMORY_BYTES CONNECTION_FILE

The server and the kernel find the sockets under one path, so the server's runtime directory is mounted
into the container where it is on the host (below /tmp, which is a tmpfs in there).
"""
import os
import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from sandbox import HandMade  # noqa: E402


def main():
    folder, template, cpus, memory_bytes, connection_file = sys.argv[1:]
    sandbox = HandMade(folder, pathlib.Path(template).read_text(), float(cpus), int(memory_bytes))
    directory = os.path.dirname(connection_file)
    os.chown(connection_file, sandbox.uid, sandbox.uid)
    os.chmod(directory, 0o777)
    arguments = sandbox.config["process"]["args"]
    arguments[arguments.index("-f") + 1] = connection_file
    sandbox.config["mounts"].append({"destination": directory, "type": "bind", "source": directory,
                                     "options": ["bind", "rw", "nosuid", "nodev", "noexec"]})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with sandbox:
        sandbox.run().process.wait()


main()
