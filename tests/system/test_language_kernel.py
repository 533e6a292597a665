# SPDX-License-Identifier: Apache-2.0
"""The language kernel driven by Jupyter's client: what bash keeps, how cells end, what is left of them."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import textwrap
import time

import pytest
import zmq

from language_kernel import KERNEL, PATIENCE, Kernel, is_served, table, wait_until
from language_programs import COMPILED, PROGRAMS

TABLE = table()
SERVED = sorted(name for name, alternatives in TABLE.items() if is_served(alternatives))
JUPYTER_KERNEL_TEST = "jupyter_kernel_test==0.7.0"
JUPYTER_CONSOLE = "jupyter_console==6.6.3"


@pytest.fixture
def bash():
    with Kernel("bash") as kernel:
        yield kernel


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def payload(ended):
    return [(item["source"], item.get("when")) for item in ended.reply["payload"]]


def test_the_table_has_the_thirteen_languages_and_the_tests_a_program_for_each():
    assert set(TABLE) == set(PROGRAMS) == set("bash c cpp d f90 go java js php py r rs ts".split())
    assert {"bash", "c", "cpp", "py"} <= set(SERVED)


@pytest.mark.parametrize("language", SERVED)
def test_a_program_gets_arguments_has_no_input_writes_files_and_tells_its_status(language):
    with Kernel(language) as kernel:
        ended = kernel.run(PROGRAMS[language], argv=["one", "two words"])
        assert ended.stdout.split("\n") == ["hello", "one", "two words", "eof", ""], ended.stderr
        assert ended.error == ("ExitStatus", "3")
        assert ended.of_type("error")[0]["traceback"] == ["exit status 3"]
        # Nothing but what the program wrote: neither its source nor what a compiler made of it.
        assert [path.name for path in kernel.workspace.iterdir()] == ["written.txt"]
        assert (kernel.workspace / "written.txt").read_text().strip() == "file"


@pytest.mark.parametrize("language", sorted(set(SERVED) & set(COMPILED)))
def test_a_program_that_does_not_compile_is_not_run(language):
    with Kernel(language) as kernel:
        ended = kernel.run("this is no program in any language {")
        assert ended.error[0] == "CompileError" and int(ended.error[1]) > 0
        assert "main." in ended.stderr and ended.stdout == ""  # the compiler's own words
        assert list(kernel.workspace.iterdir()) == []


@pytest.mark.parametrize("language", sorted(set(TABLE) - {"bash"}))
def test_a_missing_tool_is_named(language):
    with Kernel(language, PATH="/nonexistent") as kernel:
        ended = kernel.run(PROGRAMS[language])
        assert ended.error == ("MissingProgram", TABLE[language][0][0])


@pytest.mark.parametrize("language, code", [
    ("c", '#include <stdlib.h>\n#include <stdio.h>\nint main(void) { puts("before"); fflush(stdout); abort(); }'),
    ("py", "import os\nprint('before', flush=True)\nos.abort()"),
    ("bash", "echo before; kill -ABRT $$")])
def test_a_death_by_signal_is_named_and_what_was_printed_stays(language, code):
    with Kernel(language) as kernel:
        ended = kernel.run(code)
        assert ended.stdout == "before\n"
        assert ended.error == ("Signal", "SIGABRT (6)")


def test_bash_keeps_directory_variables_functions_and_environment(bash):
    bash.run("mkdir sub; cd sub; plain=1; export EXPORTED=2; declare -A map=([k]=3); f() { echo f$plain; }; exec 20<<<x")
    bash.run("false")
    bash.run("if then")
    ended = bash.run("pwd; f; printenv EXPORTED; echo ${map[k]} $#; cat <&20")
    assert ended.stdout == f"{bash.workspace}/sub\nf1\n2\n3 0\nx\n"
    assert ended.status == "ok" and payload(ended) == []


def test_a_syntax_error_is_told_on_stderr_with_status_2(bash):
    ended = bash.run("echo one\nif then\n")
    assert ended.stdout == "one\n" and "line 2: syntax error" in ended.stderr
    assert ended.error == ("ExitStatus", "2")
    assert bash.run("echo 'unclosed").error == ("ExitStatus", "2")
    assert bash.run("echo fine").stdout == "fine\n"


def test_heredocs_functions_of_many_lines_and_odd_text_run_as_in_a_script(bash):
    code = textwrap.dedent("""\
        f() {
            cat <<END
        $1 'quoted' "double" \\$kept
        END
        }
        f ü€𝄞
        return 4
        echo never""")
    ended = bash.run(code)
    assert ended.stdout == "ü€𝄞 'quoted' \"double\" $kept\n"
    assert ended.error == ("ExitStatus", "4")
    assert bash.run("cat <<END\nnever ended").stdout == "never ended\n"
    assert bash.run("for i in 1 2; do break; done; break; echo on").stdout == "on\n"


def test_exit_ends_the_cell_and_the_loss_is_told(bash):
    bash.run("x=1; cd /")
    ended = bash.run("echo out; exit 7; echo never")
    assert ended.stdout == "out\n" and ended.error == ("ExitStatus", "7")
    assert payload(ended) == [("shell_lost", "after")] and "the shell has ended" in ended.stderr
    after = bash.run('echo "[$x]"; pwd')
    assert after.stdout == f"[]\n{bash.workspace}\n"
    assert payload(after) == [] and after.stderr == ""
    assert payload(bash.run("exec true")) == [("shell_lost", "after")]


def test_a_shell_that_dies_between_two_cells_takes_the_kernel_with_it(bash):
    shell = int(bash.run("echo $$").stdout)
    os.kill(shell, signal.SIGKILL)
    assert bash.process.wait(60) == 128 + signal.SIGKILL


def test_strict_mode_ends_its_own_cell_and_no_other(bash):
    ended = bash.run("set -euo pipefail\necho before\nfalse | true\necho never")
    assert ended.stdout == "before\n" and ended.error == ("ExitStatus", "1")
    # As long as nothing fails the shell lives on, and the options go with the cell.
    assert bash.run("set -eux; kept=1").status == "ok"
    ended = bash.run('false; echo "$kept$unset"')
    assert (ended.stdout, ended.stderr, ended.status) == ("1\n", "", "ok")
    ended = bash.run("set -u; echo $unset; echo never")
    assert "unbound variable" in ended.stderr and ended.status == "error"
    assert bash.run("echo $kept").stdout == "1\n"


def test_what_a_cell_does_to_its_streams_is_gone_with_it(bash):
    bash.run("exec >/dev/null 2>&1 9>&- 8>&- 7>&-; echo lost; PS1='prompt '; set -v")
    ended = bash.run("echo seen; echo too >&2")
    assert (ended.stdout, ended.stderr) == ("seen\n", "too\n")


def test_no_descriptor_of_the_kernel_is_left_to_programs(bash):
    ended = bash.run("ls -l /proc/self/fd | sed -n 's/.* \\([0-9]*\\) ->.*/\\1/p' | tr '\\n' ' '")
    assert ended.stdout == "0 1 2 3 "  # the last is the listed directory


def test_no_process_of_a_cell_outlives_it(bash):
    ended = bash.run("sleep 1000 & echo $!\n"
                     "(setsid sleep 1000 & echo $!)\n"
                     "(trap '' TERM INT HUP; sleep 1000 & echo $! >pid; exec sleep 1000) & echo $!\n"
                     "until [ -s pid ]; do sleep 0.01; done; cat pid")
    pids = ended.stdout.split()
    assert len(pids) == 4 and not any(lives(pid) for pid in pids)
    assert bash.run("jobs; echo $$ >/dev/null").stdout == ""


def test_no_process_of_a_program_outlives_it():
    with Kernel("py") as kernel:
        ended = kernel.run("import subprocess\nprint(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)")
        assert ended.status == "ok" and not lives(ended.stdout.strip())


def test_output_comes_while_the_cell_runs(bash):
    seen = []

    def on_text(text):
        seen.append(text)
        if text == "one\n":
            (bash.workspace / "go").touch()

    ended = bash.run("echo one; until [ -e go ]; do sleep 0.01; done; echo two >&2", on_text=on_text)
    assert seen == ["one\n", "two\n"] and ended.stderr == "two\n"


@pytest.mark.parametrize("loop", ["sleep 1000", "while :; do :; done", "while :; do sleep 0.01; done"])
def test_an_interrupt_ends_the_cell_and_keeps_the_shell(bash, loop):
    bash.run("kept=1")
    ended = bash.run(f"echo go; {loop}; echo never", on_text=lambda text: "go" in text and bash.interrupt())
    assert ended.stdout == "go\n" and ended.error == ("ExitStatus", "130")
    after = bash.run("echo $kept")
    assert after.stdout == "1\n" and payload(after) == []


def test_interrupts_at_any_moment_leave_a_shell_that_answers(bash):
    bash.run("kept=1")
    for turn in range(50):
        message = bash.client.session.msg("execute_request", {"code": f"echo {turn}", "silent": False})
        bash.client.shell_channel.send(message)
        bash.interrupt()
        assert bash.client.get_shell_msg(timeout=60)["content"].get("evalue") in (None, "130")
    assert bash.run("echo $kept").stdout == "1\n"


def test_an_interrupt_ends_a_program():
    with Kernel("c") as kernel:
        code = '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("go"); fflush(stdout); pause(); }'
        ended = kernel.run(code, on_text=lambda text: kernel.interrupt())
        assert ended.error == ("Signal", "SIGINT (2)")


def test_bytes_that_are_no_text_are_replaced_and_characters_are_whole(bash):
    assert bash.run(r"printf 'a\xff\xe2\x82b\xe2'").stdout == "a\ufffd\ufffdb\ufffd"
    ended = bash.run(r"for i in 1 2 3; do printf '\xe2'; sleep 0.05; printf '\x82\xac'; done")
    assert ended.stdout == "€€€"


def test_input_is_asked_for_when_a_program_waits_for_it(bash):
    ended = bash.run('read first; echo "<$first>"; python3 -c "print(input())"; cat; echo end',
                     answers=["a b", "second", "third", "\x04"])
    assert ended.stdout == "<a b>\nsecond\nthird\nend\n"
    assert bash.run('read line; echo "$?"').stdout == "1\n"  # not allowed: closed
    assert bash.run('read line; echo "$line"', answers=["again"]).stdout == "again\n"


def test_an_error_aborts_what_is_queued_behind_it(bash):
    session, shell = bash.client.session, bash.client.shell_channel
    content = {"silent": False, "stop_on_error": True}
    for code in ("until [ -e go ]; do sleep 0.01; done; false", "touch ran"):
        shell.send(session.msg("execute_request", {"code": code, **content}))
    # Both are heard before the first ends: the answer on control is behind them in time.
    shell.send(session.msg("kernel_info_request"))
    bash.control("kernel_info_request")
    (bash.workspace / "go").touch()
    replies = [bash.client.get_shell_msg(timeout=60) for _ in range(3)]
    assert [each["content"]["status"] for each in replies] == ["error", "aborted", "ok"]
    assert not (bash.workspace / "ran").exists()


def test_a_reader_that_is_behind_loses_nothing_and_holds_the_program_back(bash):
    context = zmq.Context()
    slow = context.socket(zmq.SUB)
    slow.set(zmq.RCVHWM, 1)
    slow.subscribe(b"stream")
    slow.connect(f"ipc://{bash.directory}/k-2")
    # A subscription is there once something published comes.
    while not slow.poll(10):
        bash.run("echo ready")
    bash.client.iopub_channel.stop()
    bash.client.shell_channel.send(bash.client.session.msg("execute_request", {"code": "seq 6000000", "silent": False}))

    def taken():
        return int(re.search(r"rchar: (\d+)", pathlib.Path(f"/proc/{bash.process.pid}/io").read_text())[1])

    wait_until(lambda: taken() > 10_000_000)
    bash.control("kernel_info_request")  # answered all the same
    pieces = [""]
    while not pieces[-1].endswith("\n6000000\n"):
        assert slow.poll(60_000)
        pieces.append(json.loads(slow.recv_multipart()[6])["text"])
    expected = "".join(f"{number}\n" for number in range(1, 6_000_001))
    assert "".join(pieces).replace("ready\n", "") == expected
    peak = int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{bash.process.pid}/status").read_text())[1])
    assert peak < 50 * 1024  # KiB; all that was written is more
    context.destroy(linger=0)


@pytest.mark.parametrize("how", ["shutdown_request", "SIGTERM"])
def test_the_end_of_the_kernel_leaves_nothing(how):
    with Kernel("bash") as kernel:
        pids = kernel.run("echo $$").stdout.split()
        kernel.client.execute("sleep 1000 & echo $! >pid; wait")
        wait_until(lambda: (kernel.workspace / "pid").exists() and (kernel.workspace / "pid").read_text().strip())
        pids += (kernel.workspace / "pid").read_text().split()
        if how == "SIGTERM":
            kernel.process.send_signal(signal.SIGTERM)
        else:
            assert kernel.control("shutdown_request", restart=False) == {"status": "ok", "restart": False}
        assert kernel.process.wait(60) == 0
        assert len(pids) == 2 and not any(lives(pid) for pid in pids)
        assert list(kernel.temporary.iterdir()) == []


def environment_with(folder, package):
    """From PyPI, in an environment of its own: Debian has no package of it, or another version."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", package], check=True)
    return python


