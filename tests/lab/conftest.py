"""The lab's machines: bare systems with systemd and sshd that a testbed is made of, for real.

What a test makes has numbers of its own (from 40 on), so that a lab in use is left alone; what the
session started is stopped by it.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LAB = CHECKOUT.parent / "shared" / "lab"
# tests have a home of their own; the lab's cache lives in the user's
HOME = Path(pwd.getpwuid(os.getuid()).pw_dir)
CACHE = Path(os.environ.get("FOGBED_LAB_CACHE") or HOME / ".cache" / "fogbed-lab")
GATEWAY = "198.18.2.1"
# What everything that a machine had before must look like after `down --purge`, logs and caches
# apart: packages, units, files, interfaces, packet filter. The files with a hyphen are shadow's own
# copies of the version before the last change.
SNAPSHOT = """
echo "== packages"; dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' | grep -v '^rc'
echo "== units"
systemctl list-unit-files --no-legend --no-pager | awk '{print $1, $2}' | sort
echo "== files"
find /etc /usr/local /opt /root /boot /home -xdev -type f -print0 2>/dev/null | sort -z \\
  | xargs -0 md5sum 2>/dev/null | grep -v -e ' /etc/ld.so.cache' -e ' /etc/.pwd.lock' \\
  -e ' /etc/group-' -e ' /etc/gshadow-' -e ' /etc/passwd-' -e ' /etc/shadow-'
echo "== folders"; ls -d /var/lib/* /opt/* /etc/* /run/* /var/backups/fogbed 2>/dev/null
echo "== interfaces"; ip -o link | awk -F': ' '{print $2}' | sed 's/@.*//' | sort
echo "== packet filter"
nft list ruleset 2>/dev/null; iptables-legacy-save 2>/dev/null | grep -v '^[#:]'
true
"""
_TIMES: list[str] = []
_SAID: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what took how long on the lab's machines."""
    if _TIMES:
        terminalreporter.section("lab: times")
        for line in _TIMES:
            terminalreporter.write_line(line)
    if _SAID:
        terminalreporter.section("lab: what users read")
        for text in _SAID:
            terminalreporter.write_line(text)


_TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: {name}
platform: pi
ssh: {{user: pi, key: {key}, known_hosts: {known_hosts}}}
nodes:
{nodes}
kubernetes:
  version: "{version}"
  pod_cidr: 198.19.0.0/17
  service_cidr: 198.19.128.0/17
  # what the lab's README says its machines need beyond a Raspberry Pi
  # all machines share one disk, and how full it is is nobody's business here: as kind has it
  kubelet:
    failCgroupV1: false
    imageGCHighThresholdPercent: 100
    evictionHard:
      {{imagefs.available: 1%, nodefs.available: 1%, nodefs.inodesFree: 1%}}
  kube_proxy: {{conntrack: {{maxPerCore: 0, min: 0}}}}
  # CreateJob: before an upgrade kubeadm has the pause image say its version, which the lab's cannot
  ignore_preflight: [SystemVerification, CreateJob]
runtime: {{restrict_oom_score_adj: true}}
versions: {{docker: "20.10", flannel: v0.28.4, flannel_cni_plugin: v1.9.1-flannel1}}
sources:
  apt: {{kubernetes: "http://{gateway}:8080/core:/stable:", docker: "http://{gateway}:8080/linux"}}
  registries: {{"*": "http://{gateway}:5000"}}
