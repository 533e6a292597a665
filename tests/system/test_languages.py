# SPDX-License-Identifier: Apache-2.0
"""Languages other than Python on a real broker: their programs' ends, what bash keeps, and what a session is told. Those
that images/python has, and with --long all of images/full."""
import pytest

from broker import Broker
from language_programs import CRASHES, ENDLESS, NO_PROGRAMS, PROGRAMS

# Until a program runs, with all that a compiler needs on half a processor.
STARTS = {"bash": 1, "py": 1, "js": 3, "php": 3}
STARTS_SLOWLY = 8


def execute(client, session, code, language=None, **fields):
    body = {"code": code, **fields, **({"language": language} if language else {})}
    answer = client.request("POST", f"/v1/sessions/{session}/executions", body)
    assert answer.status == 200, answer
    return answer.json


def as_run(client, code, session, language=None):
    answer = client.run(code, session, **({"language": language} if language else {}))
    assert answer.status == 200, answer
    return answer.json


def says_hello_without_arguments_and_without_input(client, session, language):
    ended = execute(client, session, PROGRAMS[language], language)
    assert ended["stdout"] == "hello\neof\n", ended
    assert (ended["session_state"], ended["generation"], ended["language"]) == ("fresh", 1, language)


def gets_arguments(client, session, language):
    words = ["one", "two words", "ü€𝄞", "-x", "'\""]
    ended = execute(client, session, PROGRAMS[language], language, argv=words)
    assert ended["stdout"].splitlines() == ["hello", *words, "eof"], ended
    assert execute(client, session, PROGRAMS[language])["stdout"] == "hello\neof\n"


def tells_its_status(client, session, language):
    ended = execute(client, session, PROGRAMS[language], language)
    assert (ended["outcome"], ended["exit_code"]) == ("error", 3), ended
    assert (ended["error"]["ename"], ended["error"]["evalue"]) == ("ExitStatus", "3")
    assert ended["variables_kept"] and ended["death"] is None
    assert as_run(client, PROGRAMS[language], session)["stderr"] == ""  # no traceback for a status


def returns_the_file_that_it_writes(client, session, language):
    ended = execute(client, session, PROGRAMS[language], language)
    assert [(each["path"], each["change"]) for each in ended["files"]] == [("written.txt", "created")]
    found = client.request("GET", f"/v1/sessions/{session}/files/written.txt")
    assert (found.status, found.body.strip()) == (200, b"file")


def dies_by_a_signal(client, session, language):
    code, status = CRASHES[language]
    ended = as_run(client, code, session, language)
    assert ended["exit_code"] == status, ended
    if language not in ("js", "ts"):  # their own parents may tell it as a status
        assert ended["stderr"].rstrip().splitlines()[-1].startswith("kernel-broker: the program was ended by SIG")
    again = execute(client, session, PROGRAMS[language])
    expected = ("restarted", "crash", 2) if language == "bash" else ("kept", None, 1)
    assert (again["session_state"], again["state_reason"], again["generation"]) == expected
    assert ended["variables_kept"] == (language != "bash")


def is_no_program(client, session, language):
    code, status = NO_PROGRAMS[language]
    ended = execute(client, session, code, language)
    assert (ended["outcome"], ended["exit_code"]) == ("error", status), ended
    assert ended["stderr"] + (ended["stdout"] if language == "php" else "") != ""
    assert ended["variables_kept"] and ended["files"] == []


def does_not_end_in_time(client, session, language):
    execute(client, session, "kept=1" if language == "bash" else PROGRAMS[language], language)
    ended = execute(client, session, ENDLESS[language], timeout_s=STARTS.get(language, STARTS_SLOWLY))
    assert (ended["outcome"], ended["exit_code"], ended["stdout"]) == ("timeout", 124, "go\n"), ended
    assert ended["variables_kept"] and ended["death"] is None
    again = execute(client, session, 'echo "[$kept]"' if language == "bash" else PROGRAMS[language])
    assert (again["session_state"], again["generation"]) == ("kept", 1)
    assert language != "bash" or again["stdout"] == "[1]\n"


def is_interrupted(client, session, language):
    begun = client.request("POST", f"/v1/sessions/{session}/executions",
                           {"code": ENDLESS[language], "language": language}, {"Prefer": "respond-async"})
    assert begun.status == 202, begun
    where = begun.headers["Location"]
    while b"event: stdout" not in client.request("GET", f"{where}/events?follow=false").body:
        pass
    assert client.request("POST", f"{where}/interrupt").status == 200
    client.request("GET", f"{where}/events")  # to its end
    ended = client.request("GET", where).json
    assert (ended["outcome"], ended["exit_code"], ended["variables_kept"]) == ("interrupted", 130, True)


CASES = [says_hello_without_arguments_and_without_input, gets_arguments, tells_its_status,
         returns_the_file_that_it_writes, dies_by_a_signal, is_no_program, does_not_end_in_time, is_interrupted]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("language", ["bash", "py"])
def test_a_program(client, session, language, case):
    case(client, session, language)


@pytest.fixture(scope="module")
def full():
    with Broker(image="full", interrupt_grace_s=30) as broker:
        yield broker


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("language", sorted(PROGRAMS))
def test_a_program_of_the_full_image(full, language, case):
    client, session = full.client(), f"{language}-{case.__name__}"
    try:
        case(client, session, language)
    finally:
        client.request("DELETE", f"/v1/sessions/{session}")


@pytest.mark.long
def test_the_full_image_runs_python_as_the_small_one_does(full, session):
    assert full.client().ok("import pandas\n1 + 1", session)["result"] == "2"


