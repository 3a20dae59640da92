"""Machines that SSH reaches, played by this computer: each is a folder with programs of its own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

_STAND_INS = Path(__file__).parent / "stand_ins"
# What fogbed and Ansible find on every machine, and what does no harm.
_PROGRAMS = ("base64", "cat", "dd", "df", "env", "printf", "sh", "sleep", "true")
# The testbed of two of them.
TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: pico
platform: pi
ssh: {user: fog, key: ~/.ssh/id}
nodes:
  - {name: pico-0, address: 192.0.2.10, role: control-plane, tier: cloud}
  - {name: pico-1, address: 192.0.2.11, tier: edge}
"""


class Machines:
    """An `ssh` to be put first on PATH, and the machines that it reaches."""

    def __init__(self, folder):
        self.folder = folder
        self._at = folder / "at"
        self._at.mkdir(parents=True)
        _install("ssh.sh", folder)

    def switch_on(self, address):
        """Put a machine there with Python, sudo and containerd, and no more; return its folder."""
        machine = self._at / address
        for name in ("bin", "home", "root", "tmp"):
            (machine / name).mkdir(parents=True)
        for name in ("sudo.sh", "dpkg.sh", "ctr.py"):
            _install(name, machine / "bin")
        for name in _PROGRAMS:
            (machine / "bin" / name).symlink_to(shutil.which(name))
        # Ansible takes the newest that has its version in its name
        python = Path(sys.executable).resolve()
        for name in ("python3", f"python3.{sys.version_info.minor}"):
            (machine / "bin" / name).symlink_to(python)
        return machine

    def switch_off(self, address):
        """Take a machine away; it does not come back as it was."""
        shutil.rmtree(self._at / address)

    def calls(self):
        """Return with what words `ssh` was called."""
        return (self.folder / "ssh.log").read_text("utf-8").splitlines()


def _install(name, folder):
    program = folder / Path(name).stem
    shutil.copyfile(_STAND_INS / name, program)
    program.chmod(0o755)