"""


@dataclass(frozen=True)
class Machine:
    """One lab machine: ``pi-NUMBER`` at 198.18.2.(10 + NUMBER), user pi, sudo without password."""

    number: int
    known_hosts: Path

    @property
    def name(self) -> str:
        return f"pi-{self.number}"

    @property
    def address(self) -> str:
        return f"198.18.2.{10 + self.number}"

    def ssh_prefix(self) -> tuple[str, ...]:
        """Return what runs the words behind it in the login shell of pi."""
        options = ["-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "LogLevel=ERROR"]
        options += ["-o", "StrictHostKeyChecking=accept-new", "-o", "ConnectTimeout=10"]
        return ("ssh", "-i", key(), *options, f"pi@{self.address}")

    def ssh(self, command: str, *, check: bool = True) -> str:
        """Run a shell command as root on the machine and return what it printed."""
        done = subprocess.run(
            [*self.ssh_prefix(), "sudo sh -s"],
            check=False,
            input=command,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout


@dataclass
class Lab:
    """Makes machines and testbeds of them; remembers what it made."""

    folder: Path
    made: set[int] = field(default_factory=set)

    def fresh(self, *numbers: int) -> list[Machine]:
        """Return new machines."""
        machines = []
        for number in numbers:
            self.made.add(number)
            control("fresh", str(number))
            machines.append(Machine(number, self.folder / "known_hosts"))
        return machines

    def minor(self) -> str:
        """Return the Kubernetes minor before the lab's own, if it is in the mirror; else skip."""
        offered = sorted((CACHE / "mirror" / "core:" / "stable:").glob("v1.*/deb/InRelease"))
        if len(offered) < 2:
            pytest.skip(f"the lab has one Kubernetes minor only: {LAB}/lab minor")
        return offered[0].parts[-3].removeprefix("v")

    def sudo_without_password(self, machine: Machine) -> None:
        """Undo what a test of sudo's password did."""
        control(
            "inside",
            str(machine.number),
            stdin="echo 'pi ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/pi; passwd -q -l pi",
        )

    def set_clock(self, machine: Machine, offset: str) -> None:
        """Let what a login or sudo runs see another time: containers share the kernel's clock.

        Not sshd: its sandbox kills a child that reads the preloaded library's settings.
        """
        machine.ssh(
            "apt-get -q update >/dev/null; apt-get -q install -y libfaketime >/dev/null\n"
            f"echo 'FAKETIME={offset}' >>/etc/environment\n"
            "echo LD_PRELOAD=$(find /usr/lib -name libfaketime.so.1) >>/etc/environment\n"
            "echo 'Defaults env_file=/etc/environment' >/etc/sudoers.d/environment"
        )

    def remove(self, *numbers: int) -> None:
        """Throw machines away."""
        control("remove", *map(str, numbers))
        self.made.difference_update(numbers)

    def testbed(
        self,
        name: str,
        machines: Sequence[Machine],
        *,
        version: str = "1.36",
        workers: str = "edge",
    ) -> Path:
        """Return a testbed file; the first machine is its control plane."""
        lines = [
            f"  - {{name: {m.name}, address: {m.address}, "
            + (f"role: worker, tier: {workers}}}" if i else "role: control-plane, tier: cloud}")
            for i, m in enumerate(machines)
        ]
        path = self.folder / f"{name}.yml"
        path.write_text(
            _TESTBED.format(
                name=name,
                key=key(),
                known_hosts=self.folder / "known_hosts",
                nodes="\n".join(lines),
                version=version,
                gateway=GATEWAY,
            ),
            encoding="utf-8",
        )
        return path


def key() -> str:
    return str(CACHE / "nodes" / "id_ed25519")


