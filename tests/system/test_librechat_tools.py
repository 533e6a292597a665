# SPDX-License-Identifier: Apache-2.0
"""Programs that call LibreChat's tools while they run."""
import concurrent.futures
import http.client
import json
import signal
import threading
import uuid

import pytest
from broker import Broker, until
from librechat import AGENT, LibreChat

WEATHER = {"name": "get_weather", "description": "of a city",
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}


class Program:
    """As the client's tool drives it: until it has ended."""

    def __init__(self, chat, tools, names=("get_weather",)):
        self.chat, self.tools, self.rounds = chat, tools, []
        self.names = [{**WEATHER, "name": name} for name in names]

    def first(self, code, **fields):
        return self.chat.post("/exec/programmatic", {"code": code, "tools": self.names, "timeout": 15000, **fields})

    def again(self, token, results):
        return self.chat.post("/exec/programmatic", {"continuation_token": token, "tool_results": results})

    def answer(self, call):
        try:
            return {"call_id": call["id"], "result": self.tools[call["name"]](call["input"]), "is_error": False}
        except ValueError as error:
            return {"call_id": call["id"], "result": None, "is_error": True, "error_message": str(error)}

    def run(self, code, **fields):
        answer = self.first(code, **fields)
        while True:
            assert answer.status == 200, answer
            told = answer.json
            if told["status"] != "tool_call_required":
                return told
            self.rounds.append(told["tool_calls"])
            answer = self.again(told["continuation_token"], [self.answer(call) for call in told["tool_calls"]])


@pytest.fixture
def chat(client):
    return LibreChat(client)


def weather(arguments):
    if arguments["city"] == "Nowhere":
        raise ValueError("no such city")
    return {"temp": len(arguments["city"]), "city": arguments["city"]}


