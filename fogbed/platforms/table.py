"""Which platforms there are: how each is opened. What each can do: ``fogbed.spec.abilities``.

A platform's own modules are loaded when one of its testbeds is opened: Ansible is an extra, and
the laptop's commands must start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fogbed.errors import UsageError
from fogbed.platforms.base import Machines, Platform
from fogbed.spec.abilities import ABILITIES, Abilities, PlatformName, platforms_with
from fogbed.spec.testbed import Testbed

if TYPE_CHECKING:
    from fogbed.platforms.pi.platform import PiPlatform


def _open_local(testbed: Testbed, _origin: Path | None = None) -> Platform:
    from fogbed.platforms.local.platform import LocalPlatform  # noqa: PLC0415 - see above

    return LocalPlatform(testbed)


def _open_pi(testbed: Testbed, origin: Path | None = None) -> PiPlatform:
    from fogbed.platforms.pi.platform import PiPlatform  # noqa: PLC0415 - see above

    return PiPlatform(testbed, origin)


def _open_kind(testbed: Testbed, origin: Path | None = None) -> Platform:
    from fogbed.platforms.kind.cluster import KindCluster  # noqa: PLC0415 - see above
    from fogbed.platforms.kubernetes.folder import KubeFolder  # noqa: PLC0415
    from fogbed.platforms.kubernetes.platform import KubernetesPlatform  # noqa: PLC0415

    cluster = KindCluster(testbed, KubeFolder(testbed.name).root)
    return KubernetesPlatform(testbed, cluster, origin)


def _open_kubernetes(testbed: Testbed, origin: Path | None = None) -> Platform:
    from fogbed.platforms.kubernetes.existing import ExistingCluster  # noqa: PLC0415 - see above
    from fogbed.platforms.kubernetes.folder import KubeFolder  # noqa: PLC0415
    from fogbed.platforms.kubernetes.platform import KubernetesPlatform  # noqa: PLC0415

    cluster = ExistingCluster(testbed, KubeFolder(testbed.name).root)
    return KubernetesPlatform(testbed, cluster, origin)


MACHINES: Mapping[PlatformName, Callable[[Testbed, Path | None], Machines]] = MappingProxyType(
    {"local": _open_local, "pi": _open_pi, "kind": _open_kind, "kubernetes": _open_kubernetes}
)
STREAM_CLUSTERS: Mapping[PlatformName, Callable[[Testbed], Platform]] = MappingProxyType(
    {"local": _open_local, "pi": _open_pi, "kind": _open_kind, "kubernetes": _open_kubernetes}
)


def abilities_of(testbed: Testbed) -> Abilities:
    """Return what a testbed of this platform can have and do."""
    return ABILITIES[testbed.platform]


def open_machines(testbed: Testbed, origin: Path | None = None) -> Machines:
    """Return the machines of a testbed; ``origin``: the file it was read from, if that is known.

    Raises:
        UsageError: this version has no such platform.
    """
    opener = MACHINES.get(testbed.platform)
    if opener is None:
        raise UsageError(f"platform {testbed.platform} is not in this version of fogbed")
    return opener(testbed, origin)


def open_platform(testbed: Testbed) -> Platform:
    """Return a testbed on which jobs and experiments run.

    Raises:
        UsageError: its platform runs no Flink.
    """
    opener = STREAM_CLUSTERS.get(testbed.platform)
    if opener is None:
        raise UsageError(
            f"testbed {testbed.name} is of platform {testbed.platform}, which runs no Flink in "
            "this version of fogbed",
            hint=f"name a testbed of platform {' or '.join(platforms_with('flink'))} with -t",
        )
    return opener(testbed)


def open_pi(testbed: Testbed, origin: Path | None = None) -> PiPlatform:
    """Return a testbed whose machines are reached over SSH.

    Raises:
        UsageError: its machines are not.
    """
    _require_able(testbed, lambda each: each.is_reached_over_ssh)
    return _open_pi(testbed, origin)


def open_for_programs(testbed: Testbed) -> Machines:
    """Return the machines of a testbed on whose nodes a user's programs are run.

    Raises:
        UsageError: there is no way for them: neither SSH nor an agent's pod.
    """
    _require_able(testbed, lambda each: each.is_reached_over_ssh or each.is_a_cluster)
    return open_machines(testbed)


def _require_able(testbed: Testbed, is_able: Callable[[Abilities], bool]) -> None:
    if not is_able(abilities_of(testbed)):
        those = " or ".join(name for name, each in ABILITIES.items() if is_able(each))
        raise UsageError(
            f"testbed {testbed.name} is of platform {testbed.platform}; this is for platform "
            f"{those}",
            hint="name another testbed with -t",
        )


def require_options(testbed: Testbed, heeded: frozenset[str], given: Mapping[str, bool]) -> None:
    """Return if every option that is given means something here; UsageError with all others."""
    wrong = [name for name, is_given in given.items() if is_given and name not in heeded]
    if wrong:
        raise UsageError(f"platform {testbed.platform} has no {', '.join(wrong)}")
