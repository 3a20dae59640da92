"""What testbeds of each platform can have and do in this version: one table.

The checks of files, dry runs, the options of commands and the pages read it, so that what will not
work is refused before anything is touched. How a platform does what it can is in
``fogbed.platforms``, which opens what stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

PlatformName = Literal["local", "pi", "kind", "kubernetes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetwork:
    """How the cluster that ``up`` makes wires pods: what can be told of it before it is there.

    ``device``: by which packets to other nodes' pods leave, with its ``mtu``; ``own``: which of the
    addresses of a node's network of pods are the node's own, counted from its first;
    ``is_overlay``: they leave with a node's address of those, else with that of its NIC.
    """

    device: str
    mtu: int
    own: tuple[int, ...]
    is_overlay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """One platform's line of the table.

    ``services``: what of a spec's ``services`` runs there. ``actions``: what a scenario may do.
    ``makes_its_cluster``: ``up`` does, and gives its nodes their roles. ``most_nodes``: None if
    nothing here sets a bound.
    ``pod_network``: None where ``up`` makes none.
    ``up_options`` and ``down_options``: flags that mean something. ``asks_before_down``: what
    ``down`` takes is not only fogbed's own.
    """

    services: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()
    emulates_networks: bool = False
    is_reached_over_ssh: bool = False
    is_a_cluster: bool = False
    makes_its_cluster: bool = False
    may_have_several_control_planes: bool = False
    most_nodes: int | None = None
    pod_network: PodNetwork | None = None
    up_options: frozenset[str] = frozenset()
    down_options: frozenset[str] = frozenset()
    asks_before_down: bool = False


ABILITIES: Mapping[PlatformName, Abilities] = MappingProxyType(
    {
        "local": Abilities(
            services=frozenset({"flink", "prometheus", "grafana"}),
            actions=frozenset({"network", "rescale", "exec"}),
            emulates_networks=True,
            most_nodes=253,
            up_options=frozenset({"--port", "--shared"}),
            down_options=frozenset({"--everything"}),
        ),
        "pi": Abilities(
            services=frozenset({"flink", "minio", "prometheus", "grafana"}),
            actions=frozenset({"network", "rescale", "exec"}),
            emulates_networks=True,
            is_reached_over_ssh=True,
            is_a_cluster=True,
            makes_its_cluster=True,
            may_have_several_control_planes=True,
            # flannel's VXLAN, and its bridge
            pod_network=PodNetwork(device="flannel.1", mtu=1450, own=(0, 1), is_overlay=True),
            up_options=frozenset(
                {"--limit", "--tags", "--check", "--ask-become-pass", "--only", "--without"}
            ),
            down_options=frozenset(
                {"--purge", "--forget-unreachable", "--limit", "--ask-become-pass"}
            ),
            asks_before_down=True,
        ),
        "kind": Abilities(
            services=frozenset({"flink", "minio", "prometheus", "grafana"}),
            actions=frozenset({"network", "rescale", "exec"}),
            emulates_networks=True,
            is_a_cluster=True,
            makes_its_cluster=True,
            # kindnet's routes, and the address that a node has on each of its pods' veths
            pod_network=PodNetwork(device="eth0", mtu=1500, own=(1,), is_overlay=False),
            up_options=frozenset({"--only", "--without"}),
        ),
        "kubernetes": Abilities(
            services=frozenset({"flink", "minio", "prometheus", "grafana"}),
            actions=frozenset({"network", "rescale", "exec"}),
            emulates_networks=True,
            is_a_cluster=True,
            down_options=frozenset({"--everything", "--forget-unreachable"}),
            asks_before_down=True,
        ),
    }
)


def platforms_with(service: str) -> tuple[PlatformName, ...]:
    """Return the platforms that run a service."""
    return tuple(name for name, each in ABILITIES.items() if service in each.services)


def abilities_named(platform: str | None) -> Abilities | None:
    """Return the line of a name as it stands in a file; None where there is no such platform."""
    return next((each for name, each in ABILITIES.items() if name == platform), None)
