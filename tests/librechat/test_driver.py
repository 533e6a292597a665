# SPDX-License-Identifier: Apache-2.0
"""The driver against a server that only records: which requests the versions of the client send.

Runs where tests/librechat/setup has run: /usr/bin/python3 -m pytest -q tests/librechat
"""
import base64
import http.server
import json
import threading

import pytest

from driver import Driver, versions

SESSION, FILE = "s" * 21, "f" * 21
EXECUTED = {"session_id": SESSION, "stdout": "hello\n", "stderr": "",
            "files": [{"id": FILE, "name": "out.txt", "storage_session_id": SESSION, "session_id": SESSION}]}
ASKED = {"status": "tool_call_required", "continuation_token": "t1", "session_id": SESSION,
         "tool_calls": [{"id": "call_001", "name": "get_weather", "input": {"city": "Basel"}}]}
COMPLETED = {"status": "completed", "session_id": SESSION, "stdout": "21\n", "stderr": "", "files": []}

pytestmark = pytest.mark.skipif(not versions(), reason="tests/librechat/setup has not run")


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers each path with what `server.answers` has, one after the other; the last one stays."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(body) if self.headers["Content-Type"] == "application/json" else body
        self.server.seen.append((self.path, dict(self.headers), body))
        if self.path in self.server.silent:
            self.connection.settimeout(20)
            if self.rfile.read(1) == b"":
                self.server.left.set()
            return
        answers = self.server.answers.get(self.path, [(404, {"error": "nothing here"})])
        status, answer = answers.pop(0) if len(answers) > 1 else answers[0]
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers), None))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    one.daemon_threads = True
    one.seen, one.silent, one.left = [], set(), threading.Event()
    one.answers = {"/v1/exec": [(200, EXECUTED)], "/v1/exec/programmatic": [(200, ASKED), (200, COMPLETED)]}
    threading.Thread(target=one.serve_forever, daemon=True).start()
    yield one
    one.shutdown()
    one.server_close()


@pytest.fixture(params=versions() or ["none"])
def version(request):
    return request.param


@pytest.fixture
def driver(server, version):
    with Driver(version, f"http://127.0.0.1:{server.server_port}/v1", LIBRECHAT_CODE_API_KEY="kb_1") as one:
        yield one


def is_old(version):
    return version.startswith("3.1.")


def bash_or_code(version):
    """The tool of this version that runs one text, and its arguments."""
    if is_old(version):
        return {"factory": "createCodeExecutionTool"}, "execute_code", {"lang": "bash", "code": "echo hello"}
    return {"factory": "createBashExecutionTool"}, "bash_tool", {"command": "echo hello"}


def test_the_installed_version_is_the_pinned_one(driver, version):
    about = driver.ask("about")
    assert about["version"] == version and about["node"].startswith("v24.")
    assert "createCodeExecutionTool" in about["factories"]


def test_one_call_is_one_request(driver, server, version):
    tool, _, args = bash_or_code(version)
    answer = driver.ask("invoke", **tool, args=args, files=[
        {"id": FILE, "resource_id": "r", "storage_session_id": SESSION, "session_id": SESSION, "name": "in.csv",
         "kind": "user"}])
    assert "hello" in answer["content"] and answer["artifact"]["session_id"] == SESSION
    (path, headers, body), = server.seen
    assert path == "/v1/exec" and headers["User-Agent"] == "LibreChat/1.0"
    assert body["lang"] == "bash" and body["code"] == "echo hello" and body["files"][0]["name"] == "in.csv"
    assert ("X-API-Key" in headers) == is_old(version)
    sent, = answer["requests"]
    assert (sent["method"], sent["path"], sent["body"]) == ("POST", path, body)
    assert sent["answer"] == {"status": 200, "body": EXECUTED}


def test_an_answer_of_any_length_comes_whole(driver, server, version):
    server.answers["/v1/exec"] = [(200, {**EXECUTED, "stdout": "x" * 3_000_000})]
    tool, _, args = bash_or_code(version)
    assert len(driver.ask("invoke", **tool, args=args)["content"]) > 3_000_000


