# SPDX-License-Identifier: Apache-2.0
"""LibreChat's stateful sessions: variables that live from call to call, each user's own."""
import concurrent.futures
import subprocess

import pytest
from broker import BINARY, Broker
from librechat import LibreChat, names


def hint(number, scope="conversation"):
    return f"v2:{scope}:{number:032x}"


def clear(client):
    for one in client.request("GET", "/v1/sessions").json["sessions"]:
        client.request("DELETE", f"/v1/sessions/{one['id']}")


@pytest.fixture
def chat(client):
    yield LibreChat(client)
    clear(client)


def test_python_keeps_its_variables_and_files(chat):
    first = chat.ok("import os\nx = 41\nopen('data', 'w').write('kept')", runtime_session_hint=hint(1))
    assert first["runtime_status"] == "new" and names(first) == ["data"]
    second = chat.ok("x += 1\nprint(x, open('data').read())", files=chat.refs(first), runtime_session_hint=hint(1))
    assert (second["stdout"], second["runtime_status"]) == ("42 kept\n", "reused")
    assert second["runtime_session_id"] == first["runtime_session_id"]
    assert names(second, inherited=True) == ["data"] and names(second) == []
    assert "NameError" in chat.ok("print(x)", runtime_session_hint=hint(2))["stderr"]
    assert "NameError" in chat.ok("print(x)")["stderr"]


def test_more_images_than_become_files_are_told(chat):
    told = chat.ok("from IPython.display import display\nfor i in range(103): display({'image/svg+xml': f'<svg id=\"{i}\"/>'}, raw=True)",
                   runtime_session_hint=hint(20))
    assert names(told) == sorted(f"plot_{i}.svg" for i in range(1, 11))
    assert "3 more images were shown; of one run 100 at most are kept as files.\n" in told["stderr"], told["stderr"]


def test_bash_keeps_its_directory_variables_and_functions(chat):
    chat.ok("mkdir -p sub; cd sub; v=1; f() { echo \"f $1\"; }; export E=2", "bash", runtime_session_hint=hint(3))
    told = chat.ok("pwd; echo $v $E; f x", "bash", runtime_session_hint=hint(3))
    assert (told["stdout"], told["runtime_status"]) == ("/mnt/data/sub\n1 2\nf x\n", "reused")


def test_languages_of_a_hint_share_their_files_and_keep_what_is_theirs(chat):
    given = chat.upload("rows.csv", b"1\n2\n")
    first = chat.ok("rows = open('rows.csv').read().split()\nopen('sum', 'w').write(str(sum(map(int, rows))))", files=[given],
                    runtime_session_hint=hint(8))
    shell = chat.ok("cat sum; n=$(wc -l <rows.csv); echo \" $n\"; echo more >>sum", "bash", runtime_session_hint=hint(8))
    assert (shell["stdout"], shell["runtime_status"]) == ("3 2\n", "new")
    assert shell["runtime_session_id"] == first["runtime_session_id"]
    assert [each["name"] for each in shell["files"]] == ["sum"]
    again = chat.ok("print(rows, open('sum').read())", runtime_session_hint=hint(8))
    assert (again["stdout"], again["runtime_status"]) == ("['1', '2'] 3more\n\n", "reused")
    assert chat.ok("echo $n", "bash", runtime_session_hint=hint(8))["stdout"] == "2\n"


def test_what_a_session_made_is_never_replaced_by_what_it_was_given(chat):
    given = chat.upload("notes.txt", b"given")
    first = chat.ok("print(open('notes.txt').read()); open('notes.txt', 'w').write('mine')", files=[given],
                    runtime_session_hint=hint(4))
    assert first["stdout"] == "given\n"
    # A client that has lost the answer sends the old reference again.
    again = chat.ok("print(open('notes.txt').read())", files=[given], runtime_session_hint=hint(4))
    assert again["stdout"] == "mine\n"
    # What its user uploads now is newer.
    newer = chat.upload("notes.txt", b"newer")
    told = chat.ok("print(open('notes.txt').read())", files=[newer], runtime_session_hint=hint(4))
    assert told["stdout"] == "newer\n"
    assert chat.download(first["files"][0]).body == b"mine"
    gone = chat.ok("import os; os.remove('notes.txt')", files=[newer], runtime_session_hint=hint(4))
    assert gone["deleted_files"] == ["notes.txt"]
    assert chat.ok("import os; print(os.path.exists('notes.txt'))", files=[newer], runtime_session_hint=hint(4))["stdout"] == "False\n"


def test_inputs_of_a_call_that_waits_hide_nothing_of_the_one_that_runs(chat, shared):
    chat.ok("1", runtime_session_hint=hint(10))
    given = chat.upload("given", b"given")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        # It ends when the inputs of the other call are in place.
        first = pool.submit(LibreChat(shared.client()).ok,
                            "open('made', 'w').write('m')\nimport os, time\nwhile not os.path.exists('given'): time.sleep(.01)",
                            runtime_session_hint=hint(10))
        second = chat.ok("while [ ! -e made ]; do sleep .01; done; cat given made", "bash", files=[given], runtime_session_hint=hint(10))
        assert names(first.result()) == ["made"]
    assert second["stdout"] == "givenm" and names(second) == []


def test_a_library_that_is_not_there_is_told_as_such(chat):
    told = chat.ok("import torch", runtime_session_hint=hint(11))
    assert told["stderr"].splitlines()[-1].startswith("torch is neither a library of this image nor a file here."), told


