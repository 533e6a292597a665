# SPDX-License-Identifier: Apache-2.0
"""LibreChat's own client, in the versions that differ on the wire, against a real broker: what its model is shown.

Needs tests/librechat/setup. KB_LIBRECHAT_REPORT=FILE writes what each call sent and got, as a table.
"""
import json
import re

import pytest

from broker import Broker, until
from librechat import ID
from librechat_npm import EMPTY, VERSIONS, Npm, npm, report  # noqa: F401 - fixtures
from test_cli import run
from test_jwt import ED, keys, token  # noqa: F401

pytestmark = pytest.mark.long
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = {"get_weather": {"answer": {"temp": 21}, "parameters": CITY},
           "broken": {"error": "no such city"}}


@pytest.fixture(scope="module")
def keyed():
    """A broker that asks for keys, with room for one session."""
    broker = Broker(max_sessions_per_tenant=1)
    broker.key = run("keys", "add", "chat", state=broker.state, check=0).stdout.strip()
    broker.headers = {"X-API-Key": broker.key}
    with broker:
        yield broker


def answer_to(told):
    return told["requests"][-1]["answer"]["body"]


def sent_by(told):
    return told["requests"][-1]["body"]


def refused(npm, status, newest, said=""):
    """What a model is shown of an answer that is not 200; `said` is what the broker's own text has."""
    if npm.newest:
        return f"Execution error:\n\n{newest}"
    if npm.old:
        return f"Execution error:\n\nHTTP error! status: {status}"
    begin = f'Execution error:\n\nCodeAPI request failed: POST {npm.base}/exec returned {status}, body: {{"error":'
    return re.compile(re.escape(begin) + ".*" + re.escape(said), re.S)


def assert_shown(told, expected):
    assert expected.match(told["shown"]) if isinstance(expected, re.Pattern) else told["shown"] == expected, told["shown"]


def no_sessions(broker):
    client = broker.client()
    # Well before any time limit.
    until(lambda: client.request("GET", "/v1/sessions").json["sessions"] == [], "no run is left", 10)


# Programs and their output.

def test_the_model_is_shown_what_a_program_prints(npm):
    assert npm.code("print('hé 表')")["shown"] == "stdout:\nhé 表"
    assert npm.bash("echo out; echo err >&2")["shown"] == "stdout:\nout\n\nstderr:\nerr"
    told = npm.code("import sys; print(sys.argv[1:])", args=["one two", "$HOME"])
    assert told["shown"] == "stdout:\n['one two', '$HOME']" and sent_by(told)["args"] == ["one two", "$HOME"]
    assert npm.bash("printf '%s|' \"$@\"", args=["one two", "é"])["shown"] == "stdout:\none two|é|"
    assert sorted(npm.code("pass")["artifact"]) == (["deleted_files", "session_id"] if npm.newest else ["session_id"])
    assert ID.fullmatch(npm.code("pass")["artifact"]["session_id"])


def test_no_output_is_told_as_such(npm):
    for told in (npm.code("x = 1"), npm.bash("true")):
        assert told["shown"] == EMPTY and (answer_to(told)["stdout"], answer_to(told)["stderr"]) == ("", "")


def test_a_program_that_fails_shows_why_and_nothing_else(npm):
    told = npm.code("print('begun')\n1/0")
    shown = re.sub(r"/tmp/[^\"]*/", "", told["shown"])
    assert shown == ('stdout:\nbegun\n\nstderr:\nTraceback (most recent call last):\n  File "main.py", line 2, in <module>\n'
                     "    1/0\n    ~^~\nZeroDivisionError: division by zero")
    assert told["status"] == "success" and answer_to(told)["code"] == 1
    assert npm.code("import sys; sys.exit(3)")["shown"] == EMPTY
    # The end of a shell is no news to who gets a new one with each call.
    for code, status in (("exit 3", 3), ("exit 0", 0), ("set -e; false; echo never", 1)):
        told = npm.bash(code)
        assert (told["shown"], answer_to(told)["code"]) == (EMPTY, status)
    assert npm.bash("printf bad >&2; exit 2")["shown"] == f"{EMPTY}\nstderr:\nbad"
    assert npm.bash("surely_not_there")["shown"].endswith("surely_not_there: command not found")
    assert npm.bash("kill -SEGV $$")["shown"].startswith(f"{EMPTY}\nstderr:\nkernel-broker: ")


