// SPDX-License-Identifier: Apache-2.0
// Each limit and each wall of a sandbox, tried from inside by the program it holds.
#include "tests/support/catch.hpp"
#include "tests/system/runtime_fixture.hpp"

#include <signal.h>

using test_support::readable;
using test_support::runtime_fixture;

namespace {

// The number of the error that a call ends with, or None.
constexpr char const* helpers =
    "def refused(f):\n"
    "    try: f()\n"
    "    except OSError as e: return e.errno\n";

std::string answer(runtime_fixture& f, std::string const& program) {
    return f.run(f.spec(helpers + program));
}

}  // namespace

TEST_CASE("memory beyond the limit kills inside and is witnessed", "[runtime][limits]") {
    runtime_fixture f;
    auto s = f.spec("x = []\nwhile True: x.append(bytearray(8 << 20))");
    s.session_limits.memory_bytes = 96ULL << 20;
    auto const sandbox = f.runtime().start(s);
    REQUIRE(sandbox.has_value());
    REQUIRE(readable(sandbox->ended.get(), 30'000));
    auto const end = f.runtime().end(s.session, s.sandbox);
    REQUIRE(end.has_value());
    CHECK(end->oom_kills == 1);
    CHECK(end->wait_status == (128 + SIGKILL) << 8);
}

TEST_CASE("a child killed for memory is counted while the program lives", "[runtime][limits]") {
    runtime_fixture f;
    auto s = f.spec(
        "import subprocess, sys\n"
        "r = subprocess.run([sys.executable, '-c', 'x = bytearray(400 << 20)'])\n"
        "tell(r.returncode)");
    s.session_limits.memory_bytes = 128ULL << 20;
    CHECK(f.run(s) == "-9");
    CHECK(f.last_end.oom_kills == 1);
    CHECK(f.last_end.wait_status == SIGKILL);
}

TEST_CASE("more processes than allowed are refused and counted", "[runtime][limits]") {
    runtime_fixture f;
    auto s = f.spec(
        "import time\n"
        "n = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        n += 1\n"
        "except BlockingIOError: pass\n"
        "tell(n)");
    s.session_limits.pids = 32;
    CHECK(f.run(s) == "30");  // beside the init and the program itself
    CHECK(f.last_end.pids_denied >= 1);
}

TEST_CASE("CPU time beyond the quota is not given", "[runtime][limits]") {
    runtime_fixture f;
    auto s = f.spec(
        "import time\n"
        "w, c = time.monotonic(), time.process_time()\n"
        "while time.monotonic() - w < 1.5: pass\n"
        "tell((time.process_time() - c) / (time.monotonic() - w))");
    s.session_limits.cpus = 0.25;
    s.boost_cpus = 0.25;
    auto const share = std::stod(f.run(s));
    CHECK(share > 0.1);
    CHECK(share < 0.35);
}

TEST_CASE("temporary file systems are full before the memory limit is reached",
          "[runtime][limits]") {
    runtime_fixture f;
    CHECK(answer(f,
                 "def fill(d):\n"
                 "    with open(d + '/big', 'wb') as f:\n"
                 "        while True: f.write(bytes(1 << 20))\n"
                 "def many(d):\n"
                 "    for i in range(10000): open(d + '/n%d' % i, 'w').close()\n"
                 "r = [refused(lambda: fill('/tmp')), refused(lambda: fill('/dev/shm'))]\n"
                 "os.unlink('/tmp/big'); os.unlink('/dev/shm/big')\n"
                 "tell(r + [refused(lambda: many('/tmp')), refused(lambda: many('/dev/shm'))])") ==
          "[28, 28, 28, 28]");
    CHECK(f.last_end.oom_kills == 0);
}

TEST_CASE("a small session's temporary file systems are full before its memory is",
          "[runtime][limits]") {
    runtime_fixture f;
    auto s = f.spec(std::string{helpers} +
                    "def fill(d):\n"
                    "    with open(d + '/big', 'wb') as f:\n"
                    "        while True: f.write(bytes(1 << 20))\n"
                    "tell([refused(lambda: fill('/tmp')), refused(lambda: fill('/dev/shm'))])");
    s.session_limits.memory_bytes = 64ULL << 20;
    CHECK(f.run(s) == "[28, 28]");
    CHECK(f.last_end.oom_kills == 0);
}

TEST_CASE("the socket directory holds sockets and next to nothing else", "[runtime][limits]") {
    runtime_fixture f;
    CHECK(answer(f,
                 "def fill():\n"
                 "    with open('/run/kernel/big', 'wb', 0) as f:\n"
                 "        for i in range(1024): f.write(bytes(4096))\n"
                 "def many():\n"
                 "    for i in range(100): open('/run/kernel/%d' % i, 'w').close()\n"
                 "r = [refused(fill), os.stat('/run/kernel/big').st_size <= 65536]\n"
                 "tell(r + [refused(many), len(os.listdir('/run/kernel')) <= 16])") ==
          "[28, True, 28, True]");
}

TEST_CASE("open files, core files and file sizes are limited", "[runtime][limits]") {
    runtime_fixture f;
    auto s = f.spec(std::string{helpers} +
                    "import resource\n"
                    "keep = []\n"
                    "def many():\n"
                    "    while True: keep.append(open('/dev/null'))\n"
                    "def large():\n"
                    "    with open('/mnt/data/large', 'wb') as f: f.truncate((8 << 20) + 1)\n"
                    "r = [refused(many), len(keep) > 1000]\n"
                    "del keep[:]\n"
                    "signal = __import__('signal')\n"
                    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
                    "tell(r + [refused(large), resource.getrlimit(resource.RLIMIT_CORE)])");
    s.session_limits.disk_bytes = 8ULL << 20;
    CHECK(f.run(s) == "[24, True, 27, (0, 0)]");
}

TEST_CASE("there is no network but lo, and lo works", "[runtime][walls]") {
    runtime_fixture f;
    // Connecting a datagram socket looks up a route and sends nothing (192.0.2.0/24: RFC 5737).
    CHECK(answer(f,
                 "import socket\n"
                 "def datagram(a):\n"
                 "    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s: s.connect(a)\n"
                 "a = socket.socket(); a.bind(('127.0.0.1', 0)); a.listen()\n"
                 "b = socket.create_connection(a.getsockname(), 2)\n"
                 "tell([socket.if_nameindex(), refused(lambda: datagram(('192.0.2.1', 9))),\n"
                 "      b.getpeername() == a.getsockname()])") == "[[(1, 'lo')], 101, True]");
}

TEST_CASE("the root is read-only and only the declared places take files", "[runtime][walls]") {
    runtime_fixture f;
    CHECK(answer(f,
                 "def make(d): open(d + '/x', 'w').close()\n"
                 "tell([refused(lambda: make(d)) for d in ('/', '/usr/bin', '/etc',\n"
                 "      '/dev', '/mnt', '/run', '/tmp', '/dev/shm', '/mnt/data')])") ==
          "[30, 30, 30, 13, 30, 30, None, None, None]");
}

TEST_CASE("programs run from the workspace and from tmp, not from the socket directory",
          "[runtime][walls]") {
    runtime_fixture f;
    CHECK(answer(f,
                 "import shutil, subprocess\n"
                 "def go(d):\n"
                 "    shutil.copy('/usr/bin/true', d + '/true'); os.chmod(d + '/true', 0o700)\n"
                 "    subprocess.run([d + '/true'], check=True)\n"
                 "tell([refused(lambda: go(d)) for d in ('/mnt/data', '/tmp', '/dev/shm', "
                 "'/run/kernel')])") == "[None, None, 13, 13]");
}

TEST_CASE("privileged calls and the host's secrets in proc are out of reach", "[runtime][walls]") {
    runtime_fixture f;
    CHECK(
        answer(
            f,
            "import ctypes\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "def call(name, *a):\n"
            "    ctypes.set_errno(0); getattr(libc, name)(*a); return ctypes.get_errno()\n"
            "def size(p):\n"
            "    try: return len(open(p, 'rb').read(64))\n"
            "    except (FileNotFoundError, IsADirectoryError): return 0\n"
            "tell([call('mount', b'none', b'/tmp', b'tmpfs', 0, None), call('unshare', 0x20000),\n"
            "      call('setuid', 0), call('sethostname', b'x', 1), call('mknod', b'/tmp/n', "
            "0o20600, 0x103),\n"
            "      sum(size('/proc/' + p) for p in ('kcore', 'keys', 'kallsyms', 'timer_list',\n"
            "          'interrupts', 'version', 'cmdline', 'diskstats', 'config.gz', 'modules')),\n"
            "      os.path.exists('/sys/kernel'), os.path.exists('/dev/pts/ptmx'),\n"
            "      os.uname().nodename, os.getpid() > 1 and os.getppid(), sorted(os.environ)])") ==
        "[1, 1, 1, 1, 1, 0, False, False, 'sandbox', 1, ['HOME', 'LANG', 'PATH']]");
}

TEST_CASE("the sandbox inherits no descriptor but the null device", "[runtime][walls]") {
    runtime_fixture f;
    CHECK(answer(
              f,
              "tell([os.readlink('/proc/1/fd/' + n) for n in sorted(os.listdir('/proc/1/fd'))])") ==
          "['/dev/null', '/dev/null', '/dev/null']");
}

TEST_CASE("processes that nobody waits for leave no zombies", "[runtime][walls]") {
    runtime_fixture f;
    CHECK(answer(f,
                 "import time\n"
                 "for i in range(200):\n"
                 "    child = os.fork()\n"
                 "    if child == 0:\n"
                 "        if os.fork() == 0: os._exit(0)\n"
                 "        os._exit(0)\n"
                 "    os.waitpid(child, 0)\n"
                 "def others():\n"
                 "    return [n for n in os.listdir('/proc') if n.isdigit() and int(n) not in\n"
                 "            (1, os.getpid())]\n"
                 "until = time.monotonic() + 15\n"
                 "while others() and time.monotonic() < until: time.sleep(0.01)\n"
                 "tell(others())") == "[]");
}

TEST_CASE("the sandbox knows neither a resolver nor the name of its host", "[runtime][walls]") {
    runtime_fixture f;
    CHECK(answer(f, "tell([open('/etc/' + n).read() for n in ('resolv.conf', 'hostname')])") ==
          "['', 'sandbox\\n']");
}

TEST_CASE("no path of the host names the session or its owner inside", "[runtime][walls]") {
    runtime_fixture f;
    auto const s =
        f.spec("tell(open('/proc/self/cgroup').read() + open('/proc/self/environ').read())");
    auto const text = f.run(s);
    CHECK_FALSE(text.empty());
    CHECK(text.find(s.session.str()) == std::string::npos);
    CHECK(text.find(f.options().instance) == std::string::npos);
}
