# SPDX-License-Identifier: Apache-2.0
"""`kernel-broker run` and `exec-notebook` as a person at a shell meets them, against a scripted server."""
import base64
import json
import os
import pty
import signal
import socket
import subprocess
import termios
import threading

import nbformat
import pytest

from broker import BINARY, Broker, until
from fake_broker import CUT, CUT_INSIDE, Fake, end

PNG = base64.b64encode(b"\x89PNG not quite").decode()


def environment(**more):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("KERNEL_BROKER_")}
    return {**clean, **more}


def start(fake, *words, **arguments):
    arguments = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                 "env": environment(), **arguments}
    url = [] if fake is None else ["--url", fake.url]
    return subprocess.Popen([str(BINARY), *words, *url], **arguments)


def run(fake, *words, feed=None, check=None, **arguments):
    if feed is not None:
        arguments["stdin"] = subprocess.PIPE
    process = start(fake, *words, **arguments)
    out, err = process.communicate(feed, timeout=120)
    if check is not None:
        assert process.returncode == check, (process.returncode, out, err)
    process.out, process.err = out, err
    return process


def play(*events):
    return lambda execution: iter(events)


def finish(process, code):
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, (process.returncode, out, err)
    return out, err


def test_output_comes_as_it_is_printed_each_kind_where_it_belongs():
    seen = threading.Event()

    def scene(execution):
        yield "queued", {"position": 0}
        yield "started", {"execution_count": 1}
        yield "stdout", {"text": "first\n"}
        execution.wait(seen)  # nothing more comes until the line was read
        yield "stderr", {"text": "careful\n"}
        yield "stdout", {"text": "no line end"}
        yield "execute_result", {"data": {"text/plain": "42"}, "metadata": {}, "execution_count": 1}
        yield "files", {"files": []}
        yield end()

    with Fake(scene) as fake:
        process = start(fake, "run", "-c", "x")
        assert process.stdout.readline() == "first\n"
        seen.set()
        assert finish(process, 0) == ("no line end\n42\n", "careful\n")


def test_code_comes_from_a_word_a_file_and_standard_input(tmp_path):
    file = tmp_path / "code.py"
    file.write_bytes(b"\xef\xbb\xbfprint('\xc3\xa4')\n")
    with Fake(*[play(end())] * 3) as fake:
        run(fake, "run", "-c", "-1", check=0)
        run(fake, "run", str(file), "--timeout", "2.5", check=0)
        run(fake, "run", "-", feed="piped", check=0)
        bodies = [body for _, _, _, body in fake.asked("POST")]
        assert bodies == [{"code": "-1"}, {"code": "print('ä')\n", "timeout_s": 2.5}, {"code": "piped"}]
        file.write_bytes(b"\xff")
        assert "not UTF-8" in run(fake, "run", str(file), check=125).err
        assert "no-such" in run(fake, "run", "no-such", check=125).err


@pytest.mark.parametrize("last, status, told", [
    (end(), 0, ""),
    (end("error", 1), 1, ""),
    (end("error", 7, error={"ename": "SystemExit", "evalue": "7", "traceback": []}), 7, ""),
    (end("error", 1, error={"ename": "SystemExit", "evalue": "so long", "traceback": []}), 1, "so long\n"),
    (end("timeout", 124), 124, "kernel-broker: the time limit was reached; variables are kept\n"),
    (end("died", 137, death={"kind": "oom", "detail": "512 MiB"}, variables_kept=False), 137,
     "kernel-broker: the kernel died (oom): 512 MiB; variables are gone\n"),
    (end("unknown", 0), 125, "kernel-broker: how the code ended is not known\n"),
    (("end", "{broken"), 125, "kernel-broker: how the code ended is not known\n"),
    (end(session_state="restarted", state_reason="oom"), 0,
     "kernel-broker: the session had a new kernel (oom): earlier variables were gone\n"),
])
def test_the_exit_status_is_that_of_the_code(last, status, told):
    with Fake(play(("stdout", {"text": "x"}), last)) as fake:
        done = run(fake, "run", "-c", "x", check=status)
        assert (done.out, done.err) == ("x", told)


def test_a_session_of_its_own_is_deleted_and_a_named_one_stays():
    with Fake(play(end()), play(end())) as fake:
        run(fake, "run", "-c", "x", check=0)
        path = fake.asked("POST")[0][1]
        assert [one[1] for one in fake.asked("DELETE")] == [path.removesuffix("/executions")]
        run(fake, "run", "-c", "x", "--session", "mine", check=0)
        assert fake.asked("POST")[1][1] == "/v1/sessions/mine/executions"
        assert len(fake.asked("DELETE")) == 1


