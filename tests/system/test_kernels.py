# SPDX-License-Identifier: Apache-2.0
"""Where ipykernel 6 and 7 differ: what each does stands here once, by the version in the image under test.

The other tests hold for both. KB_KERNEL_IMAGE says which image that is.
"""
import json

import pytest

from broker import kernel_image

# The cell that has what a thread prints which the first cell started: ipykernel 6.29 remembers the thread's
# cell, 7.1 gives it to the one that runs.
CELL_OF_A_THREAD = {6: "first", 7: "later"}


@pytest.fixture(scope="module")
def version():
    return json.loads((kernel_image() / "image.json").read_text())["libraries"]["ipykernel"]


@pytest.fixture
def major(version):
    return int(version.split(".")[0])


def test_the_kernel_is_that_of_the_image(client, session, version):
    assert client.ok("import ipykernel\nipykernel.__version__", session)["result"] == repr(version)


def test_what_a_thread_prints_later_belongs_to_the_cell_that_the_kernel_says(client, session, major):
    client.ok("import threading\ngo = threading.Event()\n"
              "def wait():\n go.wait(); print('from the thread')\n"
              "thread = threading.Thread(target=wait)\nthread.start()", session)
    later = client.ok("print('later'); go.set(); thread.join()", session)
    seen = "later" if "from the thread" in later["stdout"] else "first"
    assert seen == CELL_OF_A_THREAD[major]
    assert later["stdout"] == "later\n" + ("from the thread\n" if seen == "later" else "")
    assert client.ok("print('next')", session)["stdout"] == "next\n"


def test_a_repr_that_raises_is_an_error_whatever_the_reply_says(client, session):
    """Both publish the error; the reply of 6 says `ok` all the same, that of 7.3 and later `error`."""
    body = {"code": "class Bad:\n def __repr__(self): raise ValueError('bad repr')\nBad()"}
    answer = client.request("POST", f"/v1/sessions/{session}/executions", body).json
    assert (answer["outcome"], answer["error"]["ename"]) == ("error", "ValueError"), answer
