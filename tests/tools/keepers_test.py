#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The keepers of the architecture must see red: each is run on a small tree broken on purpose."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

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


if __name__ == "__main__":
    unittest.main()
