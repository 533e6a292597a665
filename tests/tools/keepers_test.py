#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The keepers of the architecture must see red: each is run on a small tree broken on purpose."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

GOOD_HEADERS = "headers: each is in a list, and the first of its source\n"
TOOLS = pathlib.Path(__file__).resolve().parent


class Keepers(unittest.TestCase):
    def run_keeper(self, keeper, files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            done = subprocess.run([sys.executable, TOOLS / keeper, root], capture_output=True, text=True)
            return done.returncode, done.stdout

    def test_clean_tree_passes(self):
        tree = {"kernelproto/wire/a.hpp": "#pragma once\n",
                "kernelproto/client/b.cpp": '#include "kernelproto/wire/a.hpp"\n'}
        self.assertEqual(self.run_keeper("layers.py", tree)[0], 0)
        self.assertEqual(self.run_keeper("sizes.py", tree)[0], 0)

    def test_an_upward_arrow_is_refused(self):
        code, said = self.run_keeper("layers.py", {
            "broker/core/a.hpp": '#include "http/api/b.hpp"\n', "http/api/b.hpp": ""})
        self.assertEqual(code, 1)
        self.assertIn("broker/core may not see http/api", said)

    def test_a_missing_header_is_refused(self):
        code, said = self.run_keeper("layers.py", {"broker/core/a.hpp": '#include "broker/core/b.hpp"\n'})
        self.assertEqual(code, 1)
        self.assertIn("does not exist", said)

    def test_a_library_outside_its_folder_is_refused(self):
        for header in ("zmq.hpp", "sqlite3.h", "boost/beast/core.hpp", "boost/asio/post.hpp"):
            code, said = self.run_keeper("layers.py", {"broker/core/a.cpp": f"#include <{header}>\n"})
            self.assertEqual(code, 1, header)
            self.assertIn(header, said)

    def test_an_unknown_folder_is_refused(self):
        self.assertEqual(self.run_keeper("layers.py", {"broker/misc/a.hpp": ""})[0], 1)

    def test_long_files_are_refused(self):
        self.assertEqual(self.run_keeper("sizes.py", {"http/api/a.cpp": "\n" * 501})[0], 1)
        self.assertEqual(self.run_keeper("sizes.py", {"http/api/a.cpp": "\n" * 111})[0], 1)
        tree = {f"http/api/s{i}.cpp": "\n" for i in range(8)}
        tree |= {f"http/api/l{i}.cpp": "\n" * 301 for i in range(2)}
        self.assertEqual(self.run_keeper("sizes.py", tree)[0], 1)

    def test_a_header_in_no_list_is_refused(self):
        lists = ("# HEADERS c.hpp\nkb_library(core SOURCES a.cpp\n  HEADERS\n    a.hpp  # c.hpp\n"
                 "    b.hpp DEPS c.hpp)\n"
                 "target_sources(x INTERFACE FILE_SET HEADERS FILES d/d.hpp)\n")
        tree = {"broker/core/CMakeLists.txt": lists,
                "broker/core/a.hpp": "", "broker/core/b.hpp": "", "broker/core/d/d.hpp": ""}
        self.assertEqual(self.run_keeper("headers.py", tree), (0, GOOD_HEADERS))
        # A name counts in its own folder: another of that name is in no list.
        for header in ("broker/core/c.hpp", "broker/core/d/a.hpp", "broker/base/a.hpp", "http/api/e.hpp",
                       "kernelproto/f.hpp"):
            code, said = self.run_keeper("headers.py", tree | {header: ""})
            self.assertEqual((code, said.splitlines()), (1, [f"{header}: in no list of headers of a CMakeLists.txt"]))
        del tree["broker/core/b.hpp"]
        code, said = self.run_keeper("headers.py", tree)
        self.assertEqual(code, 1)
        self.assertIn("broker/core/b.hpp: in a list of headers, and does not exist", said)

    def test_a_header_that_its_source_does_not_include_first_is_refused(self):
        tree = {"broker/core/CMakeLists.txt": "kb_library(core SOURCES a.cpp HEADERS a.hpp)\n", "broker/core/a.hpp": ""}
        for source, code in (('// a\n#include "broker/core/a.hpp"\n#include <map>\n', 0), ("", 1),
                             ('#include <map>\n#include "broker/core/a.hpp"\n', 1)):
            found, said = self.run_keeper("headers.py", tree | {"broker/core/a.cpp": source})
            self.assertEqual((found, "a.cpp does not include it first" in said), (code, code == 1))


if __name__ == "__main__":
    unittest.main()