def test_ctrl_c_interrupts_the_code_and_hears_it_out():
    def scene(execution):
        yield "stdout", {"text": "busy\n"}
        execution.wait(execution.interrupted)
        yield "stdout", {"text": "cleaning up\n"}
        yield "error", {"ename": "KeyboardInterrupt", "evalue": "", "traceback": ["\x1b[31mKeyboardInterrupt\x1b[0m"]}
        yield end("interrupted", 130)

    with Fake(scene) as fake:
        process = start(fake, "run", "-c", "x")
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGINT)
        out, err = finish(process, 130)
        assert out == "cleaning up\n"
        assert err == "KeyboardInterrupt\nkernel-broker: interrupted; variables are kept\n"
        assert len(fake.asked("POST", "/interrupt")) == 1


@pytest.mark.parametrize("second, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_leaves_at_once_and_leaves_no_session(second, status):
    def scene(execution):
        yield "stdout", {"text": "busy\n"}
        execution.wait(execution.interrupted)
        yield "stdout", {"text": "not impressed\n"}

    with Fake(scene) as fake:
        process = start(fake, "run", "-c", "x")
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "not impressed\n"
        process.send_signal(second)
        finish(process, status)
        assert len(fake.asked("POST", "/interrupt")) == 1 and len(fake.asked("DELETE")) == 1


def test_sigterm_interrupts_the_code_and_leaves():
    with Fake(play(("stdout", {"text": "busy\n"}))) as fake:
        process = start(fake, "run", "-c", "x", "--session", "mine")
        assert process.stdout.readline() == "busy\n"
        process.send_signal(signal.SIGTERM)
        finish(process, 143)
        assert len(fake.asked("POST", "/interrupt")) == 1


@pytest.mark.parametrize("cut", [CUT, CUT_INSIDE])
def test_a_broken_connection_is_taken_up_where_it_was(cut):
    def scene(execution):
        yield cut
        yield "stdout", {"text": "1"}
        yield "stdout", {"text": "2"}
        yield cut
        yield "stdout", {"text": "3"}
        yield end("error", 3)
        yield CUT

    with Fake(scene) as fake:
        done = run(fake, "run", "-c", "x", check=3)
        assert done.out == "123" and done.err == ""
        assert len(fake.asked("POST", "/executions")) == 1
        assert [one[2].get("Last-Event-ID") for one in fake.asked("GET", "/events")] == [None, "2"]


def test_an_answer_that_was_lost_does_not_run_the_code_twice():
    with Fake(play(("stdout", {"text": "once\n"}), end())) as fake:
        fake.lose_next_answer = True
        assert run(fake, "run", "-c", "x", check=0).out == "once\n"
        first, second = fake.asked("POST", "/executions")
        assert first[2]["Idempotency-Key"] == second[2]["Idempotency-Key"] and len(fake.executions) == 1


def test_an_execution_that_is_no_more_is_an_end_of_its_own():
    def scene(execution):
        yield "stdout", {"text": "1"}
        fake.executions.clear()
        yield CUT

    with Fake(scene) as fake:
        done = run(fake, "run", "-c", "x", "--session", "mine", check=125)
        assert done.out == "1" and "there is no such thing (not_found)" in done.err
        assert "may go on in session mine" in done.err


def test_json_is_the_execution_and_nothing_else():
    def scene(execution):
        yield "stdout", {"text": "noise"}
        yield "display_data", {"data": {"image/png": PNG}, "metadata": {}}
        yield "error", {"ename": "E", "evalue": "v", "traceback": ["tb"]}
        yield end("timeout", 124)

    with Fake(scene) as fake:
        done = run(fake, "run", "--json", "-c", "x", check=124)
        document = json.loads(done.out)
        assert document["outcome"] == "timeout" and document["id"] in fake.executions
        assert done.err == "" and done.out.count("\n") == 1
        assert [one[0] for one in fake.heard] == ["POST", "GET", "DELETE"]


def test_a_unix_socket_is_a_server_too(tmp_path):
    with Fake(play(("stdout", {"text": "here\n"}), end()), unix_path=tmp_path / "s") as fake:
        assert run(fake, "run", "-c", "x", check=0).out == "here\n"
        assert fake.heard[0][2]["Host"] == "localhost"


def test_address_and_key_come_from_the_environment_and_flags_win():
    with Fake(*[play(end())] * 2) as fake:
        variables = environment(KERNEL_BROKER_URL=fake.url + "/", KERNEL_BROKER_API_KEY="from-environment")
        run(None, "run", "-c", "x", check=0, env=variables)
        run(None, "run", "-c", "x", "--key", "from-flag", check=0, env=variables)
        keys = [one[2]["X-API-Key"] for one in fake.asked("POST")]
        assert keys == ["from-environment", "from-flag"]
        # Whoever exported them can start a broker all the same.
        assert run(None, "check-config", "--config", "/dev/null", env=variables).returncode == 0


def test_what_is_not_to_be_had_is_told_with_status_125():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % closed.getsockname()[1]
        done = run(None, "run", "-c", "x", "--url", url, check=125)
        assert done.out == "" and f"no broker answers at {url}" in done.err
    with Fake() as fake:
        fake.refusal = (401, "unauthorized", "this key is not known")
        done = run(fake, "run", "-c", "x", "--session", "mine", check=125)
        assert done.err == "kernel-broker: this key is not known (unauthorized)\n"
        # That its session was not deleted either says nothing new.
        assert run(fake, "run", "-c", "x", check=125).err == done.err


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-nothing\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                    b"Location: /v1/executions/../../../../tmp/x\r\n\r\nevent: end\ndata: {}\n\n"])
def test_a_server_that_is_something_else_ends_in_a_sentence(answer):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        url = "http://127.0.0.1:%d" % server.getsockname()[1]
        process = start(None, "run", "-c", "x", "--url", url, "--session", "mine")
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(answer)
        connection.close()
        if not answer:
            server.close()  # and it never comes back: after the last attempt that is told, too
            process.send_signal(signal.SIGTERM)
            finish(process, 143)
        else:
            _, err = finish(process, 125)
            assert err.startswith("kernel-broker: ") and err.count("\n") == 1


