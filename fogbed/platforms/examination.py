"""All that `fogbed doctor` looks at: the preflight, and what this fogbed has to work with."""

from __future__ import annotations

import shutil
from pathlib import Path

from fogbed import __version__, paths
from fogbed.errors import FogbedError, PlatformError
from fogbed.network.ports import tun_problem
from fogbed.plan.local_processes import LocalNode
from fogbed.platforms import preflight
from fogbed.platforms.local import grafana as grafana_here
from fogbed.platforms.local.emulators import EmulatorChoice, check_emulation
from fogbed.platforms.local.java import find_flink, find_java
from fogbed.platforms.local.limits import limit_node
from fogbed.platforms.local.prometheus import INSTALL, OLDEST, find_prometheus, is_new_enough
from fogbed.platforms.preflight import Check
from fogbed.spec.services import FLINK_VERSION

_LONGEST_SOCKET = 107  # bytes, unix(7)
_JDK_LINE = "only to build the job's jar anew: sudo apt install openjdk-17-jdk-headless"


def examine(emulator: EmulatorChoice = "auto") -> list[Check]:
    """Return every check of this computer, the blocking ones first.

    ``emulator``: what a testbed's file says of its network.
    """
    checks = [Check("fogbed", ok=True, found=__version__)]
    checks += preflight.run_checks(place=paths.state_dir())
    if not checks[1].ok:
        return checks
    return [
        *checks,
        check_java(),
        check_flink(),
        check_emulation(emulator),
        check_ports(),
        check_limits(),
        check_sockets(),
        check_prometheus(),
        check_grafana(),
        check_compiler(),
    ]


def check_java() -> Check:
    """Which Java runs Flink."""
    try:
        java = find_java()
    except PlatformError as error:
        return _failed("java", error)
    found = f"{java.version} from {java.source} ({java.program})"
    return Check("java", ok=True, found=found)


def check_flink() -> Check:
    """Whether Flink's wheel is there."""
    try:
        jars, _ = find_flink()
    except PlatformError as error:
        return _failed("flink", error)
    return Check("flink", ok=True, found=f"{FLINK_VERSION} ({jars[0].parent})")


def check_ports() -> Check:
    """Which kind of port joins nodes to the fabric, where it serves; TUN costs less."""
    problem = tun_problem()
    if not problem:
        return Check("ports", ok=True, found="tun (/dev/net/tun opens)")
    found = f"packet (veth and AF_PACKET), for {problem}"
    return Check("ports", ok=True, found=found, blocks=False)


def check_limits() -> Check:
    """Whether a node's cores and memory can be held by control groups."""
    node = LocalNode(name="probe", tier="cloud", address="", cores=1.0, memory=2**30)
    limits = limit_node("doctor", node, 0)
    limits.release()
    held = "cgroup" in limits.said and not limits.cpus and "not enforced" not in limits.said
    fix = "" if held else "As root, or in a systemd user session, control groups hold them."
    return Check("limits", ok=held, found=limits.said, fix=fix, blocks=False)


def check_sockets() -> Check:
    """Whether the folder of sockets is ours and its path short enough."""
    try:
        folder = paths.runtime_dir()
    except (FogbedError, OSError) as error:
        fix = "Set XDG_RUNTIME_DIR to a folder of your own."
        return Check("sockets", ok=False, found=str(error), fix=fix)
    longest = folder / f"{'n' * 63}.keeper"
    if len(str(longest).encode()) > _LONGEST_SOCKET:
        fix = "Set XDG_RUNTIME_DIR to a folder with a shorter path."
        return Check("sockets", ok=False, found=f"{folder} is too long a path", fix=fix)
    return Check("sockets", ok=True, found=str(folder))


def check_prometheus() -> Check:
    """Whether testbeds here may have a Prometheus; nobody needs one unless it is asked for."""
    prometheus = find_prometheus()
    if prometheus is None:
        found = f"none (only for testbeds that ask for it: {INSTALL})"
        return Check("prometheus", ok=True, found=found, blocks=False)
    found = f"{prometheus.version} ({prometheus.program})"
    if is_new_enough(prometheus):
        return Check("prometheus", ok=True, found=found, blocks=False)
    fix = f"fogbed needs {'.'.join(map(str, OLDEST))} or newer: put one first on PATH."
    return Check("prometheus", ok=False, found=found, fix=fix, blocks=False)


def check_grafana() -> Check:
    """Whether testbeds with Prometheus may have Grafana too; nobody needs one."""
    grafana = grafana_here.find_grafana()
    if grafana is None:
        found = f"none (only for dashboards on this computer: {grafana_here.INSTALL})"
        return Check("grafana", ok=True, found=found, blocks=False)
    found = f"{grafana.version} ({grafana.program})"
    if grafana_here.is_new_enough(grafana):
        return Check("grafana", ok=True, found=found, blocks=False)
    fix = f"fogbed needs {grafana_here.OLDEST} or newer: put one first on PATH."
    return Check("grafana", ok=False, found=found, fix=fix, blocks=False)


def check_compiler() -> Check:
    """Whether the job's jar could be built anew; nobody needs that to run it."""
    found = shutil.which("javac")
    if found:
        return Check("javac", ok=True, found=str(Path(found).resolve()), blocks=False)
    return Check("javac", ok=True, found=f"none ({_JDK_LINE})", blocks=False)


def _failed(name: str, error: PlatformError) -> Check:
    found = error.message if not error.details else f"{error.message}: {error.details}"
    return Check(name, ok=False, found=found, fix=error.hint or "")
