# SPDX-License-Identifier: Apache-2.0
"""The kernel image: what is in it and what is not, and that both ways to build it give the same.

KB_IMAGE_DIR names an images directory with the built image (KB_KERNEL_IMAGE, or "python"); without it one is
built, which needs what apt and pip fetch from. The engine is Debian's dockerd, started here with data and
socket of its own.
"""
import ast
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import time
import zipfile

import pytest

from broker import BINARY, KERNEL_IMAGE, ROOT, Broker

DOCKER, DOCKERD = "/usr/bin/docker", "/usr/sbin/dockerd"
DEFINITION = ROOT / "images/python"
# One definition, a list of libraries for each image.
LISTS = {"python": "requirements.txt", "python-ipykernel6": "requirements-ipykernel6.txt"}
LIST_FILE = LISTS[KERNEL_IMAGE]
# What constraints.txt names for one list only.
OF_ONE_LIST = {"python": {"nest-asyncio2"}, "python-ipykernel6": {"nest-asyncio"}}
NOT_LISTED = ["requests", "torch", "pip", "setuptools", "wheel", "ensurepip", "pkg_resources", "_distutils_hack"]

LANGUAGE_KERNEL = BINARY.parents[2] / "images/language-kernel/language-kernel"
IN_THE_IMAGE = "/usr/lib/kernel-image/language-kernel"

LIST = """
import importlib.metadata as metadata, re
print({re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(): d.version for d in metadata.distributions()})
"""
IMPORTABLE = """
import importlib.util
print([name for name in {names!r} if importlib.util.find_spec(name)])
"""
# Exit status 0 and a line with the size of a PNG: numpy, pandas, scipy, scikit-learn and matplotlib work.
USE = """
import io, numpy, pandas, scipy.linalg, sklearn.linear_model, matplotlib.pyplot as plt
x = numpy.arange(12.0).reshape(6, 2)
assert pandas.DataFrame(x).sum().sum() == 66
assert abs(scipy.linalg.det(numpy.eye(3)) - 1) < 1e-9
assert sklearn.linear_model.LinearRegression().fit(x, x[:, 0]).score(x, x[:, 0]) > 0.99
plt.plot(x); out = io.BytesIO(); plt.savefig(out, format="png")
assert out.getvalue().startswith(b"\\x89PNG")
print(len(out.getvalue()))
"""


class OwnRoot:
    """The root that `kernel-broker image build` made, entered read-only and without network."""

    def __init__(self, images):
        self.directory = images / (images / "names" / KERNEL_IMAGE).read_text().strip()
        self.root = self.directory / "rootfs"
        self.record = json.loads((self.directory / "image.json").read_text())
        self.wheels, = (images / "wheels").glob(f"{KERNEL_IMAGE}-{'[0-9a-f]' * 16}")

    def shell(self, command, *arguments, user="200123:200123"):
        script = """set -e
            mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"
            mount -t proc proc "$0/proc"; mount -t tmpfs -o mode=1777 tmpfs "$0/tmp"
            root=$0; user=$1; shift; exec chroot --userspec="$user" "$root" /usr/bin/env -i -C /mnt/data "$@" """
        return subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", script,
             str(self.root), user, *self.record["kernel_env"], command, *arguments],
            check=True, text=True, stdout=subprocess.PIPE).stdout

    def python(self, code):
        return self.shell("/usr/bin/python3", "-c", code)