def control(*words: str, stdin: str = "") -> str:
    """Run a verb of nodes.sh with the user's own home."""
    env = {**os.environ, "HOME": str(HOME), "FOGBED_LAB_CACHE": str(CACHE)}
    done = subprocess.run(
        ["bash", Path(__file__).with_name("nodes.sh"), LAB, *words],
        check=False,
        input=stdin,
        capture_output=True,
        text=True,
        env=env,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lack(*programs: str) -> str:
    """Return why the lab, of which ``programs`` are needed, cannot be used; empty if it can."""
    if not LAB.is_dir():
        return "the lab (../shared/lab) is not there"
    if os.geteuid() != 0:
        return "the lab needs root"
    missing = [name for name in programs if not _built(name)]
    if missing:
        return f"the lab is not built (no {missing[0]}): {LAB}/lab build"
    return ""


def require(*programs: str) -> None:
    """Skip, in so many words, where there is no lab: it takes root and half an hour to build."""
    if reason := lack(*programs):
        # no root, no lab, or a program that is not built: nothing is built in the middle of a test
        pytest.skip(reason)


def _built(name: str) -> bool:
    return (CACHE / "bin" / name).exists()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab, up; what was not running before is stopped afterwards."""
    require("containerd", "kubelet", "flanneld")
    found = Lab(tmp_path_factory.mktemp("lab"))
    started = control("up").split()
    try:
        yield found
    finally:
        control("remove", *map(str, sorted(found.made)))
        if started:
            control("stop", *(name for name in ("mirror", "registry", "engine") if name in started))


@pytest.fixture(scope="session")
def note_time() -> Callable[[str, float], None]:
    """Have a time (seconds) printed at the end of the session."""
    return lambda what, took_s: _TIMES.append(f"{took_s:7.1f} s  {what}")


@pytest.fixture(scope="session")
def note_said() -> Callable[[str, str], None]:
    """Have a message printed at the end of the session."""
    return lambda what, text: _SAID.append(f"$ fogbed {what} ...\n{text}")


@pytest.fixture(scope="session")
def differences(snapshot: Callable[[Machine], list[str]]) -> Callable[..., str]:
    """Lines of a snapshot that are there no more, and lines that are new."""

    def between(before: list[str], machine: Machine) -> str:
        after = snapshot(machine)
        gone = [f"- {line}" for line in before if line not in after]
        return "\n".join(gone + [f"+ {line}" for line in after if line not in before])

    return between


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Machine], list[str]]:
    """All that a machine has, as lines."""
    return lambda machine: machine.ssh(SNAPSHOT).splitlines()


@dataclass(frozen=True)
class ApiServer:
    """The lab's API server on loopback: scheduler and controllers, and no kubelet but the test."""

    kubeconfig: Path
    pki: Path

    def kubectl(self, *words: str, stdin: str = "", check: bool = True) -> str:
        """Do something to the cluster that fogbed has no part in; return what was printed."""
        argv = [str(CACHE / "bin" / "kubectl"), "--kubeconfig", str(self.kubeconfig), *words]
        done = subprocess.run(
            argv, check=False, input=stdin, capture_output=True, text=True, timeout=120
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout

    def status(self, what: str, name: str, status: object, namespace: str = "default") -> None:
        """Say of a pod or node what its kubelet would."""
        patch = json.dumps({"status": status})
        words = ["--subresource=status", "--type=merge", "-n", namespace, "-p", patch]
        self.kubectl("patch", what, name, *words)


@pytest.fixture(scope="session")
def kube_api() -> Iterator[ApiServer]:
    """The API server, up; stopped afterwards if it was not running before."""
    missing = [name for name in ("etcd", "kube-apiserver", "kubectl") if not _built(name)]
    if not LAB.is_dir() or missing:
        # as for its machines: nothing here is built in the middle of a test
        pytest.skip(f"the lab's API server is not built: {LAB}/lab build core")
    folder = CACHE / "api"
    was_up = "apiserver: running" in _lab("status")
    _lab("api", "up")
    try:
        yield ApiServer(folder / "kubeconfig", folder / "pki")
    finally:
        if not was_up:
            _lab("api", "down")


@pytest.fixture(scope="module")
def node_image() -> Iterator[str]:
    """The lab's node image, its engine in the environment; stopped if it was not running."""
    require("containerd", "kubelet", "kind")
    with pytest.MonkeyPatch.context() as patch:
        was_running = _engine_answers()
        for name, value in _kind_environment().items():
            patch.setenv(name, value)
        yield os.environ["KIND_NODE_IMAGE"]
    if not was_running:
        _lab("kind", "down")


def _kind_environment() -> dict[str, str]:
    words = shlex.split(_lab("kind", "up"))
    found = dict(word.split("=", 1) for word in words if "=" in word)
    # the lab names a kubeconfig of its own; no call of ours may touch the user's
    found.pop("KUBECONFIG")
    return found | {"PATH": found["PATH"].replace("$PATH", os.environ["PATH"])}


def _engine_answers() -> bool:
    host = os.environ.get("DOCKER_HOST", "")
    with socket.socket(socket.AF_UNIX) as there:
        return host.startswith("unix://") and not there.connect_ex(host.removeprefix("unix://"))


def _lab(*words: str) -> str:
    env = {**os.environ, "HOME": str(HOME), "FOGBED_LAB_CACHE": str(CACHE)}
    done = subprocess.run(
        [LAB / "lab", *words], check=False, capture_output=True, text=True, env=env, timeout=1500
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