def test_a_time_limit_is_told(npm):
    told = npm.bash("echo begun; sleep 60", params={"timeout": 700})
    assert told["shown"] == "stdout:\nbegun\n\nstderr:\nkernel-broker: the time limit of 0.7 s was reached"
    assert answer_to(told)["status"] == "TO"
    told = npm.code("print('begun', flush=True)\nimport time; time.sleep(60)", params={"timeout": 700})
    assert told["shown"].startswith("stdout:\nbegun\n\nstderr:\n")
    assert told["shown"].endswith("KeyboardInterrupt\nkernel-broker: the time limit of 0.7 s was reached")


def test_a_death_of_memory_is_told(npm):
    eats = "x = bytearray(3 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1"
    words = "a process of it was killed: the session used more memory than its limit allows"
    assert npm.code(eats)["shown"] == f"{EMPTY}\nstderr:\nkernel-broker: {words}"
    told = npm.bash(f"echo begun\npython3 - <<'EOF'\n{eats}\nEOF")
    assert told["shown"].startswith("stdout:\nbegun\n\nstderr:\n") and told["shown"].endswith(words)


def test_much_output_is_cut_in_the_middle(npm):
    told = npm.bash("seq 400000")
    text = answer_to(told)["stdout"]
    assert answer_to(told)["status"] == "OL" and text.startswith("1\n2\n") and text.endswith("399999\n400000\n")
    assert len(text) < (1 << 20) + 100 and "bytes left out ...]" in text
    assert told["shown"].endswith("stderr:\nstdout was cut. Print less, or write to a file.")


def test_languages_that_are_none_and_that_the_image_lacks(npm):
    unknown = npm.code("x", "zz")
    assert unknown["shown"] == "Received tool input did not match expected schema" and unknown["requests"] == []
    rejected = "The code execution request was rejected. Please check the tool input and try again."
    lacking = npm.code("package main", "go")
    assert_shown(lacking, refused(npm, 400, rejected, "Unsupported language: go (this image has: "))
    # Past the schema of the client, as LibreChat's "Run Code" may come.
    told = npm.send("post", "/exec", json={"lang": "zz", "code": "x"})
    assert told["status"] == 400 and told["json"]["error"] == "Unsupported language: zz"


def test_python_in_a_heredoc_of_bash(npm):
    told = npm.bash("python3 - <<'EOF'\nimport json\nprint(json.dumps({'a': \"it's\"}))\nEOF\necho \"$PWD $HOME\"")
    assert told["shown"] == 'stdout:\n{"a": "it\'s"}\n/mnt/data /mnt/data'


# Files from call to call.

def test_files_are_carried_from_call_to_call_and_from_language_to_language(npm):
    told = npm.talk(
        ("py", "import os; os.makedirs('out/deep')\nopen('out/deep/x.txt', 'w').write('x'); open('data.csv', 'w').write('a\\n')"),
        ("bash", "cat data.csv out/deep/x.txt; echo b >> data.csv; rm out/deep/x.txt"),
        ("py", "import os; print(open('data.csv').read().split(), sorted(os.listdir()))"), sessions="carry")
    first, second, third = told["messages"]
    assert first["shown"] == npm.with_files(EMPTY, "data.csv", "out/deep/x.txt")
    assert second["shown"] == npm.with_files("stdout:\na\nx", "data.csv")
    made = {file["name"]: file for file in answer_to(first)["files"]}
    # All known files are sent again, each under the session that it came from.
    session = "session_id" if npm.old else "storage_session_id"
    assert [(ref["id"], ref[session]) for ref in sent_by(second)["files"]] == [
        (made[name]["id"], answer_to(first)["session_id"]) for name in ("data.csv", "out/deep/x.txt")]
    edited, = answer_to(second)["files"]
    assert edited["id"] != made["data.csv"]["id"] and edited["storage_session_id"] == edited["session_id"]
    assert ("modified_from" in edited) == (not npm.old) and answer_to(second)["deleted_files"] == ["out/deep/x.txt"]
    # Only the newest client knows that files are deleted; the others go on naming them.
    there = ["data.csv"] if npm.newest else ["data.csv", "out"]
    assert third["shown"] == f"stdout:\n['a', 'b'] {there}"
    inherited = {file["name"] for file in answer_to(third)["files"] if file.get("inherited")}
    assert inherited == (set() if npm.old else {"data.csv"} if npm.newest else {"data.csv", "out/deep/x.txt"})
    kept = {file["name"]: file["id"] for file in told["sessions"]["execute_code"]["files"]}
    assert kept["data.csv"] == edited["id"] and ("out/deep/x.txt" in kept) != npm.newest


