"""A testbed's stack as Kubernetes manifests: the same testbed and facts give the same bytes.

What is written is in ``manifests/``, as templates that people can read; what it is rendered with
stands in ``fogbed.plan.services``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from fogbed import paths
from fogbed.errors import UsageError
from fogbed.plan.checksum import checksum_of
from fogbed.plan.cluster import (
    LABEL,
    LINKS,
    Cluster,
    ClusterFacts,
    agent_namespace_of,
    cluster_name_of,
    labels_of,
    namespace_of,
)
from fogbed.plan.flink_memory import POD_JOBMANAGER_LEAST, TASKMANAGER_LEAST
from fogbed.plan.flink_settings import to_yaml
from fogbed.plan.images import images_of
from fogbed.plan.inventory import RENDERED
from fogbed.plan.manifest_templates import environment
from fogbed.plan.services import (
    agent,
    flink,
    grafana,
    jobmanager,
    kube_state_metrics,
    local_path,
    minio,
    node_exporter,
    prometheus,
    shaper,
    taskmanager,
)
from fogbed.plan.services.data import needs_local_path
from fogbed.spec.testbed import Testbed
from fogbed.units import format_memory

_HEADER = "{rendered}{name}. Change the testbed's file, not this one.\n"

# What can be left out, and the components that it stands for; in the order of application.
PARTS: Mapping[str, tuple[str, ...]] = {
    "local-path": ("local-path",),
    "minio": ("minio",),
    "flink": ("flink", "jobmanager", "taskmanager"),
    "jobmanager": ("jobmanager",),
    "taskmanager": ("taskmanager",),
    "agent": ("agent",),
    "shaper": ("shaper",),
    "prometheus": ("prometheus", "node-exporter", "kube-state-metrics"),
    "grafana": ("grafana",),
}
# The templates, in the order of application: what something needs comes before it.
_TEMPLATES: tuple[tuple[str, str], ...] = (
    ("testbed", "namespaces"),
    ("testbed", "network"),
    ("local-path", "local-path"),
    ("minio", "minio"),
    ("flink", "account"),
    ("flink", "config"),
    ("jobmanager", "jobmanager"),
    ("taskmanager", "taskmanagers"),
    ("agent", "agents"),
    ("shaper", "shapers"),
    ("node-exporter", "node-exporter"),
    ("kube-state-metrics", "kube-state-metrics"),
    ("prometheus", "access"),
    ("prometheus", "prometheus"),
    ("grafana", "dashboards"),
    ("grafana", "grafana"),
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as it is applied; ``component``: what it belongs to."""

    component: str
    body: Mapping[str, Any]

    @property
    def api_version(self) -> str:
        """As in ``apps/v1``."""
        return str(self.body["apiVersion"])

    @property
    def kind(self) -> str:
        """As in ``Deployment``."""
        return str(self.body["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace; "" for what belongs to the whole cluster."""
        return str(self.body["metadata"].get("namespace", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """One rendered file; files are applied in the order of their names."""

    name: str
    component: str
    text: str


def plan_manifests(
    testbed: Testbed, facts: ClusterFacts, *, without: frozenset[str] = frozenset()
) -> tuple[Manifest, ...]:
    """Return every object of a testbed's stack in the order of application.

    ``without``: parts to leave out, of ``PARTS``.

    Raises:
        UsageError: a process would have less memory than it starts with; all of them at once.
    """
    files = render_manifests(testbed, facts, without=without)
    bodies = (body for file in files for body in _load(file.text))
    return tuple(
        Manifest(component=body["metadata"]["labels"][f"{LABEL}/component"], body=body)
        for body in bodies
    )


def render_manifests(
    testbed: Testbed, facts: ClusterFacts, *, without: frozenset[str] = frozenset()
) -> tuple[ManifestFile, ...]:
    """Return the files that ``plan_manifests`` reads, for people and for ``kubectl apply -f``."""
    cluster = Cluster(testbed=testbed, facts=facts, images=images_of(testbed))
    _require_sizes(cluster)
    left_out = {component for part in without for component in PARTS[part]}
    components = _components(cluster) - left_out
    values = _values(cluster, components)
    header = _HEADER.format(rendered=RENDERED, name=testbed.name)
    return tuple(
        ManifestFile(
            name=f"{number:02d}-{template}.yaml",
            component=component,
            text=header + environment().get_template(_path(component, template)).render(values),
        )
        for number, (component, template) in enumerate(_TEMPLATES)
        if component in components
    )


def _require_sizes(cluster: Cluster) -> None:
    testbed = cluster.testbed
    sizes = [("services.flink.jobmanager", jobmanager.pod_memory(testbed), POD_JOBMANAGER_LEAST)]
    sizes += [
        (
            f"nodes[{node.name}]'s TaskManager",
            taskmanager.pod_memory(cluster, node),
            TASKMANAGER_LEAST,
        )
        for node in testbed.nodes
        if node.name in cluster.facts.workers
    ]
    problems = [
        f"{what}: {format_memory(max(size, 0))} of memory; it needs at least {format_memory(least)}"
        for what, size, least in sizes
        if size < least
    ]
    problems = problems or taskmanager.pod_buffers(cluster)[1]
    if problems:
        raise UsageError(
            f"testbed {testbed.name} cannot run on its cluster as written",
            hint="write more memory under services.flink or nodes",
            details="\n".join(problems),
        )


def _load(text: str) -> list[dict[str, Any]]:
    """Return the documents of a rendered file, which YAML 1.1 and 1.2 read alike.

    ruamel has no parser in C any more, and a hundred TaskManagers take it five seconds; PyYAML's
    is there wherever the Kubernetes client is.
    """
    try:
        import yaml  # noqa: PLC0415 - only where there is a cluster

        return list(yaml.load_all(text, yaml.CSafeLoader))
    except (ImportError, AttributeError):
        return list(YAML(typ="safe").load_all(text))


def _path(component: str, template: str) -> str:
    return f"{component}/{template}.yaml.j2"


def _components(cluster: Cluster) -> frozenset[str]:
    """Return the components that a testbed has on this cluster."""
    found = {"testbed", "flink", "jobmanager", "taskmanager"}
    found |= {"minio"} if cluster.testbed.has_minio else set()
    found |= {"local-path"} if needs_local_path(cluster) else set()
    found |= {"agent"} if cluster.testbed.has_agents else set()
    found |= {"shaper"} if cluster.testbed.has_shapers else set()
    found |= set(PARTS["prometheus"]) if cluster.testbed.services.prometheus.enabled else set()
    found |= {"grafana"} if cluster.testbed.asks_for_grafana else set()
    return frozenset(found)


def _values(cluster: Cluster, components: frozenset[str]) -> dict[str, Any]:
    testbed = cluster.testbed

    def labels(component: str, node: str = "") -> dict[str, str]:
        return labels_of(testbed.name, component, node)

    return {
        "labels": labels,
        "namespace": namespace_of(testbed.name),
        "agent_namespace": agent_namespace_of(testbed.name),
        "cluster_name": cluster_name_of(testbed.name),
        "hosts": [cluster.host(node) for node in testbed.nodes],
        "owner": cluster.facts.owner,
        "is_watched": testbed.services.prometheus.enabled,
        "has_grafana": testbed.asks_for_grafana,
        "flink": _flink(testbed),
        "jobmanager": _jobmanager(cluster),
        "taskmanagers": taskmanager.pods(cluster),
        "links_annotation": LINKS,
        **{
            name: pod(cluster)
            for (name, component), pod in _PODS.items()
            if component in components
        },
    }


_PODS = {
    ("minio", "minio"): minio.pod,
    ("local_path", "local-path"): local_path.pod,
    ("agent", "agent"): agent.pod,
    ("shaper", "shaper"): shaper.pod,
    ("prometheus", "prometheus"): prometheus.pod,
    ("node_exporter", "node-exporter"): node_exporter.pod,
    ("kube_state_metrics", "kube-state-metrics"): kube_state_metrics.pod,
    ("grafana", "grafana"): grafana.pod,
}


def _jobmanager(cluster: Cluster) -> dict[str, Any]:
    """Return the JobManager's values; what only it reads is in a file of its own.

    Started otherwise, as by another scheduler, it leaves TaskManagers alone. As arguments its
    settings would not do: it stops reading them at the first that it does not know, and scripts put
    such a one before ours (seen with 2.2.1: --executionMode).
    """
    pod = jobmanager.pod(cluster)
    config = to_yaml({**flink.cluster_config(cluster.testbed), **pod["own_config"]}).rstrip("\n")
    return {**pod, "config": config, "checksum": checksum_of(config, _logging())}


def _logging() -> str:
    path = paths.asset("manifests", "flink", "log4j-console.properties")
    return path.read_text(encoding="utf-8").rstrip("\n")


def _flink(testbed: Testbed) -> dict[str, Any]:
    config = to_yaml(flink.cluster_config(testbed)).rstrip("\n")
    text = _logging()
    return {
        "config": config,
        "logging": text,
        "checksum": checksum_of(config, text),
        "environment": flink.pod_environment(),
        "plugins": flink.S3_PLUGINS,
        "secret": testbed.services.minio.secret or flink.S3_SECRET,
        "account": "flink",
        "has_token": testbed.services.flink.high_availability,
        "user": flink.USER,
    }
