# SPDX-License-Identifier: Apache-2.0
"""What files of a session can do to the start of its kernel: nothing, however they are called."""

# Modules that a kernel imports while it starts, of the libraries and of the standard library, modules that
# Python and IPython look for by themselves, and files that IPython might take for its configuration.
NAMES = ["storemagic.py", "random.py", "json.py", "zmq.py", "tornado.py", "traitlets.py", "IPython.py", "debugpy.py",
         "ipykernel.py", "jupyter_client.py", "matplotlib_inline.py", "sitecustomize.py", "usercustomize.py",
         "ipython_config.py", "ipython_kernel_config.py", "jupyter_config.py", "startup.py", "comm.py", "psutil.py"]
# The file runs nothing else: a module that was shadowed would then fail to do its work, which is told as well.
MARK = b"import os\nopen('/mnt/data/ran-' + os.path.basename(__file__), 'w').close()\n"


def put(client, session, name, body):
    answer = client.request("PUT", f"/v1/sessions/{session}/files/{name}", body)
    assert answer.status in (201, 204), answer


def test_no_file_of_a_session_runs_before_its_code(client, session):
    for name in NAMES:
        put(client, session, name, MARK)
    done = client.ok("import os; print(sorted(n for n in os.listdir('/mnt/data') if n.startswith('ran-')))", session)
    assert done["stdout"].strip() == "[]"


def test_code_imports_its_own_modules_from_the_workspace(client, session):
    put(client, session, "mine.py", b"answer = 41\n")
    put(client, session, "json.py", b"raise SystemExit('the standard library comes first')\n")
    put(client, session, "sklearn.py", b"answer = 1\n")  # as IPython: the workspace comes before the libraries
    done = client.ok("import mine, sklearn, json; print(mine.answer + sklearn.answer, json.dumps(1))", session)
    assert done["stdout"].strip() == "42 1"
    done = client.ok("import sys; print(sys.path.count(''), sys.path.index(''),"
                     " [p.endswith('-packages') for p in sys.path].index(True))", session)
    first, place, libraries = map(int, done["stdout"].split())
    assert (first, place + 1) == (1, libraries)


def test_nothing_inside_names_session_or_tenant(shared, client, session):
    client.ok("pass", session)
    ours = {session, "default", *(path.stem for path in (shared.state / "workspaces").glob("*.img"))}
    ours |= {path.name for path in (shared.state / "sandboxes").iterdir()}
    done = client.ok("import os; print(*(open('/proc/self/' + n).read() for n in ('mountinfo', 'environ', 'cgroup')))",
                     session)
    assert "/mnt/data" in done["stdout"]
    assert [name for name in ours if name in done["stdout"]] == []