def test_agents_with_stateful_sessions_keep_what_each_language_has(shared):
    """Those of the newest client: a hint of its own goes with every call."""
    with Npm(VERSIONS[0], f"http://127.0.0.1:{shared.port}/v1") as npm:
        of = {"params": {"statefulSessions": True, "runtimeSessionHint": "v2:conversation:00c0ffee00c0ffee00c0ffee00c0ffee"}}
        first = npm.code("x = 41\nopen('by_python', 'w').write('p')\nprint('set')", **of)
        assert first["artifact"]["runtime_status"] == "new" and ID.fullmatch(first["artifact"]["runtime_session_id"])
        assert npm.code("x += 1; print(x)", **of)["shown"].startswith("stdout:\n42")
        # No reference is sent: the file is there.
        shell = npm.bash("cat by_python; v=1; mkdir sub; cd sub", **of)
        assert shell["shown"].startswith("stdout:\np") and sent_by(shell).get("files", []) == []
        assert shell["artifact"]["runtime_session_id"] == first["artifact"]["runtime_session_id"]
        told = npm.bash("echo $v $PWD", **of)
        assert told["shown"].startswith("stdout:\n1 /mnt/data/sub") and told["artifact"]["runtime_status"] == "reused"
        assert npm.code("print(x)", **of)["shown"].startswith("stdout:\n42")
        assert "NameError" in npm.code("print(x)")["shown"]
    client = shared.client()
    for one in client.request("GET", "/v1/sessions").json["sessions"]:
        client.request("DELETE", f"/v1/sessions/{one['id']}")


def test_an_old_client_without_references_looks_them_up(npm):
    session = npm.code("open('kept.txt', 'w').write('kept')")["artifact"]["session_id"]
    told = npm.code("import os; print(os.listdir())", session_id=session)
    if npm.old:
        assert [request["path"] for request in told["requests"]] == [f"/v1/files/{session}?detail=full", "/v1/exec"]
        assert told["shown"] == "stdout:\n['kept.txt']"
        assert npm.code("print(1)", session_id="x" * 21)["shown"] == "stdout:\n1"
    else:
        assert len(told["requests"]) == 1 and told["shown"] == "stdout:\n[]"


def test_images_come_back_as_files(npm):
    told = npm.code("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('saved.png')\nplt.show()")
    assert told["shown"] == npm.with_files(EMPTY, "plot_1.png", "saved.png")
    for file in told["artifact"]["files"]:
        got = npm.download(file)
        assert got["body"].startswith(b"\x89PNG")
    told = npm.bash("python3 -c 'import matplotlib.pyplot as plt; plt.plot([1]); plt.show()'")
    assert told["shown"] == npm.with_files(EMPTY, "plot_1.png")


def test_more_files_than_are_returned(npm):
    told = npm.bash("for i in $(seq -w 12); do echo $i > f$i.txt; done")
    names = [f"f{i:02}.txt" for i in range(1, 11)]
    said = (f"{EMPTY}\nstderr:\nAt most 10 files are returned by one run; not returned: f11.txt, f12.txt. Put them into one "
            "archive.\n")
    assert told["shown"] == npm.with_files(said, *names)
    assert [file["name"] for file in told["artifact"]["files"]] == names


