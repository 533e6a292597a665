# SPDX-License-Identifier: Apache-2.0
"""The program as an operator meets it: words, exit statuses, keys beside a running broker, doctor."""
import json
import os
import re
import subprocess

import pytest

from broker import BINARY, KERNEL_IMAGE, Broker


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def run(*words, state=None, env=None, check=None):
    command = [str(BINARY), *words]
    if state is not None:
        command += ["--config", "/dev/null", "--state-dir", str(state)]
    clean = {key: value for key, value in os.environ.items() if not key.startswith("KERNEL_BROKER_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**clean, **(env or {})})
    if check is not None:
        assert done.returncode == check, done
    return done


def test_version_and_help_are_answers_on_standard_output():
    assert re.fullmatch(r"kernel-broker \d+\.\d+\.\d+\n", run("version", check=0).stdout)
    help_text = run("--help", check=0).stdout
    for word in ("serve", "check-config", "doctor", "image", "keys", "Exit status", "Examples"):
        assert word in help_text


@pytest.mark.parametrize("words", [["bogus"], ["keys", "bogus"], ["image", "bogus"]])
def test_a_word_that_is_no_command_is_named(words):
    done = run(*words, check=2)
    assert done.stdout == "" and 'there is no command "bogus"; the commands are: ' in done.stderr


@pytest.mark.parametrize("words", [[], ["serv"], ["keys"], ["keys", "add"], ["serve", "extra"],
                                   ["serve", "--set", "nothing"], ["serve", "--no-such"]])
def test_a_wrong_command_line_is_status_2_and_says_so(words):
    done = run(*words, check=2)
    assert done.stdout == "" and len(done.stderr) > 10


def test_a_refused_configuration_is_status_3_with_every_line(tmp_path, state):
    file = tmp_path / "config.toml"
    file.write_text("# ours\nlisten = '127.0.0.1:0'\nmemori_bytes = 1\npids = 'many'\n")
    for words in (["serve"], ["doctor"], ["keys", "list"], ["image", "list"]):
        done = run(*words, "--config", str(file), "--state-dir", str(state), check=3)
        assert f"{file}:3: memori_bytes is no setting; did you mean memory_bytes?" in done.stderr
        assert f"{file}:4: pids is" in done.stderr
    assert run("check-config", "--config", str(file), check=1).stdout == ""
    assert not state.exists()


def test_check_config_prints_what_is_in_effect_and_its_source(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("pids = 99\n")
    done = run("check-config", "--config", str(file), "--set", "cpus=0.25",
               env={"KERNEL_BROKER_MEMORY_BYTES": "1GiB"}, check=0)
    assert f"pids = 99  # {file}:1\n" in done.stdout
    assert "cpus = 0.25  # flag cpus\n" in done.stdout
    assert "memory_bytes = 1073741824  # 1 GiB, KERNEL_BROKER_MEMORY_BYTES\n" in done.stdout
    assert "timeout_s = 60  # default\n" in done.stdout
    again = tmp_path / "again.toml"
    again.write_text(done.stdout)
    second = run("check-config", "--config", str(again), check=0)
    strip = re.compile(r"  #.*")
    assert strip.sub("", second.stdout) == strip.sub("", done.stdout)


def test_serving_others_without_a_key_is_refused_with_what_to_do(state):
    done = run("serve", "--listen", "0.0.0.0:0", state=state, check=3)
    assert "kernel-broker keys add" in done.stderr and "trusted_networks" in done.stderr


def test_a_key_is_shown_once_and_only_its_hash_is_kept(state):
    key = run("keys", "add", "alice", "--tenant", "blue", state=state, check=0).stdout.strip()
    assert re.fullmatch(r"kb_[A-Za-z0-9_-]{42}", key)
    listed = json.loads(run("keys", "list", "--json", state=state, check=0).stdout)
    assert [(one["name"], one["tenant"], one["revoked_at"]) for one in listed] == [("alice", "blue", None)]
    for file in state.rglob("*"):
        if file.is_file():
            assert key[9:].encode() not in file.read_bytes(), file
    assert oct(state.stat().st_mode & 0o777) == "0o700"
    assert run("keys", "add", "alice", state=state, check=1).stdout == ""
    run("keys", "revoke", "alice", state=state, check=0)
    run("keys", "revoke", "alice", state=state, check=1)
    assert run("keys", "add", "alice", state=state, check=0).stdout.strip() != key


def test_a_key_that_cannot_be_printed_is_revoked(state):
    run("keys", "add", "first", state=state, check=0)
    with open("/dev/full", "w") as full:
        done = subprocess.run([str(BINARY), "keys", "add", "lost", "--config", "/dev/null",
                               "--state-dir", str(state)], stdout=full, stderr=subprocess.PIPE,
                              text=True, timeout=60)
    assert done.returncode == 1 and "revoked" in done.stderr
    listed = json.loads(run("keys", "list", "--json", state=state, check=0).stdout)
    assert {one["name"]: one["revoked_at"] is None for one in listed} == {"first": True, "lost": False}


def test_keys_come_and_go_while_the_broker_runs():
    with Broker() as broker:
        def status(**headers):
            client = broker.client(headers=headers)
            try:
                return client.request("GET", "/v1/sessions").status
            finally:
                client.close()

        assert status() == 200
        key = run("keys", "add", "alice", state=broker.state, check=0).stdout.strip()
        other = run("keys", "add", "bob", state=broker.state, check=0).stdout.strip()
        assert status() == 401
        assert status(**{"X-API-Key": key}) == 200
        kept = broker.client(headers={"Authorization": f"Bearer {key}"})
        assert kept.request("GET", "/v1/sessions").status == 200
        run("keys", "revoke", "alice", state=broker.state, check=0)
        assert status(**{"X-API-Key": key}) == 401
        assert kept.request("GET", "/v1/sessions").status == 401, "an open connection outlived its key"
        kept.close()
        assert status(**{"X-API-Key": other}) == 200
        run("keys", "revoke", "bob", state=broker.state, check=0)
        assert status() == 401, "revoking the last key opened the door"
        last = run("keys", "add", "carol", state=broker.state, check=0).stdout.strip()
        broker.headers = {"X-API-Key": last}
        logged = json.dumps(broker.log)
        assert key not in logged and other not in logged


def test_a_second_broker_refuses_and_names_the_holder():
    with Broker() as broker:
        done = run("serve", "--listen", "127.0.0.1:0", state=broker.state, check=4)
        assert str(broker.process.pid) in done.stderr


def mounts_and_groups():
    groups = {path for top in ("/sys/fs/cgroup",) for path, _, _ in os.walk(top) if "kernel-broker" in path}
    with open("/proc/self/mounts", encoding="utf-8") as table:
        mounts = {line.split()[1] for line in table if "kernel-broker-doctor" in line}
    return groups, mounts


def test_doctor_tells_how_to_mend_and_leaves_nothing_behind(state):
    state.mkdir(mode=0o700)
    groups_before, _ = mounts_and_groups()
    done = run("doctor", "--json", state=state)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["can_run"] else 1)
    topics = {one["topic"] for one in report["findings"]}
    assert {"rights", "kernel", "runtime", "workspaces", "image", "memory", "disk", "vsock"} <= topics
    # No image was built here, so that must be in the way, and the way out must be told.
    image = [one for one in report["findings"] if one["topic"] == "image"]
    assert image[0]["level"] == "fail" and "image build" in image[0]["mend"]
    assert not list(state.iterdir())
    groups, mounts = mounts_and_groups()
    assert not mounts and not [group for group in groups - groups_before if "probe" in group]
    text = run("doctor", state=state).stdout
    assert "fail  image" in text and "Sessions cannot run here" in text


def test_doctor_finds_a_host_fit_that_runs_sessions(shared, state):
    image_dir = os.environ.get("KB_IMAGE_DIR", shared.state / "images")
    done = run("doctor", "--set", f"image_dir={image_dir}", "--set", f"image={KERNEL_IMAGE}",
               "--set", f"listen=127.0.0.1:{shared.port}", "--json", state=state)
    report = json.loads(done.stdout)
    assert done.returncode == 0, [one for one in report["findings"] if one["level"] == "fail"]
    address = next(one for one in report["findings"] if one["topic"] == "address")
    assert address["level"] == "warn" and "already" in address["text"]