@pytest.mark.parametrize("words", [["-c", "x", "--url", "https://x"], ["-c", "x", "--url", "x"],
                                   ["-c", "x", "--session", "a/b"], ["-c", "x", "--session", ""],
                                   ["-c", "x", "--key", "a\r\nb"], ["-c", "x", "--timeout", "0"],
                                   ["-c", "x", "file"], []])
def test_a_wrong_command_line_is_status_2(words):
    done = run(None, "run", *words, check=2)
    assert done.out == "" and len(done.err) > 10


def test_images_are_saved_and_where_is_told(tmp_path):
    def scene(execution):
        yield "display_data", {"data": {"image/png": PNG, "text/plain": "<Figure>"}, "metadata": {}}
        yield "execute_result", {"data": {"image/svg+xml": "<svg/>", "text/plain": "<SVG>"}, "metadata": {},
                                 "execution_count": 1}
        yield end()

    with Fake(scene) as fake:
        done = run(fake, "run", "-c", "x", "--save-dir", str(tmp_path / "new" / "plots"), check=0)
        (eid,) = fake.executions
        first, second = (tmp_path / "new" / "plots" / f"kernel-broker-{eid}-{name}" for name in ("1.png", "2.svg"))
        assert first.read_bytes() == b"\x89PNG not quite" and second.read_text() == "<svg/>"
        assert done.out == "<SVG>\n"
        assert done.err == f"kernel-broker: saved {first}\nkernel-broker: saved {second}\n"


def ask(execution):
    yield "input_request", {"prompt": "name? ", "password": False}
    yield "stdout", {"text": f"hello {execution.wait_input()}\n"}
    yield "input_request", {"prompt": "again? ", "password": False}
    yield "stdout", {"text": f"hello {execution.wait_input()}\n"}
    yield end()


def test_input_is_asked_for_line_by_line():
    with Fake(ask) as fake:
        done = run(fake, "run", "--input", "-c", "x", feed="alice\nbob", check=0)
        assert (done.out, done.err) == ("hello alice\nhello bob\n", "name? again? ")
        assert fake.asked("POST", "/executions")[0][3]["allow_stdin"] is True


def test_input_that_ends_interrupts_the_code():
    def scene(execution):
        yield "input_request", {"prompt": "", "password": False}
        execution.wait(execution.interrupted)
        yield end("interrupted", 130)

    with Fake(scene) as fake:
        assert "no more input" in run(fake, "run", "--input", "-c", "x", feed="", check=130).err