def test_names_of_any_script_and_with_spaces(npm):
    name = "Ordner 1/résumé 表 🙂.txt"
    first, second = npm.talk(("py", f"import os; os.mkdir('Ordner 1'); open({name!r}, 'w').write('x')"),
                             ("bash", f"cat '{name}'; echo y >> '{name}'"), sessions="names")["messages"]
    assert first["shown"] == npm.with_files(EMPTY, name) and second["shown"] == npm.with_files("stdout:\nx", name)
    file, = second["artifact"]["files"]
    got = npm.download(file)
    assert got["body"] == b"xy\n"
    assert got["headers"]["content-disposition"].endswith("filename*=UTF-8''r%C3%A9sum%C3%A9%20%E8%A1%A8%20%F0%9F%99%82.txt")


def test_references_of_several_sessions_and_such_as_are_gone(npm):
    one, two = npm.stored("one.csv", b"1\n"), npm.stored("sub/two.csv", b"2\n")
    made = npm.code("open('three.csv', 'w').write('3\\n')")["artifact"]
    three = npm.ref(made["files"][0]["id"], made["session_id"], "three.csv")
    told = npm.bash("cat one.csv two.csv three.csv", files=[one, {**two, "name": "two.csv"}, three])
    assert told["shown"] == "stdout:\n1\n2\n3"
    # Twice the same name: the last one counts. One that is gone is told and stops nothing.
    assert npm.send("delete", f"/files/{made['session_id']}/{three['id']}", params=npm.scope())["status"] == 200
    told = npm.bash("cat one.csv; ls", files=[one, {**two, "name": "one.csv"}, three])
    assert told["shown"] == ("stdout:\n2\none.csv\n\nstderr:\nThe file three.csv is not available any more; it has to be "
                             "uploaded or made again.")


# Base addresses and credentials.

@pytest.mark.parametrize("base", ["/v1", "", "/run", "/v1/", "/", "/run/"])
@pytest.mark.parametrize("version", VERSIONS)
def test_base_addresses(shared, version, base):
    with Npm(version, f"http://127.0.0.1:{shared.port}{base}") as npm:
        ref = npm.stored("in.txt", b"in\n")
        told = npm.bash("cat in.txt; echo out > out.txt", files=[ref])
        assert told["shown"] == npm.with_files("stdout:\nin\n", "out.txt")
        joined = f"{base.rstrip('/')}/exec" if npm.newest else f"{base}/exec"
        assert told["requests"][-1]["path"] == joined
        assert npm.download(told["artifact"]["files"][0])["body"] == b"out\n"
        told = npm.program("print(await get_weather(city='x'))", WEATHER)
        assert told["shown"] == "stdout:\n{'temp': 21}"


NOT_AUTHORIZED = "Code execution is not authorized. Verify access before trying again."


@pytest.mark.parametrize("version", VERSIONS)
def test_keys(keyed, version):
    host = f"127.0.0.1:{keyed.port}"

    def at(base, key="kb_wrong"):
        return Npm(version, base, key)
    # As the user of the URL: agents send it without a colon, axios with one.
    with at(f"http://{keyed.key}@{host}/v1", keyed.key) as npm:
        told = npm.code("print(1)")
        assert told["shown"] == "stdout:\n1" and "authorization" in told["requests"][0]["headers"]
        assert npm.upload("a.txt", b"x")["status"] == 200
        assert npm.program("print(await get_weather(city='x'))", WEATHER)["shown"] == "stdout:\n{'temp': 21}"
    # As a header: the newer ones by `authHeaders`, the old one always.
    for headers in ({"X-API-Key": keyed.key}, {"Authorization": f"Bearer {keyed.key}"}):
        with at(f"http://{host}/v1", keyed.key) as npm:
            assert npm.code("print(1)", params={} if npm.old else {"authHeaders": headers})["shown"] == "stdout:\n1"
            assert npm.upload("a.txt", b"x", headers=headers)["status"] == 200
    with at(f"http://{host}/v1") as npm:
        for params in ({}, {"authHeaders": {"X-API-Key": "kb_wrong"}})[npm.old:]:
            told = npm.code("print(1)", params=params)
            # The old client has its wrong key from its environment.
            assert_shown(told, refused(npm, 401, NOT_AUTHORIZED, "X-API-Key"))
            assert told["requests"][0]["answer"]["status"] == 401
        failed = npm.upload("a.txt", b"x", headers={"X-API-Key": "kb_wrong"})
        assert failed["status"] == 401 and failed["json"]["error"]
    with at(f"http://kb_wrong@{host}/v1") as npm:
        assert_shown(npm.code("print(1)"), refused(npm, 401, NOT_AUTHORIZED, "not known") if not npm.newest else
                     f"Execution error:\n\n{NOT_AUTHORIZED}")


