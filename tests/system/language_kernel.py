# SPDX-License-Identifier: Apache-2.0
"""A language kernel under test: started as a plain process with sockets in a directory of its own, and spoken to by
Jupyter's own client. Nothing here knows more of it than its command line."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import uuid

import zmq
from jupyter_client import BlockingKernelClient

from broker import ROOT

KERNEL = pathlib.Path(os.environ.get("KB_LANGUAGE_KERNEL", ROOT / "build/release/images/language-kernel/language-kernel"))
PATIENCE = 60  # seconds; the first build of a compiler that caches its library takes long


def table():
    """Language -> alternatives, each a list of programs, as the kernel's table has them."""
    said = subprocess.run([KERNEL, "--languages"], check=True, capture_output=True, text=True).stdout
    rows = (line.split("\t") for line in said.splitlines())
    return {name: [each.split(",") for each in tools.split("|")] for name, tools in rows}


def is_served(alternatives):
    return any(all(shutil.which(tool) for tool in tools) for tools in alternatives)


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ready(channel, milliseconds=0):
    """The channel's own way to ask wants an event loop."""
    return zmq.Socket.shadow(channel.socket.underlying).poll(milliseconds)


class Ended:
    """What a cell was, once its reply and its idle are there."""

    def __init__(self, reply, messages):
        self.reply = reply["content"]
        self.messages = messages
        self.status = self.reply["status"]
        self.error = (self.reply.get("ename"), self.reply.get("evalue"))
        self.stdout, self.stderr = self.text("stdout"), self.text("stderr")

    def of_type(self, name):
        return [message["content"] for message in self.messages if message["msg_type"] == name]

    def text(self, stream):
        return "".join(each["text"] for each in self.of_type("stream") if each["name"] == stream)


class Kernel:
    def __init__(self, language, **environment):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="kb-lk-"))
        self.workspace = self.directory / "workspace"
        self.temporary = self.directory / "tmp"
        self.workspace.mkdir()
        self.temporary.mkdir()
        self.file = self.directory / "connection.json"
        self.file.write_text(json.dumps({
            "transport": "ipc", "ip": f"{self.directory}/k", "shell_port": 1, "iopub_port": 2, "stdin_port": 3,
            "control_port": 4, "hb_port": 5, "key": uuid.uuid4().hex, "signature_scheme": "hmac-sha256",
            "kernel_name": language}))
        self.process = subprocess.Popen([KERNEL, "--language", language, "-f", self.file], cwd=self.workspace,
                                        env={**os.environ, "TMPDIR": str(self.temporary), **environment})
        self.client = BlockingKernelClient(connection_file=str(self.file))
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_channels()
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory)

    def run(self, code, *, argv=None, on_text=None, answers=None):
        """Runs a cell to its end; `on_text` hears the text of each stream message as it comes."""
        messages = []
        answers = list(answers or [])

        def hear(message):
            messages.append(message)
            if on_text and message["msg_type"] == "stream":
                on_text(message["content"]["text"])

        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": bool(answers), "stop_on_error": False}
        if argv is not None:
            content["argv"] = argv
        message = self.client.session.msg("execute_request", content)
        self.client.shell_channel.send(message)
        reply = idle = None
        while reply is None or not idle:
            if answers and ready(self.client.stdin_channel):
                asked = self.client.get_stdin_msg(timeout=PATIENCE)
                assert asked["msg_type"] == "input_request"
                self.client.input(answers.pop(0))
            if ready(self.client.shell_channel):
                reply = self.client.get_shell_msg(timeout=PATIENCE)
                assert reply["parent_header"]["msg_id"] == message["header"]["msg_id"]
            if ready(self.client.iopub_channel, 10):
                heard = self.client.get_iopub_msg(timeout=PATIENCE)
                if heard["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                    hear(heard)
                    idle = heard["msg_type"] == "status" and heard["content"]["execution_state"] == "idle"
        return Ended(reply, messages)

    def control(self, kind, **content):
        message = self.client.session.msg(kind, content)
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=PATIENCE)
            if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
                return reply["content"]

    def interrupt(self):
        assert self.control("interrupt_request") == {"status": "ok"}