class Terminal:
    """A program whose three streams are one terminal."""

    def __init__(self, fake, *words):
        self.master, self.slave = pty.openpty()
        self.process = start(fake, *words, stdin=self.slave, stdout=self.slave, stderr=self.slave, text=False)
        self.text = b""

    def until(self, text):
        while text not in self.text:
            self.text += os.read(self.master, 4096)

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def end(self, code):
        assert self.process.wait(60) == code, self.text
        os.set_blocking(self.master, False)
        try:
            while piece := os.read(self.master, 4096):
                self.text += piece
        except BlockingIOError:
            pass
        os.close(self.master)
        os.close(self.slave)
        return self.text


def test_a_password_is_not_echoed_and_echo_comes_back():
    def scene(execution):
        yield "input_request", {"prompt": "secret: ", "password": True}
        yield "stdout", {"text": f"{len(execution.wait_input())} characters\n"}
        yield end()

    with Fake(scene) as fake:
        terminal = Terminal(fake, "run", "--input", "-c", "x")
        terminal.until(b"secret: ")
        until(lambda: not terminal.echoes(), "echo off")
        os.write(terminal.master, b"hunter2\n")
        terminal.until(b"7 characters")
        assert terminal.echoes()
        assert b"hunter2" not in terminal.end(0)


def test_a_terminal_gets_colours_and_lines_of_its_own():
    def scene(execution):
        yield "stdout", {"text": "50 %"}
        yield "clear_output", {"wait": True}
        yield "stdout", {"text": "100 %"}
        yield "error", {"ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]}
        yield end("error", 1)

    with Fake(scene, scene) as fake:
        text = Terminal(fake, "run", "-c", "x").end(1)
        assert text == b"50 %\r\x1b[2K100 %\r\n\x1b[31mE\x1b[0m: v\r\n"
        done = run(fake, "run", "-c", "x", check=1)
        assert (done.out, done.err) == ("50 %100 %", "E: v\n")


def test_a_reader_that_goes_away_ends_the_code():
    ready = threading.Event()

    def scene(execution):
        yield "stdout", {"text": "first\n"}
        execution.wait(ready)
        while not execution.interrupted.is_set():
            yield "stdout", {"text": "more\n"}
            execution.interrupted.wait(0.05)
        yield end("interrupted", 130)

    with Fake(scene) as fake:
        process = start(fake, "run", "-c", "x")
        assert process.stdout.readline() == "first\n"
        process.stdout.close()
        ready.set()
        assert "standard output cannot be written" in process.stderr.read()
        assert process.wait(60) == 130


# exec-notebook


def code(source, **fields):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None, **fields}


def write(path, *cells, **fields):
    path.write_text(json.dumps({"cells": list(cells), "metadata": {"mine": [1]}, "nbformat": 4, "nbformat_minor": 4,
                                **fields}))
    return path


def cell_play(count, *outputs, last=None):
    def scene(execution):
        execution.document.update(outputs=list(outputs), execution_count=count)
        yield "started", {"execution_count": count}
        yield last or end()

    return scene


def stream(text):
    return {"type": "stream", "name": "stdout", "text": text}


def error(name="ValueError"):
    return {"type": "error", "ename": name, "evalue": "no", "traceback": ["a", "b"]}


def failed(name="ValueError"):
    return end("error", 1, error={"ename": name, "evalue": "no", "traceback": []})