@pytest.mark.parametrize("version", VERSIONS[:2])
def test_tokens_keep_users_apart(keys, version):  # noqa: F811
    broker = Broker(jwt_key_files=keys)
    broker.headers = {"Authorization": f"Bearer {token(ED, 'alice')}"}
    with broker, Npm(version, f"http://127.0.0.1:{broker.port}/v1") as npm:
        def as_user(user, **claims):
            return {"authHeaders": {"Authorization": f"Bearer {token(ED, user, **claims)}"}}
        told = npm.bash("echo hers > a.txt", params=as_user("alice"))
        ref = npm.ref(told["artifact"]["files"][0]["id"], told["artifact"]["session_id"], "a.txt")
        assert npm.bash("cat a.txt", params=as_user("alice"), files=[ref])["shown"] == "stdout:\nhers"
        assert npm.bash("ls", params=as_user("bob"), files=[ref])["shown"] == (
            f"{EMPTY}\nstderr:\nThe file a.txt is not available any more; it has to be uploaded or made again.")
        late = npm.bash("ls", params=as_user("alice", iat=1, nbf=1, exp=300))
        assert_shown(late, refused(npm, 401, NOT_AUTHORIZED, "it has expired (exp)"))


@pytest.mark.parametrize("version", VERSIONS)
def test_too_many_sessions_are_told_with_the_time_to_wait(keyed, version):
    keyed.client().ok("1", "occupies")
    with Npm(version, f"http://127.0.0.1:{keyed.port}/v1", keyed.key) as npm:
        params = {} if npm.old else {"authHeaders": {"X-API-Key": keyed.key}}
        told = npm.code("open('/mnt/data/x', 'w')", params=params)
        lost = ("\nNote: any files written during this failed call were not registered for later calls; fix the error "
                "and rerun before relying on them.\n")
        assert_shown(told, refused(npm, 429, f"Code execution is temporarily rate-limited. Retry after 30 seconds.{lost}",
                                   '"retry_after_seconds":30'))
        answer = told["requests"][0]["answer"]
        assert answer["status"] == 429 and answer["body"]["error"] == "rate_limited"
        keyed.client().request("DELETE", "/v1/sessions/occupies")
        assert npm.code("print(1)", params=params)["shown"] == "stdout:\n1"


# Programs that call tools.

TOO_LONG = ("Execution exceeded the time limit.", "Time limit exceeded")
EXITED = ("Execution exited with code 1", "Sandbox exited with code 1")


def failed_program(npm, language, details, stderr=""):
    """`details`: what the newest client makes of it, and what the broker says."""
    begin = "Bash programmatic" if language == "bash" else "Programmatic"
    said = f"Code execution failed. {details[0]}" if npm.newest else f"Execution error: {details[1]}"
    return f"{begin} execution failed: {said}" + (f"\n\nStderr:\n{stderr}" if stderr else "")


def test_a_python_program_calls_tools(npm):
    told = npm.program("r = await get_weather(city='Basel')\nprint(r['temp'] + 1)", WEATHER)
    assert told["shown"] == "stdout:\n22" and told["tool_calls"] == [{"name": "get_weather", "input": {"city": "Basel"}}]
    assert sorted(told["requests"][1]["body"]) == ["continuation_token", "tool_results"]
    told = npm.program("import asyncio\n"
                       "print(len(await asyncio.gather(*(get_weather(city=str(i)) for i in range(5)))))", WEATHER)
    assert told["shown"] == "stdout:\n5" and len(told["requests"]) == 2
    assert [call["input"]["city"] for call in told["tool_calls"]] == list("01234")
    told = npm.program("try: await broken()\nexcept Exception as error: print(type(error).__name__, error)", WEATHER)
    assert told["shown"] == "stdout:\nToolExecutionError no such city"
    told = npm.program("print('said')\nawait broken()", WEATHER)
    assert told["shown"].startswith(failed_program(npm, "py", EXITED, "-"))
    assert told["shown"].rstrip().endswith("ToolExecutionError: no such city")
    told = npm.program("await get_weather(city='x')\nimport time; time.sleep(60)", WEATHER, args={"timeout": 1000})
    assert told["shown"] == failed_program(npm, "py", TOO_LONG)