def test_python_calls_a_tool_and_goes_on_with_its_variables(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("before = 'kept'\nprint('begun')\nr = await get_weather(city='Basel')\nprint(before, r['temp'])")
    assert (told["status"], told["stdout"], told["stderr"]) == ("completed", "begun\nkept 5\n", "")
    assert program.rounds == [[{"id": "call_001", "name": "get_weather", "input": {"city": "Basel"}}]]


def test_calls_side_by_side_are_told_together(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("import asyncio\nall = await asyncio.gather(*(get_weather(city='x' * n) for n in range(1, 6)))\n"
                       "print([one['temp'] for one in all])\nprint((await get_weather(city='é表'))['city'])")
    assert told["stdout"] == "[1, 2, 3, 4, 5]\né表\n"
    assert [len(one) for one in program.rounds] == [5, 1]
    assert [call["id"] for one in program.rounds for call in one] == [f"call_{i:03}" for i in range(1, 7)]


def test_what_is_printed_beside_a_call_does_not_hold_it_back(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("import asyncio\nasync def talk():\n    while not done: print('.', flush=True); await asyncio.sleep(0.01)\n"
                       "done = False\ntalking = asyncio.create_task(talk())\nr = await get_weather(city='x')\ndone = True\n"
                       "await talking\nprint('got', r['temp'])", timeout=5000)
    # Else its time is over before anybody is told of the call.
    assert told["status"] == "completed" and told["stdout"].endswith("got 1\n"), told


def test_a_program_in_the_way_of_its_own_answers_is_told(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("import os; os.symlink('/tmp', '/mnt/data/.ptc')\nprint('begun')\nawait get_weather(city='x')")
    assert (told["status"], told["error"]) == ("error", "Execution failed or timed out")
    assert "could not be handed in" in told["stderr"] and told["stdout"] == "begun\n"


def test_too_many_bad_calls_end_the_program(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("token = [cell.cell_contents for cell in get_weather.__closure__[0].cell_contents.__closure__ "
                       "if isinstance(cell.cell_contents, str)][0]\n"
                       "for i in range(100_000): print(f'\\x1e{token} a{i} 1/1 get_weather bad\\x1e')\nimport time; time.sleep(30)",
                       timeout=20_000)
    assert (told["status"], told["error"]) == ("error", "Execution failed or timed out")


def test_of_two_continuations_at_once_one_counts(chat, shared):
    program = Program(chat, {})
    token = program.first("r = await get_weather(city='x')\nimport time; time.sleep(0.5)\nprint(r)").json["continuation_token"]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        def again(number):
            own = Program(LibreChat(shared.client()), {})
            return own.again(token, [{"call_id": "call_001", "result": number, "is_error": False}])
        told = list(pool.map(again, range(4)))
    assert sorted(one.status for one in told) == [200, 404, 404, 404]
    assert [one.json["stdout"] for one in told if one.status == 200][0].strip() in "0123"


def test_tools_may_be_called_as_commands_are(chat):
    program = Program(chat, {"rm": lambda _: "r", "w": lambda _: "w"}, names=("rm", "w"))
    assert program.run("w; rm; w", lang="bash")["stdout"] == '"w"\n"r"\n"w"\n'
    program = Program(chat, {"_ptc_tool": lambda _: 1, "w": lambda _: 2}, names=("_ptc_tool", "w"))
    assert program.run("print(await _ptc_tool_tool(), await w())")["stdout"] == "1 2\n"


def test_a_tool_that_fails_is_an_exception(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("try: await get_weather(city='Nowhere')\nexcept ToolExecutionError as error: print('caught', error)")
    assert told["stdout"] == "caught no such city\n"
    told = program.run("print('said')\nawait get_weather(city='Nowhere')")
    assert (told["status"], told["error"]) == ("error", "Sandbox exited with code 1")
    assert "no such city" in told["stderr"] and told["stdout"] == "said\n"


def test_large_arguments_and_results(chat):
    program = Program(chat, {"get_weather": lambda arguments: arguments["city"] * 2})
    told = program.run("r = await get_weather(city='x' * 1_000_000)\nprint(len(r))")
    assert told["stdout"] == "2000000\n"


def test_names_become_what_python_can_call(chat):
    program = Program(chat, {"get-the weather": lambda _: 1, "class": lambda _: 2, "3d.plot": lambda _: 3},
                      names=("get-the weather", "class", "3d.plot"))
    told = program.run("print(await get_the_weather(), await class_tool(), await _3dplot())")
    assert told["stdout"] == "1 2 3\n"
    refused = Program(chat, {}, names=("a-b", "a b")).first("1")
    assert refused.status == 400 and "a-b" in refused.json["error"]


def test_files_come_and_go_as_with_any_execution(chat):
    ref = chat.upload("in.csv", b"a\n")
    program = Program(chat, {"get_weather": weather})
    told = program.run("open('out.txt', 'w').write(open('in.csv').read() + str(await get_weather(city='x')))", files=[ref])
    out, kept = told["files"]
    assert (out["name"], kept["name"], kept["inherited"]) == ("out.txt", "in.csv", True)
    assert chat.download(out).body.startswith(b"a\n{")


def test_time_that_tools_take_is_not_the_programs(chat):
    program = Program(chat, {"get_weather": weather})
    answer = program.first("r = await get_weather(city='x')\nprint('on')\nimport time; time.sleep(60)", timeout=1000)
    token = answer.json["continuation_token"]
    threading.Event().wait(1.2)  # longer than the program may work at a time
    told = program.again(token, [{"call_id": "call_001", "result": 1, "is_error": False}]).json
    assert (told["status"], told["error"], told["stdout"]) == ("error", "Time limit exceeded", "on\n")
    assert program.again(token, []).status == 404


def test_bad_continuations_change_nothing(client, chat):
    program = Program(chat, {})
    token = program.first("print(await get_weather(city='x'))").json["continuation_token"]
    assert program.again("x" * 21, []).status == 404
    missing = program.again(token, [{"call_id": "call_009", "result": 1, "is_error": False}])
    assert missing.status == 400 and "call_001" in missing.json["error"]
    told = program.again(token, [{"call_id": "call_001", "result": "yes", "is_error": False}]).json
    assert (told["status"], told["stdout"]) == ("completed", "yes\n")
    assert program.again(token, []).status == 404
    assert client.request("GET", "/v1/sessions").json["sessions"] == []


def test_a_program_that_is_cancelled_or_left_ends(client, chat, shared):
    def sessions():
        return client.request("GET", "/v1/sessions").json["sessions"]
    request = str(uuid.uuid4())
    answer = chat.post("/exec/programmatic", {"code": "await get_weather(city='x')", "tools": [WEATHER]},
                       {"X-LibreChat-Code-Request-ID": request})
    assert answer.json["status"] == "tool_call_required" and len(sessions()) == 1
    assert chat.post("/exec/programmatic/cancel", {"request_id": str(uuid.uuid4())}).status == 404
    assert chat.post("/exec/programmatic/cancel", {"request_id": request}).json == {"status": "cancelled"}
    until(lambda: sessions() == [], "it is gone")
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=60)
    connection.request("POST", "/v1/exec/programmatic", json.dumps({"code": "import time; time.sleep(300)", "tools": [WEATHER]}),
                       {**AGENT, "Content-Type": "application/json"})
    until(lambda: any(one["status"] == "busy" for one in sessions()), "it runs")
    connection.close()
    until(lambda: sessions() == [], "it is gone")


PREFIX = ": &\nwait \"$!\"\n"  # what the client puts before each


def test_bash_calls_tools_in_substitutions_and_side_by_side(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run(PREFIX + """set -euo pipefail
before=kept
r=$(get_weather '{"city":"Basel"}')
echo "$before $(jq .temp <<<"$r")"
cd /tmp
for n in 1 2 3; do get_weather "{\\"city\\":\\"$(printf 'x%.0s' $(seq $n))\\"}" > out$n & done
wait
cat out1 out2 out3 | jq -c .temp | sort | tr '\\n' ' '
get_weather 2>/dev/null '{"city":"Nowhere"}' || echo "failed: $?"
""", lang="bash")
    assert (told["status"], told["stdout"], told["stderr"]) == ("completed", "kept 5\n1 2 3 failed: 1\n", ""), told
    assert [len(one) for one in program.rounds] == [1, 3, 1]


def test_bash_tools_have_names_and_arguments_of_any_kind(chat):
    program = Program(chat, {"a.b-c": lambda arguments: arguments, "test": lambda _: "t"}, names=("a.b-c", "test"))
    told = program.run(PREFIX + "a_b_c; test_tool '{}'; a_b_c '{\"k\": \"é表 $HOME \\\\n\"}' | jq -r .k\n"
                       "a_b_c \"{\\\"k\\\": \\\"$(head -c 20000 /dev/zero | tr '\\0' x)\\\"}\" | jq '.k | length'\n"
                       "a_b_c 'no json' || echo refused", lang="bash")
    assert told["stdout"] == "{}\n\"t\"\né表 $HOME \\n\n20000\nrefused\n", told
    assert "is not valid JSON" in told["stderr"]


def test_a_bash_program_that_fails_says_so(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run(PREFIX + "echo said; get_weather '{\"city\":\"Nowhere\"}'; exit 4", lang="bash")
    assert (told["status"], told["error"], told["stdout"]) == ("error", "Sandbox exited with code 4", "said\n")
    assert told["stderr"].startswith("no such city\n")
    late = program.run(PREFIX + "echo begun; sleep 60", lang="bash", timeout=1000)
    assert (late["status"], late["error"], late["stdout"]) == ("error", "Time limit exceeded", "begun\n")


def test_marks_that_a_program_makes_up_call_nothing_else(chat):
    program = Program(chat, {"get_weather": weather})
    told = program.run("print('a\\x1eb\\x1e made up x 1/1 get_weather {}\\x1ec')")
    assert told["stdout"] == "a\x1eb\x1e made up x 1/1 get_weather {}\x1ec\n" and program.rounds == []
    forged = ("import sys\ntoken = get_weather.__closure__ and [cell.cell_contents for cell in "
              "get_weather.__closure__[0].cell_contents.__closure__ if isinstance(cell.cell_contents, str)][0]\n"
              "print(f'\\x1e{token} id1 1/1 rm_rf {{}}\\x1e', flush=True)\nimport time; time.sleep(30)")
    told = program.run(forged)
    assert (told["status"], told["error"]) == ("error", "Sandbox requested an unregistered tool: rm_rf"), told


def parked(chat, code="await get_weather(city='x')"):
    """A program that waits for a tool: its token, and what it was told."""
    told = Program(chat, {}).first(code).json
    assert told["status"] == "tool_call_required", told
    return told["continuation_token"]


def test_a_program_that_waits_does_not_hold_up_the_end_of_the_broker():
    with Broker(drain_s=300) as broker:
        token = parked(LibreChat(broker.client()))
        assert broker.stop(60) == 0
        broker.start()
        client = broker.client()
        assert Program(LibreChat(client), {}).again(token, []).status == 404
        assert client.request("GET", "/v1/sessions").json["sessions"] == []


def test_programs_are_told_of_the_end_of_the_broker():
    with Broker(drain_s=300) as broker:
        client = broker.client()
        works = ("open('goes', 'w').close()\nimport os, time\nwhile os.path.exists('goes'): time.sleep(0.05)\n"
                 "await get_weather(city='x')")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            # Works, and holds up the end, until its file is removed.
            working = pool.submit(Program(LibreChat(broker.client()), {}).first, works, timeout=120_000)
            session = until(lambda: client.request("GET", "/v1/sessions").json["sessions"], "it is there")[0]["id"]
            until(lambda: client.request("GET", f"/v1/sessions/{session}/files/goes").status == 200, "it works")
            waiting = Program(LibreChat(client), {})
            token = parked(waiting.chat, "print('said')\nawait get_weather(city='x')")
            broker.process.send_signal(signal.SIGTERM)
            until(lambda: client.request("GET", "/readyz").status == 503, "it stops")
            answer = waiting.again(token, [{"call_id": "call_001", "result": 1, "is_error": False}])
            assert (answer.status, answer.json["stdout"]) == (200, "said\n"), answer
            assert waiting.again(token, []).status == 404
            assert client.request("DELETE", f"/v1/sessions/{session}/files/goes").status == 204
            for told in (answer.json, working.result().json):
                assert (told["status"], told["error"]) == ("error", "Execution failed or timed out"), told
                assert "shutting down" in told["stderr"], told
        assert broker.process.wait(60) == 0