def test_a_notebook_is_run_in_order_and_is_valid_afterwards(tmp_path):
    source = write(tmp_path / "in.ipynb", {"cell_type": "markdown", "metadata": {}, "source": ["# t\n", "x"]},
                   code(["a = 1\n", "print(a)"], outputs=[{"output_type": "stream", "name": "stdout", "text": "old"}],
                        execution_count=9), code("  \n"), code("plot", metadata={"k": {"z": 1, "a": 2}}))
    figure = {"type": "display_data", "metadata": {"image/png": {"width": 3}},
              "data": {"image/png": PNG + "\n", "text/plain": "a\nb", "application/vnd.x+json": {"deep": [1, None]}}}
    result = {"type": "execute_result", "metadata": {}, "execution_count": 2, "data": {"text/plain": "7"}}
    with Fake(cell_play(1, stream("1\n2\n")), cell_play(2, figure, result)) as fake:
        done = run(fake, "exec-notebook", str(source), str(tmp_path / "out.ipynb"), check=0)
        assert done.out == "" and "cell 1 of 2 ... " in done.err and "cell 2 of 2 ... " in done.err
        assert [one[3]["code"] for one in fake.asked("POST")] == ["a = 1\nprint(a)", "plot"]
        assert len({one[1] for one in fake.asked("POST")}) == 1 and len(fake.asked("DELETE")) == 1
    text = (tmp_path / "out.ipynb").read_text()
    nbformat.validate(json.loads(text))
    made = nbformat.reads(text, as_version=4)
    assert (made.nbformat_minor, made.metadata) == (5, {"mine": [1]})
    _, first, blank, second = made.cells
    assert (first.execution_count, first.outputs) == (
        1, [{"output_type": "stream", "name": "stdout", "text": "1\n2\n"}])
    assert (blank.execution_count, blank.outputs) == (None, [])
    assert second.outputs[0].data == {"image/png": PNG + "\n", "text/plain": "a\nb",
                                      "application/vnd.x+json": {"deep": [1, None]}}
    assert second.outputs[0].metadata == {"image/png": {"width": 3}}
    assert (second.outputs[1].execution_count, second.outputs[1].data) == (2, {"text/plain": "7"})
    assert list(json.loads(text)["cells"][3]["metadata"]["k"]) == ["z", "a"]


def test_a_notebook_stops_at_the_first_error_and_keeps_what_ran(tmp_path):
    out = tmp_path / "out.ipynb"
    source = write(tmp_path / "in.ipynb", code("1"), code("2"), code("3"))
    with Fake(cell_play(1, stream("x")), cell_play(2, error(), last=failed())) as fake:
        done = run(fake, "exec-notebook", str(source), str(out), "--quiet", check=1)
        assert done.err.startswith("kernel-broker: cell 2 of 3, after ") and done.err.endswith(": ValueError: no\n")
        cells = json.loads(out.read_text())["cells"]
        assert [len(cell["outputs"]) for cell in cells] == [1, 1, 0]
        assert cells[1]["outputs"][0] == {"output_type": "error", "ename": "ValueError", "evalue": "no",
                                          "traceback": ["a", "b"]}
        assert len(fake.asked("DELETE")) == 1


def test_errors_that_are_allowed_or_expected_stop_nothing(tmp_path):
    out = tmp_path / "out.ipynb"
    expected = code("2", metadata={"tags": ["raises-exception"]})
    source = write(tmp_path / "in.ipynb", code("1"), expected, code("3"))
    plays = cell_play(1), cell_play(2, error(), last=failed()), cell_play(3)
    with Fake(*plays, *plays, cell_play(1), cell_play(2, last=end("timeout", 124))) as fake:
        run(fake, "exec-notebook", str(source), str(out), check=0)
        expected["metadata"] = {}
        write(source, code("1"), expected, code("3"))
        run(fake, "exec-notebook", str(source), str(out), "--allow-errors", check=0)
        # A cell that met its limit is more than an error of the code.
        done = run(fake, "exec-notebook", str(source), str(out), "--allow-errors", "--quiet", check=1)
        assert "the time limit was reached" in done.err


def test_ctrl_c_interrupts_the_cell_and_the_result_is_written(tmp_path):
    out = tmp_path / "out.ipynb"
    source = write(tmp_path / "in.ipynb", code("1"), code("2"), code("3"))
    running = threading.Event()

    def scene(execution):
        execution.document.update(outputs=[stream("half")], execution_count=2)
        yield "started", {"execution_count": 2}
        running.set()
        execution.wait(execution.interrupted)
        yield end("interrupted", 130)

    with Fake(cell_play(1, stream("x")), scene) as fake:
        process = start(fake, "exec-notebook", str(source), str(out))
        assert running.wait(60)
        process.send_signal(signal.SIGINT)
        finish(process, 130)
        cells = json.loads(out.read_text())["cells"]
        assert [cell["execution_count"] for cell in cells] == [1, 2, None]
        assert cells[1]["outputs"][0]["text"] == ["half"]