def test_bash_keeps_its_directory_variables_and_functions(client, session):
    first = execute(client, session, "mkdir sub; cd sub; x=1; f() { echo f$x; }; export y=2", "bash")
    assert (first["outcome"], first["session_state"]) == ("ok", "fresh")
    ended = execute(client, session, "pwd; f; printenv y; pwd >&2")
    assert ended["stdout"] == "/mnt/data/sub\nf1\n2\n" and ended["stderr"] == "/mnt/data/sub\n"
    assert (ended["session_state"], ended["generation"]) == ("kept", 1)


@pytest.mark.parametrize("code, exit_code, outcome", [
    ("exit 0", 0, "ok"), ("exit 7", 7, "error"), ("set -e; false", 1, "error"), ("exec true", 0, "ok")])
def test_a_shell_that_ends_is_told_once(client, session, code, exit_code, outcome):
    execute(client, session, "x=1; echo file >kept.txt", "bash")
    ended = execute(client, session, f"echo out; {code}")
    assert (ended["stdout"], ended["outcome"], ended["exit_code"]) == ("out\n", outcome, exit_code)
    assert ended["variables_kept"] is False and ended["death"] is None
    assert "the shell has ended" in ended["stderr"]
    status = client.request("GET", f"/v1/sessions/{session}").json
    assert (status["status"], status["language"]) == ("stopped", "bash")
    again = execute(client, session, 'echo "[$x]"; cat kept.txt')
    assert (again["session_state"], again["state_reason"], again["generation"]) == ("restarted", "exit", 2)
    assert again["stdout"] == "[]\nfile\n"
    assert execute(client, session, ":")["session_state"] == "kept"


def test_home_is_the_workspace_and_programs_may_be_made_in_tmp(client, session):
    ended = execute(client, session, 'cd; pwd; printf "#!/bin/sh\\necho made\\n" >/tmp/p; chmod +x /tmp/p; /tmp/p', "bash")
    assert ended["stdout"] == "/mnt/data\nmade\n", ended


def test_the_usual_tools_are_there(client, session):
    ended = execute(client, session, "for tool in awk cmp diff file find grep gzip jq python3 sed tar unzip xargs xz zip; "
                                     "do command -v $tool >/dev/null || echo $tool; done", "bash")
    assert (ended["stdout"], ended["exit_code"]) == ("", 0)
    ended = execute(client, session, "echo '{\"a\": [1, 2]}' | jq -c .a; file -b --mime-type /bin/sh")
    assert ended["stdout"].splitlines()[0] == "[1,2]" and ended["exit_code"] == 0, ended


def test_a_script_of_python_has_the_libraries_and_keeps_nothing(client, session):
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.savefig('plot.png')\nx = 1\nprint(plt.get_backend())"
    ended = execute(client, session, code, "py")
    assert ended["stdout"] == "module://kernel_image_plots\n" and [each["path"] for each in ended["files"]] == ["plot.png"], ended
    ended = execute(client, session, "print(x)")
    assert ended["exit_code"] == 1 and "NameError" in ended["stderr"] and ended["session_state"] == "kept"


def test_python_cells_find_their_arguments_where_scripts_do(client, session):
    code = "import sys\nprint(sys.argv[1:])"
    assert execute(client, session, code, argv=["one", "two words"])["stdout"] == "['one', 'two words']\n"


def test_the_simple_interface_takes_arguments_too(client, session):
    assert client.ok("echo $2", session, language="bash", argv=["one", "two words"])["stdout"] == "two words\n"
    assert client.ok("echo $#", session, argv=None)["stdout"] == client.ok("echo $#", session)["stdout"] == "0\n"
    for argv in ("a", ["a", 1], ["a\0"], ["a"] * 1025, ["a" * 16385]):
        refused = client.run("echo", session, argv=argv)
        assert (refused.status, refused.json["code"]) == (400, "invalid_field") and "argv" in refused.json["detail"]


def test_one_request_with_other_arguments_is_another(client, session):
    def ask(words):
        return client.request("POST", f"/v1/sessions/{session}/executions",
                              {"code": "echo $1", "language": "bash", "argv": words}, {"Idempotency-Key": "k"})

    assert ask(["a"]).json["id"] == ask(["a"]).json["id"]
    assert ask(["b"]).json["code"] == "idempotency_mismatch"


def test_a_cell_that_names_no_language_has_that_of_its_session(client, session):
    made = client.request("POST", "/v1/sessions", {"id": session, "language": "bash"})
    assert (made.status, made.json["language"]) == (201, "bash")
    assert execute(client, session, "print(1)", "python")["stdout"] == "1\n"
    assert client.ok("echo $BASH_VERSION", session)["session_id"] == session
    assert client.request("GET", f"/v1/sessions/{session}").json["language"] == "bash"


def test_a_language_that_the_image_lacks_is_told_with_those_it_has(client, session):
    for path, body in (("/run", {"code": "1", "session_id": session, "language": "cobol"}),
                       ("/v1/sessions", {"id": session, "language": "cobol"})):
        refused = client.request("POST", path, body)
        assert (refused.status, refused.json["code"]) == (400, "unsupported_language")
        assert all(word in refused.json["detail"] for word in ("python", "bash", "py"))
    assert client.request("GET", f"/v1/sessions/{session}").status == 404


def test_a_session_without_a_language_has_the_one_of_the_settings(session):
    with Broker(language="bash") as broker:
        assert broker.client().ok("echo $((6 * 7))", session)["stdout"] == "42\n"
        assert broker.client().ok("6 * 7", session + "-p", language="python")["result"] == "42"


def test_a_bash_session_lives_through_a_new_broker(session):
    with Broker() as broker:
        execute(broker.client(), session, "x=1", "bash")
        broker.kill()
        broker.start()
        ended = execute(broker.client(), session, "echo $x")
        assert (ended["stdout"], ended["session_state"], ended["generation"]) == ("1\n", "kept", 1)