def test_a_form_is_sent_as_the_server_of_librechat_does(driver, server):
    server.answers["/v1/upload"] = [(200, {"message": "success"})]
    file = base64.b64encode(b"a,b\n").decode()
    told = driver.ask("send", method="post", url=f"http://127.0.0.1:{server.server_port}/v1/upload", parts=[
        {"name": "kind", "value": "user"}, {"name": "file", "file": file, "filename": "é.csv", "stream": "known"}])
    assert told["status"] == 200 and json.loads(base64.b64decode(told["body"])) == {"message": "success"}
    (_, headers, body), = server.seen
    assert 'name="file"; filename="é.csv"\r\nContent-Type: text/csv\r\n\r\na,b\n\r\n'.encode() in body
    assert headers["Connection"] == "close" and headers["Accept"] == "application/json, text/plain, */*"


def test_an_http_error_is_an_answer(driver, server, version):
    server.answers["/v1/exec"] = [(503, {"error": "busy"})]
    tool, _, args = bash_or_code(version)
    answer = driver.ask("invoke", **tool, args=args)
    assert answer["error"]["message"] and "content" not in answer and len(answer["requests"]) == 1
    assert driver.ask("invoke", factory="createCodeExecutionTool", args={"lang": 7})["requests"] == []


def test_a_conversation_carries_its_files(driver, server, version):
    tool, name, args = bash_or_code(version)
    calls = [{"name": name, "args": args}] * 2
    answer = driver.ask("run", tools=[tool], calls=calls, sessions="a")
    assert [message["status"] for message in answer["messages"]] == ["success"] * 2
    assert answer["sessions"]["execute_code"]["session_id"] == SESSION
    first, second = [body for path, _, body in server.seen if path == "/v1/exec"]
    assert "files" not in first and [ref["id"] for ref in second["files"]] == [FILE]
    assert [len(message["requests"]) for message in answer["messages"]] == [1, 1]
    # The map stays for the next command under the same name, and only there.
    again = driver.ask("run", tools=[tool], calls=calls[:1], sessions="a")
    assert again["messages"][0]["requests"][0]["body"]["files"]
    assert "files" not in driver.ask("run", tools=[tool], calls=calls[:1],
                                     sessions="b")["messages"][0]["requests"][0]["body"]
    seed = {"session_id": SESSION, "files": [{"id": "g" * 21, "name": "seeded", "storage_session_id": SESSION,
                                              "session_id": SESSION, "resource_id": "r", "kind": "user"}]}
    seeded = driver.ask("run", tools=[tool], calls=calls[:1], sessions="c", seed=seed)
    assert seeded["messages"][0]["requests"][0]["body"]["files"][0]["name"] == "seeded"


def test_a_programmatic_call_goes_back_and_forth(driver, server, version):
    answer = driver.ask("invoke", factory="createProgrammaticToolCallingTool",
                        params={"baseUrl": f"http://127.0.0.1:{server.server_port}/v1", "apiKey": "kb_1"},
                        args={"code": "print(await get_weather(city='Basel'))"},
                        tools={"get_weather": {"description": "Weather.", "answer": {"temp": 21}, "parameters": {
                            "type": "object", "properties": {"city": {"type": "string"}}}}})
    assert "21" in answer["content"]
    assert answer["tool_calls"] == [{"name": "get_weather", "input": {"city": "Basel"}}]
    first, second = [body for path, _, body in server.seen]
    assert first["tools"][0]["name"] == "get_weather"
    assert second["continuation_token"] == "t1"
    assert second["tool_results"][0]["call_id"] == "call_001"
    assert second["tool_results"][0]["result"] == {"temp": 21}


def test_a_user_who_gives_up_closes_the_call(driver, server, version):
    if version != "3.9.2":
        pytest.skip("this version does not look at the signal")
    server.silent.add("/v1/exec")
    tool, _, args = bash_or_code(version)
    answer = driver.ask("invoke", **tool, args=args, abort_on_request=1)
    assert answer["error"]["message"] and len(answer["requests"]) == 1
    assert server.left.wait(20)


def test_a_key_in_the_url_is_basic_without_a_colon(server, version):
    if is_old(version):
        pytest.skip("this version sends X-API-Key")
    with Driver(version, f"http://kb_1@127.0.0.1:{server.server_port}/v1") as driver:
        tool, _, args = bash_or_code(version)
        assert "hello" in driver.ask("invoke", **tool, args=args)["content"]
    assert server.seen[0][1]["Authorization"] == "Basic " + base64.b64encode(b"kb_1").decode()
