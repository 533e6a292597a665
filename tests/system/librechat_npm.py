# SPDX-License-Identifier: Apache-2.0
"""LibreChat's own client, of one version, at a broker: the calls of a model, and what the model is shown.

Every call is noted for a table, which is written where KB_LIBRECHAT_REPORT says. Knows how versions spell a call; what
the broker owes them is in the tests.
"""
import base64
import json
import os
import pathlib
import sys

import pytest

from broker import ROOT

sys.path.append(str(ROOT / "tests/librechat"))
from driver import Driver, versions  # noqa: E402

VERSIONS = ("3.9.2", "3.2.21", "3.1.63")
AGENT = {"User-Agent": "LibreChat/1.0"}
USER = "66f0c0ffee00000000000001"
EMPTY = "stdout: Empty. Ensure you're writing output explicitly."

_report = []


def write_report():
    """A row for each request: who sent what, what came back, what the model was shown."""
    place = os.environ.get("KB_LIBRECHAT_REPORT")
    if place and _report:
        head = "| test | client | sent | got | shown |\n|---|---|---|---|---|\n"
        pathlib.Path(place).write_text(head + "".join(f"| {' | '.join(row)} |\n" for row in _report))


def _cell(value, most=160):
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text if len(text) <= most else text[:most] + "…"
    text = text.replace("\r", "").replace("\n", "⏎").replace("|", "\\|").replace("`", "'")
    return "`" + "".join(c if c.isprintable() else "·" for c in text) + "`" if text else ""


def _credentials(headers):
    words = [name for name in ("x-api-key", "user-id") if name in headers]
    return words + [str(value).strip("[]'").split(" ")[0] for value in [headers.get("authorization")] if value]


def _note(version, told, shown):
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition("::")[2].split("[")[0].removeprefix("test_")
    for index, request in enumerate(told["requests"]):
        with_what = ", ".join(_credentials(request["headers"]))
        sent = f"{request['method']} {request['path']}" + (f" ({with_what})" if with_what else "")
        answer = request.get("answer")
        _report.append([test, version, f"{sent} {_cell(request['body'] or '', 240)}",
                        f"{answer['status']} {_cell(answer['body'] or '', 320)}" if answer else "(none)",
                        _cell(shown, 300) if index == len(told["requests"]) - 1 else ""])


