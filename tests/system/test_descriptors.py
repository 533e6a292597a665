# SPDX-License-Identifier: Apache-2.0
"""A broker that may open few files: it refuses what it cannot hold, and ends nothing for want of a descriptor."""
import pathlib
import re
import sys

from broker import Broker, until

# A sandbox has 1024 of its own, which no limit above it may be below; so most of the broker's are taken
# by somebody who does not give them back.
LIMIT, TAKEN = 1160, 1030
HOLD = """
import os, resource, sys
for _ in range(int(sys.argv[1])):
    os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),) * 2)
os.execvp(sys.argv[3], sys.argv[3:])
"""
FEW = ["prlimit", "--nofile=4000:4000", "--", sys.executable, "-c", HOLD, TAKEN, LIMIT]


def limits_of(pid):
    text = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return tuple(int(n) for n in re.search(r"Max open files +(\d+) +(\d+)", text).groups())


def processes():
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            yield entry.name, (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            pass


def start_until_refused(client, most=40):
    """Names of the sessions that came up, and the answer to the first that did not."""
    up = []
    for number in range(most):
        answer = client.run(f"mine = {number}", f"s{number}")
        if answer.status != 200:
            return up, answer
        up.append(f"s{number}")
    raise AssertionError(f"{most} sessions came up")


def values_of(client, names):
    return [client.ok("mine", name)["result"] for name in names]


def test_the_soft_limit_is_raised_and_programs_of_the_broker_get_the_old_one():
    with Broker(before=["prlimit", "--nofile=300:4000", "--"]) as broker:
        assert limits_of(broker.process.pid) == (4000, 4000)
        client = broker.client()
        assert client.ok("import resource; resource.getrlimit(resource.RLIMIT_NOFILE)", "a")["result"] == "(1024, 1024)"
        monitors = [pid for pid, words in processes()
                    if "supervise" in words[1:2] and any(str(broker.state) in word for word in words)]
        assert monitors and [limits_of(pid) for pid in monitors] == [(300, 4000)] * len(monitors)


def test_sessions_beyond_the_descriptors_are_refused_and_the_others_go_on():
    with Broker(before=FEW) as broker:
        client = broker.client()
        up, refused = start_until_refused(client)
        assert len(up) >= 2
        assert (refused.status, refused.json["code"]) == (503, "no_capacity"), refused
        assert "descriptors" in refused.json["detail"] and refused.json["retry_after_s"] > 0
        assert values_of(client, up) == [str(n) for n in range(len(up))]
        client.request("DELETE", f"/v1/sessions/{up[-1]}")
        until(lambda: client.run("1", "later").status == 200, "there is room again")
        assert values_of(client, up[:-1]) == [str(n) for n in range(len(up) - 1)]


def test_a_start_with_too_few_descriptors_for_all_kernels_ends_none_of_them():
    names = [f"s{number}" for number in range(8)]
    broker = Broker()
    try:
        client = broker.start().client()
        for number, name in enumerate(names):
            client.ok(f"mine = {number}", name)
        broker.kill()
        broker.before = [str(word) for word in FEW]
        broker.spawn()
        told = broker.wait_for("not_reconciled")["err"]
        assert "8 kernels" in told and "LimitNOFILE" in told, told
        client = broker.client()
        assert client.request("GET", "/readyz").status == 503
        assert client.run("mine", "s0").json["code"] == "draining"
        broker.wait_for("not_reconciled")
        broker.kill()
        broker.before = []
        client = broker.start().client()
        for number, name in enumerate(names):
            answer = client.ok("mine", name)
            assert (answer["result"], answer["state"]) == (str(number), "kept"), answer
    finally:
        broker.before = []
        broker.close()
