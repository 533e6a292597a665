# SPDX-License-Identifier: Apache-2.0
"""What deploy/packages says when apt finds no way; an apt-get of our own, so that nothing is installed."""
import os
import subprocess

import pytest

from broker import ROOT

APT = """#!/bin/sh
echo "$*" >>{calls}
case " $* " in
*" check "*) exit {check} ;;
*" --simulate "*) echo 'E: Unable to correct problems, you have held broken packages.'; exit 100 ;;
esac
"""


@pytest.mark.parametrize("check, mended_by", [(100, "apt-get --fix-broken install"), (0, "apt-mark showhold")])
def test_a_conflict_that_apt_cannot_solve_names_the_commands_that_show_and_mend_it(tmp_path, check, mended_by):
    for name, text in (("apt-get", APT.format(calls=tmp_path / "calls", check=check)), ("dpkg-query", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run([ROOT / "deploy/packages"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.returncode == 1 and "held broken packages" in done.stderr
    assert mended_by in done.stderr and "Nothing was changed" in done.stderr
    tried = [call.split()[0] for call in (tmp_path / "calls").read_text().splitlines() if "--simulate" not in call]
    assert tried == ["update", "check"]