def test_a_signal_to_leave_writes_what_there_is(tmp_path):
    out = tmp_path / "out.ipynb"
    source = write(tmp_path / "in.ipynb", code("1"), code("2"))
    running = threading.Event()

    def scene(execution):
        execution.document.update(outputs=[stream("half")], execution_count=2)
        yield "started", {"execution_count": 2}
        running.set()

    with Fake(cell_play(1, stream("x")), scene) as fake:
        process = start(fake, "exec-notebook", str(source), str(out), "--session", "mine")
        assert running.wait(60)
        # The first event must have been read, or the client cannot know what to interrupt.
        process.send_signal(signal.SIGTERM)
        finish(process, 143)
        assert len(fake.asked("DELETE")) == 0
        assert json.loads(out.read_text())["cells"][0]["execution_count"] == 1


def test_a_result_may_replace_its_notebook_and_keeps_the_mode(tmp_path):
    file = write(tmp_path / "in.ipynb", code("1"))
    file.chmod(0o640)
    with Fake(cell_play(1, stream("x"))) as fake:
        run(fake, "exec-notebook", str(file), str(file), check=0)
    assert json.loads(file.read_text())["cells"][0]["outputs"][0]["text"] == ["x"]
    assert oct(file.stat().st_mode & 0o777) == "0o640" and os.listdir(tmp_path) == ["in.ipynb"]


def test_what_is_no_notebook_is_refused_before_anything_is_run(tmp_path):
    file, out = tmp_path / "in.ipynb", tmp_path / "out.ipynb"
    with Fake() as fake:
        for text, told in (("{", "not JSON"), ("[]", "not an object"), ('{"nbformat": 3}', "nbconvert"),
                           ('{"nbformat": 5}', "nbformat 5"), ('{"nbformat": 4, "cells": 1}', "list of cells"),
                           ('{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "cell 1")):
            file.write_text(text)
            assert told in run(fake, "exec-notebook", str(file), str(out), check=125).err
        assert "cannot be read" in run(fake, "exec-notebook", "no-such", str(out), check=125).err
        assert not fake.heard and not out.exists()


def test_no_server_leaves_the_result_of_before(tmp_path):
    out = tmp_path / "out.ipynb"
    out.write_text("before")
    source = write(tmp_path / "in.ipynb", code("1"))
    with Fake() as fake:
        fake.refusal = (503, "draining", "the broker is being stopped")
        assert "draining" in run(fake, "exec-notebook", str(source), str(out), check=125).err
    assert out.read_text() == "before"


# --- a real broker ---------------------------------------------------------------------------------------


def test_the_commands_against_a_real_broker(tmp_path):
    with Broker() as broker:
        url = f"http://127.0.0.1:{broker.port}"

        def cli(*words, **more):
            return subprocess.run([str(BINARY), *words, "--url", url], capture_output=True, text=True, timeout=120,
                                  cwd=tmp_path, **more)
        first = cli("run", "--session", "s", "-c", "import sys\nx = 6\nprint('out')\nprint('err', file=sys.stderr)\nx * 7")
        assert (first.returncode, first.stdout) == (0, "out\n42\n"), first
        assert "err\n" in first.stderr
        assert cli("run", "--session", "s", "-c", "sys.exit(x)").returncode == 6
        failed = cli("run", "-", input="1 / 0")
        assert failed.returncode == 1 and "ZeroDivisionError" in failed.stderr
        asked = cli("run", "--input", "--session", "s", "-c", "print('hello', input('who? '))", input="bob\n")
        assert (asked.returncode, asked.stdout.endswith("hello bob\n")) == (0, True), asked
        assert [one["id"] for one in broker.client().request("GET", "/v1/sessions").json["sessions"]] == ["s"]
        cells = ["import matplotlib.pyplot as plt\nplt.plot([1, 2])", "print('a'); 5",
                 "h = display('one', display_id=True); h.update('two')",
                 "from IPython.display import clear_output\nprint('gone'); clear_output(); print('kept')"]
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
            {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": code}
            for i, code in enumerate(cells)]}
        (tmp_path / "in.ipynb").write_text(json.dumps(notebook))
        ran = cli("exec-notebook", "in.ipynb", "out.ipynb")
        assert ran.returncode == 0, ran
        made = [cell["outputs"] for cell in json.loads((tmp_path / "out.ipynb").read_text())["cells"]]
        assert any("image/png" in output.get("data", {}) for output in made[0])
        assert [output["output_type"] for output in made[1]] == ["stream", "execute_result"]
        assert "".join(made[2][0]["data"]["text/plain"]) == "'two'"
        assert [("".join(output["text"])) for output in made[3]] == ["kept\n"]
