"""Guests of ``../shared/lab/vm`` with a stock Debian kernel, and the agent's modules in them."""

from __future__ import annotations

import io
import json
import os
import pwd
import shlex
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import pytest

from fogbed.network import agent_pack

ROOT = Path(__file__).parents[2]
VM = ROOT.parent / "shared" / "lab" / "vm" / "vm"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # bring_along.py, beside us; test folders are not packages

from bring_along import PYTHON, checkout  # noqa: E402 - the line above makes it importable

THERE = "/root/fogbed-bars"
CHECKOUT = "/root/fogbed-checkout"
# As for tests/netns on this kernel: whatever happens, nothing outlives it
APART = "unshare --net --mount --pid --fork --kill-child --mount-proc"
BOOT = "cat /proc/sys/kernel/random/boot_id"
BOOT_S = 1200
GUEST_FILES = sorted(path.name for path in HERE.glob("guest_*.py"))


class Guests:
    """Two guests on one segment: vm1 is 198.18.1.1, vm2 is 198.18.1.2."""

    def __init__(self, lab, config):
        self._lab = lab
        self.config = config
        self._checked_out = set()
        self._prepared = set()

    def prepare(self, guest):
        """Put the agent's modules and the guests' own scripts there, once."""
        if guest not in self._prepared:
            self.run(guest, f"mkdir -p {THERE} && tar -C {THERE} -xf -", given=program())
            self._prepared.add(guest)

    def tidy(self):
        """Remove what was put there."""
        for guest in self._prepared | self._checked_out:
            self.run(guest, f"rm -rf {THERE} {CHECKOUT}")

    def run(self, guest, command, *, given=None, seconds=900):
        """Run a shell command as root and return what it printed."""
        argv = ["ssh", "-F", self.config, "-o", "ConnectTimeout=300", guest, command]
        done = subprocess.run(argv, input=given, capture_output=True, check=False, timeout=seconds)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def bar(self, command):
        """Run a bar in vm1 and return what it measured.

        ``marks`` is added: by name, the processor time that the guest had taken when a line with
        the mark came here, in seconds of this computer's processors.
        """
        argv = ["ssh", "-F", self.config, "vm1", f"cd {THERE} && timeout 1700 {command}"]
        marks, last = {}, {}
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                last = json.loads(line)
                if "mark" in last:
                    marks[last["mark"]] = self._lab.cpu_s("vm1")
        assert process.returncode == 0, f"{command}: {process.returncode}"
        (measured,) = last.values()
        return {"marks": marks, "measured": measured} if marks else measured

    def apart(self, guest, script, *arguments, seconds=1500):
        """Run a script of tests/netns in namespaces of its own; return what it printed."""
        if guest not in self._checked_out:
            where = f"rm -rf {CHECKOUT} && mkdir {CHECKOUT} && tar -C {CHECKOUT} -xzf -"
            self.run(guest, where, given=checkout())
            self._checked_out.add(guest)
        path = f"{CHECKOUT}/tests/netns/{script}"
        command = shlex.join([PYTHON, path, *arguments])
        packages = f"PYTHONPATH={CHECKOUT}:{CHECKOUT}/packages"
        limited = f"{packages} timeout --kill-after=10 {seconds} {APART} {command}"
        return self.run(guest, f"cd / && {limited}", seconds=seconds + 60)


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