def test_a_python_program_has_files_as_others_have(npm):
    ref = npm.stored("in.csv", b"a\n")
    told = npm.program("open('out.txt', 'w').write(open('in.csv').read() + str(await get_weather(city='x')))", WEATHER,
                       files=[ref])
    assert told["shown"] == npm.with_files(EMPTY, "out.txt")
    out = next(file for file in told["artifact"]["files"] if file["name"] == "out.txt")
    assert npm.download(out)["body"] == b"a\n{'temp': 21}"


def test_a_bash_program_calls_tools(npm):
    if npm.old:
        told = npm.driver.ask("about")
        assert "createBashProgrammaticToolCallingTool" not in told["factories"]
        return
    told = npm.program("set -euo pipefail\nr=$(get_weather '{\"city\":\"Bâle\"}')\necho \"$r\" | jq .temp", WEATHER, "bash")
    assert told["shown"] == "stdout:\n21" and told["tool_calls"] == [{"name": "get_weather", "input": {"city": "Bâle"}}]
    told = npm.program("""set -euo pipefail
for i in 1 2 3; do get_weather "{\\"city\\":\\"$i\\"}" > $i.json & done
wait
cat ?.json
rm ?.json""", WEATHER, "bash")
    assert told["shown"] == 'stdout:\n{"temp":21}\n{"temp":21}\n{"temp":21}' and len(told["requests"]) == 2
    assert sorted(call["input"]["city"] for call in told["tool_calls"]) == ["1", "2", "3"]
    told = npm.program("broken '{}' || echo \"caught $?\"", WEATHER, "bash")
    assert told["shown"] == "stdout:\ncaught 1\n\nstderr:\nno such city"
    told = npm.program("set -e\necho said\nbroken '{}'\necho never", WEATHER, "bash")
    assert told["shown"] == failed_program(npm, "bash", EXITED, "no such city\n")
    told = npm.program("get_weather '{\"city\":\"x\"}'; sleep 60", WEATHER, "bash", args={"timeout": 1000})
    assert told["shown"] == failed_program(npm, "bash", TOO_LONG)


def test_a_program_that_needs_no_tools_is_run_as_any_other(npm):
    if not npm.newest:
        # It wants tools to be there, and sends all of them.
        told = npm.program("print('plain')", WEATHER)
        assert told["shown"] == "stdout:\nplain"
        assert [request["path"] for request in told["requests"]] == ["/v1/exec/programmatic"]
        return
    for language, code in (("python", "import asyncio\nawait asyncio.sleep(0)\nprint('plain')"), ("bash", "echo plain")):
        told = npm.program(code, {}, language, args={"tool_manifest": []})
        assert told["shown"] == "stdout:\nplain" and [request["path"] for request in told["requests"]] == ["/v1/exec"]
        assert sent_by(told)["timeout"] == 15000


def test_a_user_who_gives_up_ends_what_runs(shared):
    """The newest client alone: the others go on waiting, and what runs ends at its time limit."""
    with Npm(VERSIONS[0], f"http://127.0.0.1:{shared.port}/v1") as npm:
        told = npm.bash("sleep 300", abort_on_request=1)
        assert told["shown"] == "This operation was aborted"
        no_sessions(shared)
        for language, code in (("python", "await get_weather(city='x')\nimport time; time.sleep(300)"),
                               ("bash", "get_weather '{\"city\":\"x\"}'; sleep 300")):
            for requests in (1, 2):
                told = npm.program(code, WEATHER, language, args={"timeout": 300_000}, abort_on_request=requests)
                assert told["shown"] == "This operation was aborted"
                sent = told["requests"]
                paths = ["/v1/exec/programmatic"] * requests + ["/v1/exec/programmatic/cancel"]
                assert [request["path"] for request in sent] == paths
                assert len({request["headers"]["x-librechat-code-request-id"][0] for request in sent[:-1]}) == requests
                no_sessions(shared)