def test_jupyters_own_test_of_kernels_passes(tmp_path):
    python = environment_with(tmp_path, JUPYTER_KERNEL_TEST)
    done = subprocess.run([python, pathlib.Path(__file__).with_name("language_kernel_conformance.py"), "-v"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=300,
                          env={**os.environ, "JUPYTER_PATH": str(tmp_path)})
    sys.stdout.write(done.stderr)
    assert done.returncode == 0
    for test in ("test_execute_stdout", "test_execute_stderr", "test_error", "test_kernel_info"):
        assert re.search(rf"^{test} .*ok$", done.stderr, re.MULTILINE), test


class Console:
    """`jupyter console` at a terminal."""

    def __init__(self, folder):
        specification = folder / "kernels/bash/kernel.json"
        specification.parent.mkdir(parents=True)
        specification.write_text(json.dumps({"argv": [str(KERNEL), "--language", "bash", "-f", "{connection_file}"],
                                             "display_name": "bash", "language": "bash"}))
        python = environment_with(folder, JUPYTER_CONSOLE)
        self.terminal, other = pty.openpty()
        self.process = subprocess.Popen(
            [python, "-m", "jupyter_console", "--kernel", "bash", "--simple-prompt"], cwd=folder, stdin=other, stdout=other, stderr=other,
            env={**os.environ, "JUPYTER_PATH": str(folder), "TERM": "dumb"}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(other)
        self.seen = ""

    def types(self, text):
        os.write(self.terminal, text.encode())

    def shows(self, text):
        """Reads up to it, and returns what came before."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < deadline, (text, self.seen)
            if select.select([self.terminal], [], [], 1)[0]:
                self.seen += os.read(self.terminal, 1 << 16).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before


def test_jupyter_console_works_with_it(tmp_path):
    console = Console(tmp_path)
    try:
        console.shows("In [1]: ")
        console.types("x=5\n")
        console.shows("In [2]: ")
        console.types("echo got-$x; echo err-$x >&2\n")
        console.shows("got-5")
        console.shows("err-5")
        console.shows("In [3]: ")
        console.types("read y; echo you-$y\n")
        console.shows("you-$y")  # the echo of what was typed
        console.types("me\n")
        console.shows("you-me")
        console.shows("In [4]: ")
        console.types("echo begun-$x; sleep 1000\n")
        console.shows("begun-5")
        console.types("\x03")
        assert "exit status 130" in console.shows("In [5]: ")
        console.types("echo after-$x\n")
        console.shows("after-5")
        console.shows("In [6]: ")
        console.types("\x04")
        console.shows("exit")
        console.types("y\n")
        assert console.process.wait(PATIENCE) == 0
    finally:
        console.process.kill()
        console.process.wait()
        os.close(console.terminal)
