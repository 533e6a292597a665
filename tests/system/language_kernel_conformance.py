# SPDX-License-Identifier: Apache-2.0
"""What jupyter_kernel_test is told about bash; run by test_language_kernel.py where that is installed. It installs a
kernel specification in the first directory of JUPYTER_PATH."""
import json
import os
import pathlib
import unittest

import jupyter_kernel_test

KERNEL = os.environ.get("KB_LANGUAGE_KERNEL") or str(
    pathlib.Path(__file__).resolve().parents[2] / "build/release/images/language-kernel/language-kernel")

folder = pathlib.Path(os.environ["JUPYTER_PATH"], "kernels", "bash")
folder.mkdir(parents=True, exist_ok=True)
(folder / "kernel.json").write_text(json.dumps({
    "argv": [KERNEL, "--language", "bash", "-f", "{connection_file}"], "display_name": "bash", "language": "bash",
    "interrupt_mode": "message"}))


class Bash(jupyter_kernel_test.KernelTests):
    kernel_name = "bash"
    language_name = "bash"
    file_extension = ".sh"
    code_hello_world = "echo hello, world"
    code_stderr = "echo test >&2"
    code_generate_error = "false"


if __name__ == "__main__":
    unittest.main()