class Lab:
    """The program ``vm``, and what it keeps of its guests."""

    def __init__(self):
        # the lab keeps its images in the home of the user, the tests have one of their own
        home = pwd.getpwuid(os.geteuid()).pw_dir
        self.cache = os.environ.get("FOGBED_LAB_CACHE") or f"{home}/.cache/fogbed-lab"
        self._env = {**os.environ, "HOME": home, "FOGBED_LAB_CACHE": self.cache}
        del self._env["XDG_CACHE_HOME"]
        self._pids = {}

    def __call__(self, *arguments):
        done = subprocess.run(
            [VM, *arguments], env=self._env, check=False, capture_output=True, text=True,
            timeout=3600,
        )  # fmt: skip
        assert done.returncode == 0, f"vm {shlex.join(arguments)}: {done.stderr}"
        return done.stdout

    def of(self, guest):
        return next(each for each in json.loads(self("list", "--json")) if each["name"] == guest)

    def cpu_s(self, guest):
        """Return the processor time that a guest's qemu has taken."""
        if guest not in self._pids:
            self._pids[guest] = self.of(guest)["pid"]
        pid = self._pids[guest]
        user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def reboot(self, guest):
        """Have a guest reboot as its own systemd does it; return when it is there again."""
        found = self.of(guest)
        self._ask_qemu(guest, "set-action", reboot="reset")  # `vm` starts it with -no-reboot
        config = self("ssh-config").encode()
        with tempfile.NamedTemporaryFile() as file:
            file.write(config)
            file.flush()
            ssh = ["ssh", "-F", file.name, "-o", "ConnectTimeout=300", guest]
            before = subprocess.run([*ssh, BOOT], capture_output=True, check=True).stdout
            subprocess.run([*ssh, "systemctl reboot"], check=False, capture_output=True)
            deadline = time.monotonic() + BOOT_S
            while True:
                now = subprocess.run([*ssh, BOOT], check=False, capture_output=True)
                if now.returncode == 0 and now.stdout != before:
                    break
                assert time.monotonic() < deadline, f"{guest} does not come back"
                time.sleep(1)
            whose = f"lab-personalise {guest} {found['number']} $(date +%s)"
            subprocess.run([*ssh, whose], check=True, capture_output=True)

    def _ask_qemu(self, guest, command, **arguments):
        folder = os.open(f"{self.cache}/vm/run/{guest}", os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(60)
                link.connect(f"/proc/self/fd/{folder}/qmp.sock")
                stream = link.makefile("rw")
                stream.readline()  # its greeting
                for each in (
                    {"execute": "qmp_capabilities"},
                    {"execute": command, "arguments": arguments},
                ):
                    stream.write(json.dumps(each) + "\n")
                    stream.flush()
                    answer = json.loads(stream.readline())
                    assert "return" in answer, answer
        finally:
            os.close(folder)


@pytest.fixture(scope="session")
def lab():
    if not os.access(VM, os.X_OK):
        # asked for by `make test-vm` alone: green without a guest would be a lie
        pytest.fail("make test-vm needs ../shared/lab/vm")
    return Lab()


@pytest.fixture(scope="session")
def guests(lab, tmp_path_factory):
    lab("build")
    there = {each["name"] for each in json.loads(lab("list", "--json"))}
    ours = not {"vm1", "vm2"} <= there
    if ours:
        lab("up", "--count", "2")
    found = None
    try:
        config = tmp_path_factory.mktemp("guests") / "ssh.conf"
        config.write_text(lab("ssh-config"), encoding="utf-8")
        found = Guests(lab, str(config))
        yield found
    finally:
        if ours:
            lab("down")
        elif found is not None:
            found.tidy()


def _trust_each_other(guests):
    """Let vm1 start programs in vm2: over the NAT's side, not over the segment that is shaped."""
    for guest in ("vm1", "vm2"):
        guests.prepare(guest)
    key = guests.run(
        "vm1", "test -e .ssh/bars || ssh-keygen -qt ed25519 -N '' -f .ssh/bars; cat .ssh/bars.pub"
    )
    line = shlex.quote(key.strip())
    keys = ".ssh/authorized_keys"
    guests.run("vm2", f"grep -qxF {line} {keys} || echo {line} >> {keys}")


@pytest.fixture
def from_guest_to_guest(guests):
    _trust_each_other(guests)
    far = "ssh -i /root/.ssh/bars -o StrictHostKeyChecking=no -o LogLevel=ERROR root@198.18.1.2"

    def run(bar):
        command = f"python3 guest_bars.py to 198.18.1.2 198.18.1.1 {bar}"
        return guests.bar(f"env FAR={shlex.quote(far)} {command}")

    return run


@pytest.fixture
def between_namespaces(guests):
    guests.prepare("vm1")
    return lambda bar: guests.bar(f"python3 guest_bars.py here {bar}")


@pytest.fixture(scope="session")
def table():
    """Lines of what was asked and measured, printed together at the end."""
    lines: list[str] = []
    yield lines.append
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