def test_a_lost_kernel_is_told_once(chat):
    chat.ok("x = 1", runtime_session_hint=hint(5))
    died = chat.ok("import os; os._exit(3)", runtime_session_hint=hint(5))
    assert died["code"] == 3
    told = chat.ok("print('x' in dir())", runtime_session_hint=hint(5))
    assert (told["stdout"], told["runtime_status"]) == ("False\n", "new") and "in py had in memory is gone (exit); files are kept" in told["stderr"]
    assert chat.ok("print(1)", runtime_session_hint=hint(5))["stderr"] == ""


def test_an_interrupted_call_keeps_what_was_there(chat):
    chat.ok("x = 1", runtime_session_hint=hint(6))
    late = chat.ok("import time; time.sleep(60)", timeout=500, runtime_session_hint=hint(6))
    assert late["status"] == "TO" and "kept" in late["stderr"]
    assert chat.ok("print(x)", runtime_session_hint=hint(6))["stdout"] == "1\n"


def test_a_hint_that_was_made_up_names_nothing(chat):
    told = chat.ok("x = 1", runtime_session_hint="main")
    assert "runtime_session_hint" in told["stderr"] and "runtime_session_id" not in told
    assert "NameError" in chat.ok("print(x)", runtime_session_hint="main")["stderr"]


def test_users_never_meet_and_each_finds_its_own(shared, chat):
    def user(number):
        own = LibreChat(shared.client())
        for turn in range(4):
            told = own.ok(f"seen = globals().get('seen', []) + [{number}]\nprint(seen)", runtime_session_hint=hint(100 + number, "user"))
            assert told["stdout"] == f"{[number] * (turn + 1)}\n", told
        return number

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(user, range(6))) == list(range(6))


def test_variables_outlive_the_broker():
    with Broker() as broker:
        first = LibreChat(broker.client()).ok("x = 7\nopen('f', 'w').write('f')", runtime_session_hint=hint(7))
        broker.kill()
        broker.start()
        chat = LibreChat(broker.client())
        told = chat.ok("print(x, open('f').read())", files=chat.refs(first), runtime_session_hint=hint(7))
        assert (told["stdout"], told["runtime_status"]) == ("7 f\n", "reused")


@pytest.fixture(scope="module")
def lineages():
    with Broker(librechat_state="session_id", librechat_max_files=2) as broker:
        yield broker


def test_a_session_id_goes_on_where_the_operator_wants_it(lineages):
    chat = LibreChat(lineages.client())
    first = chat.ok("x = 1\nopen('f', 'w').write('f')")
    second = chat.ok("x += 1\nprint(x, open('f').read())", session_id=first["session_id"])
    assert (second["stdout"], second["stderr"], second["session_id"]) == ("2 f\n", "", first["session_id"])
    assert (second["runtime_status"], second["runtime_session_id"]) == ("reused", first["session_id"])
    shell = chat.ok("cat f; echo more >f", "bash", session_id=first["session_id"])
    assert (shell["stdout"], shell["runtime_status"]) == ("f", "new")
    assert chat.ok("print(x, open('f').read())", session_id=first["session_id"])["stdout"] == "2 more\n\n"
    assert "NameError" in chat.ok("print(x)")["stderr"]


def test_a_session_id_of_nothing_starts_anew_and_says_so(lineages):
    chat = LibreChat(lineages.client())
    for made_up in ("main", "A" * 21, "../x"):
        told = chat.ok("print(1)", session_id=made_up)
        assert told["stdout"] == "1\n" and "no session of that session_id" in told["stderr"]
        assert told["session_id"] != made_up
    hinted = chat.ok("x = 1", runtime_session_hint=hint(9))
    assert "NameError" in chat.ok("print(x)", session_id=hinted["session_id"])["stderr"]
    native = chat.upload("f", b"f")
    # That of an upload never had anything in memory: there is nothing to say.
    assert chat.ok("print(1)", session_id=native["storage_session_id"])["stderr"] == ""


def test_a_session_id_of_another_tenant_is_of_nothing():
    with Broker(librechat_state="session_id") as broker:
        keys = [subprocess.run([str(BINARY), "keys", "add", name, "--tenant", name, "--state-dir", str(broker.state)],
                               check=True, text=True, stdout=subprocess.PIPE).stdout.strip() for name in ("one", "two")]
        one, two = (LibreChat(broker.client(headers={"X-API-Key": key})) for key in keys)
        broker.delete_sessions = lambda: [clear(each.client) for each in (one, two)]
        first = one.ok("x = 1")
        assert "no session of that" in two.ok("print(1)", session_id=first["session_id"])["stderr"]
        assert one.ok("print(x)", session_id=first["session_id"])["stdout"] == "1\n"


def test_an_answer_tells_of_as_many_files_as_the_operator_wants(lineages):
    told = LibreChat(lineages.client()).ok("for name in 'abc': open(name, 'w').write('x')")
    assert names(told) == ["a", "b"] and "c" in told["stderr"]


def test_a_session_id_is_nothing_where_it_is_not_asked_for(chat):
    first = chat.ok("x = 1")
    told = chat.ok("print('x' in dir())", session_id=first["session_id"])
    assert (told["stdout"], told["stderr"]) == ("False\n", "") and told["session_id"] != first["session_id"]