class Engine:
    """A Docker Engine without bridge and without a rule in the host's firewall."""

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="kbd-", dir="/var/tmp"))
        self.socket = f"unix://{self.directory}/s"
        self.log = open(self.directory / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [DOCKERD, "--iptables=false", "--ip6tables=false", "--bridge=none", "--host", self.socket,
             "--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/exec",
             "--pidfile", f"{self.directory}/pid"],
            stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 60
        while self.docker("version", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.directory / "log").read_text()
                self.close()
                raise RuntimeError("dockerd does not answer:\n" + text[-4000:])
            time.sleep(0.1)  # between two looks at the socket

    def docker(self, *arguments, check=True, **more):
        environment = {**os.environ, "DOCKER_HOST": self.socket, "DOCKER_BUILDKIT": "0",
                       "DOCKER_CONFIG": str(self.directory / "config")}
        done = subprocess.run([DOCKER, *arguments], env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **more)
        assert not check or done.returncode == 0, done.stdout[-4000:]
        return done

    def import_root(self, name, *tar_arguments):
        with subprocess.Popen(["tar", "--numeric-owner", "-c", *tar_arguments], stdout=subprocess.PIPE) as tar:
            self.docker("import", "-", name, stdin=tar.stdout)
        assert tar.returncode == 0

    def python(self, image, code, environment=()):
        given = [word for each in environment for word in ("--env", each)]
        return self.docker("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", *given, image,
                           "python3", "-c", code).stdout

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()[::-1]:
            if line.split()[1].startswith(str(self.directory)):
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def build(definition, *words):
    subprocess.run([BINARY, "image", "build", definition, "--name", KERNEL_IMAGE, "--requirements",
                    definition / LIST_FILE, *words], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def own_root():
    given = os.environ.get("KB_IMAGE_DIR")
    if given:
        yield OwnRoot(pathlib.Path(given))
        return
    state = tempfile.mkdtemp(prefix="kb-image-", dir="/var/tmp")
    try:
        build(DEFINITION, "--state-dir", state)
        yield OwnRoot(pathlib.Path(state) / "images")
    finally:
        shutil.rmtree(state)


@pytest.fixture(scope="module")
def engine():
    if not os.path.exists(DOCKERD):
        pytest.fail("docker.io is not installed: deploy/packages --tests")
    one = Engine()
    yield one
    one.close()


@pytest.fixture(scope="module")
def engine_image(own_root, engine):
    """Built by the Dockerfile on our own root, spoilt first: without our libraries, with things of others."""
    context = engine.directory / "context"
    shutil.copytree(DEFINITION, context)
    shutil.copy(DEFINITION / LIST_FILE, context / "requirements.txt")
    shutil.copytree(own_root.wheels, context / "wheels")
    (context / "programs").mkdir()
    shutil.copy(LANGUAGE_KERNEL, context / "programs")
    spoilt = engine.directory / "spoilt"
    site = spoilt / "usr/local/lib/python3.11/dist-packages"
    for name in ("pip", "setuptools", "wheel", "not-listed"):
        module = name.replace("-", "_")
        (site / module).mkdir(parents=True)
        (site / module / "__init__.py").write_text("")
        information = site / f"{module}-1.0.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (spoilt / "usr/local/bin").mkdir()
    for name in ("pip", "raises-rights"):
        (spoilt / "usr/local/bin" / name).write_text("#!/bin/sh\n")
    (spoilt / "usr/local/bin/raises-rights").chmod(0o6755)
    engine.import_root("own-root", "-C", own_root.root, "--exclude=./usr/local/lib/python3.11/dist-packages/*", ".",
                       "-C", spoilt, *(f"./{path.relative_to(spoilt)}" for path in spoilt.rglob("*") if path.is_file()))
    engine.docker("build", "--network", "none", "--build-arg", "BASE_IMAGE=own-root", "--tag", "kernel", str(context))
    return "kernel"


def pinned(name=LIST_FILE):
    lines = (DEFINITION / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_the_libraries_are_those_of_the_list_with_what_they_require(own_root):
    found = ast.literal_eval(own_root.python(LIST))
    assert pinned().items() <= found.items()
    assert found == own_root.record["libraries"]
    required = subprocess.run(["ls", own_root.wheels], check=True, text=True, stdout=subprocess.PIPE).stdout.split()
    assert len(found) == len(required) - 1  # every wheel but pip's


def test_no_version_is_left_to_the_day_of_the_build(own_root):
    listed, required = pinned(), pinned("constraints.txt")
    assert not listed.keys() & required.keys()
    of_others = set().union(*OF_ONE_LIST.values()) - OF_ONE_LIST[KERNEL_IMAGE]
    required = {name: version for name, version in required.items() if name not in {"pip", *of_others}}
    assert own_root.record["libraries"] == listed | required


def test_the_lists_differ_in_the_kernel_alone():
    usual, other = (pinned(LISTS[name]) for name in ("python", "python-ipykernel6"))
    assert (usual.pop("ipykernel")[0], other.pop("ipykernel")) == ("7", "6.29.5")
    assert usual == other


def test_the_libraries_work_for_a_user_who_is_nobody(own_root):
    assert int(own_root.python(USE)) > 1000
    assert own_root.python("import getpass, os; print(getpass.getuser(), os.getuid())").split()[1] == "200123"


def test_what_is_not_listed_cannot_be_imported(own_root):
    assert own_root.python(IMPORTABLE.format(names=NOT_LISTED)).strip() == "[]"


def test_code_can_import_the_standard_library_the_listed_ones_and_nothing_else(own_root, client, session):
    code = "import os, pkgutil, sys, sysconfig\n"
    told = client.ok(code + "[(m.module_finder.path, m.name) for m in pkgutil.iter_modules()]", session)["result"]
    found = ast.literal_eval(told)
    library, standard = ast.literal_eval(client.ok(
        "sysconfig.get_path('stdlib'), sorted(sys.stdlib_module_names)", session)["result"])
    listed = {name.split(".")[0] for name in names_in_wheels(own_root.wheels)}
    # Beside its public names, the standard library's own folder holds private ones and what its tests load.
    private = {name for path, name in found if path.startswith(library)
               and (name[0] == "_" or name in ("sitecustomize", "xxlimited", "xxlimited_35"))}
    names = {name for _, name in found}
    names -= {"kernel_image_plots"}  # what MPLBACKEND names in bash and scripts
    assert names - set(standard) - private == {name for name in listed if name in names}
    assert {"numpy", "pandas", "zmq", "PIL", "json", "ctypes"} <= names
    # A folder without code of its own would be a package, too: all that lies there came out of a listed wheel.
    roots = [path for path in {path for path, _ in found} if "packages" in path]
    look = f"[name for path in {roots!r} for name in os.listdir(path)]"
    lies_there = ast.literal_eval(client.ok(look, session)["result"])
    assert set(lies_there) - {"__pycache__", "kernel_image_plots.py"} == names_in_wheels(own_root.wheels)
    assert not [path for path, _ in found if path not in roots and not path.startswith(library)]


def names_in_wheels(wheels):
    """What the wheels of the list, pip's own aside, put beside each other."""
    names = set()
    for wheel in wheels.glob("*.whl"):
        if not wheel.name.startswith("pip-"):
            names |= {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    return {name for name in names if not name.endswith(".data")}


def test_a_library_added_to_the_list_is_there_for_new_sessions_and_not_for_older_ones(own_root):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kb-image-", dir="/var/tmp"))
    try:
        definition, images = folder / "python", folder / "images"
        shutil.copytree(DEFINITION, definition)
        with open(definition / LIST_FILE, "a", encoding="utf-8") as file:
            file.write("toolz==1.0.0\n")  # pure Python, requires nothing
        (images / "names").mkdir(parents=True)
        (images / "names" / KERNEL_IMAGE).write_text(own_root.directory.name + "\n")
        (images / own_root.directory.name).symlink_to(own_root.directory)
        with Broker(image_dir=images) as broker:
            broker.client().ok("x = 1", "older")
            build(definition, "--set", f"image_dir={images}", "--state-dir", broker.state)
            client = broker.client()
            assert client.ok("import toolz\ntoolz.__version__", "newer")["result"] == "'1.0.0'"
            refused = client.run("import toolz", "older").json
            assert "No module named 'toolz'" in refused["stderr"] and refused["state"] == "kept"
            assert client.ok("x", "older")["result"] == "1"
            # Its next kernel is of the image that the session was made with.
            assert client.run("import os; os._exit(0)", "older").json["variables_kept"] is False
            again = client.run("import toolz", "older").json
            assert "No module named 'toolz'" in again["stderr"] and again["state"] == "restarted"
            digest = (images / "names" / KERNEL_IMAGE).read_text().strip()
            record = json.loads((images / digest / "image.json").read_text())
            assert record["libraries"] == {**own_root.record["libraries"], "toolz": "1.0.0"}
    finally:
        shutil.rmtree(folder)


def test_the_standard_library_is_there(own_root):
    names = ["asyncio", "ctypes", "decimal", "distutils.core", "lzma", "sqlite3", "ssl", "zoneinfo", "xml.sax"]
    assert ast.literal_eval(own_root.python(IMPORTABLE.format(names=names))) == names


def test_nothing_in_the_root_raises_rights_or_is_a_device(own_root):
    for folder, folders, files in os.walk(own_root.root):
        for name in (".", *folders, *files):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            assert stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode), path
            assert not status.st_mode & 0o6000, path
            assert "security.capability" not in os.listxattr(path, follow_symlinks=False), path


def test_the_root_has_its_mount_points_and_no_resolver(own_root):
    root = own_root.root
    assert os.readlink(root / "mnt/session_data") == "/mnt/data"
    for name in ("mnt/data", "run/kernel", "tmp", "dev", "proc"):
        assert list((root / name).iterdir()) == [], name
    assert (root / "etc/resolv.conf").read_text() == ""
    assert (root / "etc/hostname").read_text() == "sandbox\n"
    assert not (root / ".build").exists()
    assert not (root / "etc/apt").exists()


def test_no_byte_code_is_missing_or_dated(own_root):
    code = "import numpy, sys; f = open(numpy.__cached__, 'rb').read(8); print(int.from_bytes(f[4:8], 'little'))"
    assert own_root.python(code).strip() == "1"  # PEP 552: by hash, unchecked


def test_the_kernel_starts_under_an_init_as_its_own_process(own_root):
    argv = own_root.record["kernel_argv"]
    assert argv[0] == "/usr/bin/tini"
    assert os.access(own_root.root / argv[0][1:], os.X_OK)
    assert "--HistoryManager.enabled=False" in argv
    assert "--IPythonKernel._execute_sleep=0" in argv


def test_the_kernels_of_further_languages_start_as_the_first_does(own_root):
    assert own_root.record["kernels"].keys() == {"bash", "py"}
    for language, argv in own_root.record["kernels"].items():
        assert argv[:2] == own_root.record["kernel_argv"][:2]
        assert argv[2:] == ["/bin/sh", "/usr/lib/kernel-image/start-program", language]
    assert (own_root.root / IN_THE_IMAGE[1:]).read_bytes() == LANGUAGE_KERNEL.read_bytes()


def test_both_ways_give_the_same_languages(own_root, engine, engine_image):
    ours = own_root.shell(IN_THE_IMAGE, "--languages")
    theirs = engine.docker("run", "--rm", "--network", "none", engine_image, IN_THE_IMAGE, "--languages").stdout
    assert ours == theirs and "bash\tbash\n" in ours


def test_both_ways_give_the_same_libraries(own_root, engine, engine_image):
    ours, theirs = own_root.python(LIST), engine.python(engine_image, LIST)
    assert ast.literal_eval(theirs) == ast.literal_eval(ours)
    last = engine.python(engine_image, USE, own_root.record["kernel_env"]).splitlines()[-1]  # errors come first
    assert int(last) > 1000


def test_the_engine_way_cleans_its_base(engine, engine_image):
    assert engine.python(engine_image, IMPORTABLE.format(names=[*NOT_LISTED, "not_listed"])).strip() == "[]"
    assert engine.python(engine_image, "import os; print(os.getuid(), os.getgid())").split() == ["1000", "1000"]
    found = engine.docker("run", "--rm", "--network", "none", "--user", "0", engine_image, "sh", "-c",
                          "find / -xdev -perm /6000 '(' -type f -o -type d ')'; ls /usr/local/bin/pip* /.build; "
                          "readlink /mnt/session_data").stdout
    assert [line for line in found.splitlines() if "cannot access" not in line] == ["/mnt/data"]
