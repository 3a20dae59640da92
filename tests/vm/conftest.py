"""Guests of ``../shared/lab/vm`` with a stock Debian kernel, and the agent's modules in them."""

from __future__ import annotations

import io
import json
import os
import pwd
import shlex
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from fogbed.network import agent_pack

ROOT = Path(__file__).parents[2]
VM = ROOT.parent / "shared" / "lab" / "vm" / "vm"
HERE = Path(__file__).parent
THERE = "/root/fogbed-bars"
TRIES = 10
GUEST_FILES = ("guest_flows.py", "guest_bars.py")


class Guests:
    """Two guests on one segment: vm1 is 198.18.1.1, vm2 is 198.18.1.2."""

    def __init__(self, config):
        self._config = config
        self._keys = ""

    def run(self, guest, command, *, given=None, seconds=900):
        """Run a shell command as root and return what it printed."""
        argv = ["ssh", "-F", self._config, "-o", "ConnectTimeout=60", guest, command]
        done = subprocess.run(argv, input=given, capture_output=True, check=False, timeout=seconds)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def bar(self, command):
        """Run a bar in vm1 and return what it measured."""
        told = self.run("vm1", f"cd {THERE} && {command}")
        (measured,) = json.loads(told.splitlines()[-1]).values()
        return measured


def program():
    """Return a tar of what the agent is packed from, and the guests' own scripts."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w") as tar:
        sources = {
            name.replace(".", "/") + ".py": text for name, text in agent_pack.modules().items()
        }
        folders = {parent for name in sources for parent in Path(name).parents if parent.name}
        sources |= {str(folder / "__init__.py"): "" for folder in folders}
        sources |= {name: (HERE / name).read_text(encoding="utf-8") for name in GUEST_FILES}
        for name, text in sources.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return blob.getvalue()


@pytest.fixture(scope="session")
def guests(tmp_path_factory):
    if not os.access(VM, os.X_OK):
        # asked for by `make test-vm` alone: green without a guest would be a lie
        pytest.fail("make test-vm needs ../shared/lab/vm")
    # the lab keeps its images in the home of the user, the tests have one of their own
    home = pwd.getpwuid(os.geteuid()).pw_dir
    env = {**os.environ, "HOME": home, "FOGBED_LAB_CACHE": f"{home}/.cache/fogbed-lab"}
    del env["XDG_CACHE_HOME"]

    def lab(*arguments):
        return subprocess.run(
            [VM, *arguments], env=env, check=True, capture_output=True, text=True, timeout=3600
        ).stdout

    lab("build")
    there = {each["name"] for each in json.loads(lab("list", "--json"))}
    ours = not {"vm1", "vm2"} <= there
    if ours:
        lab("up", "--count", "2")
    try:
        config = tmp_path_factory.mktemp("guests") / "ssh.conf"
        config.write_text(lab("ssh-config"), encoding="utf-8")
        found = Guests(str(config))
        blob = program()
        for guest in ("vm1", "vm2"):
            _wait_for(found, guest)
            found.run(guest, f"mkdir -p {THERE} && tar -C {THERE} -xf -", given=blob)
        _trust_each_other(found)
        yield found
    finally:
        if ours:
            lab("down")


def _wait_for(guests, guest):
    for attempt in range(TRIES):
        try:
            guests.run(guest, "true")
        except AssertionError:
            if attempt == TRIES - 1:
                raise
            time.sleep(5)
        else:
            return


def _trust_each_other(guests):
    """Let vm1 start programs in vm2: over the NAT's side, not over the segment that is shaped."""
    key = guests.run(
        "vm1", "test -e .ssh/bars || ssh-keygen -qt ed25519 -N '' -f .ssh/bars; cat .ssh/bars.pub"
    )
    guests.run("vm2", f"echo {shlex.quote(key.strip())} >> .ssh/authorized_keys")


@pytest.fixture
def from_guest_to_guest(guests):
    far = "ssh -i /root/.ssh/bars -o StrictHostKeyChecking=no -o LogLevel=ERROR root@198.18.1.2"

    def run(bar):
        command = f"python3 guest_bars.py to 198.18.1.2 198.18.1.1 {bar}"
        return guests.bar(f"FAR={shlex.quote(far)} {command}")

    return run


@pytest.fixture
def between_namespaces(guests):
    return lambda bar: guests.bar(f"python3 guest_bars.py here {bar}")


@pytest.fixture(scope="session")
def table():
    """Lines of what was asked and measured, printed together at the end."""
    lines: list[str] = []
    yield lines.append
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