class Npm:
    """One client; `base` is what an operator has in LIBRECHAT_CODE_BASEURL."""

    def __init__(self, version, base, key="unused"):
        assert version in versions(), f"client {version} is not installed: run tests/librechat/setup"
        self.version, self.base, self.key = version, base, key
        # The old generation refuses to work without a key, wherever it goes.
        self.driver = Driver(version, base, **({"LIBRECHAT_CODE_API_KEY": key} if self.old else {}))

    @property
    def old(self):
        """Generation 2: told of new files only, bash is a language of execute_code."""
        return self.version.startswith("3.1.")

    @property
    def newest(self):
        return self.version == VERSIONS[0]

    def _ask(self, do, **command):
        told = self.driver.ask(do, **command)
        for one in told.get("messages", [told]):
            one["shown"] = one["error"]["message"] if "error" in one else one.get("content", "")
            _note(self.version, one, one["shown"])
        return told

    def code(self, code, lang="py", args=None, params=None, **more):
        given = {"lang": lang, "code": code, **({"args": args} if args else {})}
        return self._ask("invoke", factory="createCodeExecutionTool", args=given, params=params or {}, **more)

    def bash_call(self, command, args=None):
        if self.old:
            return "execute_code", {"lang": "bash", "code": command, **({"args": args} if args else {})}
        return "bash_tool", {"command": command, **({"args": args} if args else {})}

    def bash(self, command, args=None, params=None, **more):
        factory = "createCodeExecutionTool" if self.old else "createBashExecutionTool"
        return self._ask("invoke", factory=factory, args=self.bash_call(command, args)[1], params=params or {}, **more)

    def talk(self, *calls, sessions, seed=None):
        """Calls of a conversation: (language, code) each."""
        tools = [{"factory": "createCodeExecutionTool"}]
        if not self.old:
            tools.append({"factory": "createBashExecutionTool"})
        named = [self.bash_call(code) if lang == "bash" else ("execute_code", {"lang": lang, "code": code})
                 for lang, code in calls]
        return self._ask("run", tools=tools, calls=[{"name": name, "args": args} for name, args in named],
                         sessions=sessions, **({"seed": seed} if seed else {}))

    def program(self, code, tools, language="python", args=None, **more):
        factory = "createBashProgrammaticToolCallingTool" if language == "bash" else "createProgrammaticToolCallingTool"
        params = {"baseUrl": self.base, **({"apiKey": self.key} if self.old else {})}
        return self._ask("invoke", factory=factory, params=params, args={"code": code, **(args or {})}, tools=tools,
                         **more)

    # What LibreChat's server asks for itself, with axios and form-data. It joins its base and a path as they are.

    def send(self, method, path, parts=None, headers=None, **more):
        told = self._ask("send", method=method, url=self.base + path, headers={**AGENT, **(headers or {})},
                         **({"parts": parts} if parts else {}), **more)
        told["body"] = base64.b64decode(told["body"])
        told["json"] = json.loads(told["body"]) if told["headers"].get("content-type", "").startswith(
            ("application/json", "application/problem+json")) else None
        return told

    def identity(self, kind="user", resource=USER, version=None):
        """The fields before the file; generation 2 has none for a user."""
        if self.old:
            return [] if kind == "user" else [{"name": "entity_id", "value": resource}]
        fields = [("kind", kind), ("id", resource)] + ([("version", str(version))] if version else [])
        return [{"name": name, "value": value} for name, value in fields]

    def upload(self, name, content, stream="known", headers=None):
        part = {"name": "file", "file": base64.b64encode(content).decode(), "filename": name, "stream": stream}
        return self.send("post", "/upload", [*self.identity(), part], {"User-Id": USER, **(headers or {})})

    def stored(self, name, content):
        """As a reference of this generation."""
        told = self.upload(name, content)
        assert told["status"] == 200 and told["json"]["message"] == "success", told
        return self.ref(told["json"]["files"][0]["fileId"], told["json"]["storage_session_id"], name)

    def ref(self, id, session, name, kind="user", resource=USER, **more):
        if self.old:
            return {"id": id, "session_id": session, "name": name}
        return {"id": id, "resource_id": resource, "storage_session_id": session, "name": name, "kind": kind, **more}

    def scope(self, kind="user", resource=USER):
        return None if self.old else {"kind": kind, "id": resource}

    def download(self, ref):
        return self.send("get", f"/download/{ref.get('storage_session_id', ref.get('session_id'))}/{ref['id']}",
                         params=self.scope())

    # What the model is shown.

    def with_files(self, text, *names):
        """`text` with its last line's end, if the program wrote one, and of files what this version says of them."""
        images = [name for name in names if name.endswith((".png", ".jpg", ".gif"))]
        if not self.old:
            return (f"{text.rstrip()}\n\nGenerated files:\nSession files: {len(names)} persisted file(s) are available in "
                    f"/mnt/data, including {len(images)} image(s). Use known /mnt/data paths directly in later code-tool "
                    "calls. The app displays files/images automatically; do not invent download links or wrap generated "
                    "images in Markdown.")
        lines = [f"- /mnt/data/{name} | " + ("Image is already displayed to the user" if name in images
                                             else "File is already downloaded by the user") for name in names]
        return (f"{text}\nGenerated files:\n" + (", " if len(names) <= 3 else ",\n").join(lines)
                + "\n\nNote: Files from previous executions are automatically available and can be modified.")

    def close(self):
        self.driver.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture(scope="module", autouse=True)
def report():
    yield
    write_report()


@pytest.fixture(scope="module", params=VERSIONS)
def npm(request, shared):
    with Npm(request.param, f"http://127.0.0.1:{shared.port}/v1") as one:
        yield one
