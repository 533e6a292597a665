# SPDX-License-Identifier: Apache-2.0
"""A notebook as nbclient runs it, on the kernel of the image under test: its Python, its libraries, its command.

The kernel is entered by unshare and chroot, read-only and without network, so that nothing of the broker takes
part. Both sides meet on UNIX sockets in one directory, which each sees under a path of its own.
"""
import asyncio
import json
import pathlib
import shutil
import tempfile

import nbclient
import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from broker import kernel_image

ENTER = r"""set -e
root=$1 here=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/mnt/data"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount --bind "$here" "$root/run/kernel"
# The sockets lie beside the file of the connection; the kernel has the directory under another path.
sed "s|$here/|/run/kernel/|" "$here/client.json" >"$here/connection.json"
exec chroot "$root" /usr/bin/env -i -C /mnt/data "$@"
"""


class ImageKernel(AsyncKernelManager):
    """Where the kernel's command comes from is all that is not jupyter_client's own."""

    command = ()

    @property
    def kernel_spec(self):
        return KernelSpec(argv=list(self.command), display_name="image", language="python")


def execute(notebook):
    """The notebook after its run, and whether a cell's error ended it."""
    image = kernel_image()
    record = json.loads((image / "image.json").read_text())
    here = pathlib.Path(tempfile.mkdtemp(prefix="kb-nb-"))  # short: it becomes the address of a socket
    try:
        kernel = ImageKernel(transport="ipc", ip=str(here / "socket"), connection_file=str(here / "client.json"))
        kernel.command = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child",
                          "sh", "-c", ENTER, "enter", str(image / "rootfs"), str(here),
                          *record["kernel_env"], *record["kernel_argv"]]
        into = nbformat.from_dict(notebook)
        raised = False
        try:
            nbclient.NotebookClient(into, km=kernel).execute()
        except nbclient.exceptions.CellExecutionError:
            raised = True
        finally:
            asyncio.run(kernel.shutdown_kernel(now=True))  # nbclient leaves one that it was given
        return nbformat.reads(nbformat.writes(into), as_version=4), raised
    finally:
        shutil.rmtree(here)
