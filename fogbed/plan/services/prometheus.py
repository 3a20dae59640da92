"""Prometheus on a cluster: one process with one volume, and what it asks whom.

Its configuration is ``manifests/prometheus/prometheus.yml.j2``; recording and alert rules lie
beside it and are a laptop's too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogbed import paths
from fogbed.plan.checksum import checksum_of
from fogbed.plan.cluster import COMPONENTS, Cluster, agent_namespace_of, namespace_of
from fogbed.plan.manifest_templates import environment
from fogbed.plan.services.data import volume_of
from fogbed.plan.services.service import Port
from fogbed.spec.base import TIERS
from fogbed.spec.testbed import Testbed

WEB = Port(name="web", number=9090)
USER = 65534  # uid and gid of nobody in the image
RULES = ("recording.yml", "alerts.yml")
"""The files of ``manifests/prometheus/rules``."""

# Of a hundred MB when idle; each node brings some thousand series, at 4 to 8 KB each.
_MEMORY, _MEMORY_OF_NODE = 384 * 2**20, 8 * 2**20
# Kubelets, MinIO and the like are asked no more often than they count.
_SLOW_S = 10.0
# What a query may hold at once: 16 bytes each, and a day of one series at 1 s is 86,400.
_MOST_SAMPLES = 10_000_000
# Of the volume: blocks that are being merged are there twice for a while.
_KEPT_SHARE = 0.8
_MIB = 2**20


def memory(testbed: Testbed) -> int:
    """Return the bytes that Prometheus' container takes."""
    return _MEMORY + _MEMORY_OF_NODE * len(testbed.nodes)


def rule_files() -> dict[str, str]:
    """Return the recording and alert rules, by the names of their files."""
    folder = ("manifests", "prometheus", "rules")
    return {name: paths.asset(*folder, name).read_text(encoding="utf-8") for name in RULES}


def storage_arguments(*, retention_s: float, size: int, slowest_s: float) -> tuple[str, ...]:
    """Return how long Prometheus keeps figures, and how it draws a gap in them.

    ``size``: the bytes that it has on disk; the oldest figures go before they are full.
    ``slowest_s``: the longest time between two figures of a series that goes on.
    """
    return (
        f"--storage.tsdb.retention.time={_milliseconds(retention_s)}",
        f"--storage.tsdb.retention.size={int(size * _KEPT_SHARE) // _MIB}MB",
        # an earlier figure is no answer for now: what nobody sees is a gap
        f"--query.lookback-delta={_milliseconds(3 * slowest_s)}",
        f"--query.max-samples={_MOST_SAMPLES}",
        "--query.timeout=30s",
        # a run hands its samples over
        "--web.enable-remote-write-receiver",
    )


def pod(cluster: Cluster) -> dict[str, Any]:
    """Return what Prometheus' manifests are rendered with."""
    testbed = cluster.testbed
    settings = testbed.services.prometheus
    files = {"prometheus.yml": config(cluster), **rule_files()}
    size = memory(testbed)
    return {
        "image": cluster.image("prometheus"),
        "node": testbed.prometheus_node,
        "host": cluster.host(testbed.prometheus_node),
        "memory": size,
        # the collector works harder before the kernel kills
        "soft_memory": size * 7 // 8,
        "user": USER,
        "port": WEB,
        "data": volume_of(cluster, "prometheus"),
        "files": files,
        # it reads them when it starts
        "checksum": checksum_of(*files.values()),
        "arguments": [
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            *storage_arguments(
                retention_s=settings.retention,
                size=settings.size,
                slowest_s=max(settings.scrape_interval, _SLOW_S),
            ),
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Host:
    """One node by both its names; ``regex`` matches the cluster's and no other."""

    name: str
    regex: str
    node: str


def config(cluster: Cluster) -> str:
    """Return Prometheus' configuration: whom it asks, how often, and what it keeps of the answers.

    Every series has the labels ``testbed``, ``node`` (fogbed's name of it), ``tier`` and, where it
    is of a component, ``component``.
    """
    testbed = cluster.testbed
    spaces = (namespace_of(testbed.name), agent_namespace_of(testbed.name))
    hosts = [
        _Host(name=host, regex=_literal(host), node=node.name)
        for node in testbed.nodes
        for host in [cluster.host(node)]
    ]
    interval_s = testbed.services.prometheus.scrape_interval
    slow_s = max(interval_s, _SLOW_S)
    values = {
        "testbed": testbed.name,
        "namespace": spaces[0],
        "agent_namespace": spaces[1],
        "namespaces": "|".join(spaces),
        "hosts": hosts,
        "every_host": "|".join(host.regex for host in hosts),
        "tiers": _tiers(testbed, hosts),
        "components": "|".join(COMPONENTS),
        "has_minio": testbed.has_minio,
        "interval": _milliseconds(interval_s),
        "slow_interval": _milliseconds(slow_s),
        "slow_timeout": _milliseconds(min(slow_s, 10.0)),
    }
    return environment().get_template("prometheus/prometheus.yml.j2").render(values)


def _tiers(testbed: Testbed, hosts: Sequence[_Host]) -> Mapping[str, str]:
    """Return what matches the hosts of each tier that there is."""
    regexes = {host.node: host.regex for host in hosts}
    found = {
        tier: "|".join(regexes[node.name] for node in testbed.nodes if node.tier == tier)
        for tier in TIERS
    }
    return {tier: regex for tier, regex in found.items() if regex}


def _literal(host: str) -> str:
    """Return what matches a node's name: of all it may have, only the dot means something else."""
    return host.replace(".", r"\.")


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
