# SPDX-License-Identifier: Apache-2.0
"""drive.cjs as an object: one process of LibreChat's client, asked in Python.

What `setup` installed must be there; nothing is installed here.
"""
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PLACE = pathlib.Path(os.environ.get("KB_LIBRECHAT_DIR", HERE.parents[1] / "build/librechat"))


def versions():
    """Those that are installed, newest first."""
    done = [path.parent.name.removeprefix("agents-") for path in PLACE.glob("agents-*/complete")]
    return sorted(done, key=lambda text: [int(part) for part in text.split(".")], reverse=True)


class Driver:
    """The client of one version, with its calls going to `base`; `env` is for what else it reads there."""

    def __init__(self, version, base, **env):
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [PLACE / "node/node_modules/.bin/node", HERE / "drive.cjs", PLACE / f"agents-{version}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**kept, "LIBRECHAT_CODE_BASEURL": base, **env})

    def ask(self, do, **command):
        self.process.stdin.write(json.dumps({"do": do, **command}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended with status {self.process.wait()}"
        answer = json.loads(line)
        assert "problem" not in answer, answer["problem"]
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
