"""Which images a testbed's pods run, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from ruamel.yaml import YAML

from fogbed import paths
from fogbed.plan.services.data import data_of
from fogbed.spec.image_names import split_name
from fogbed.spec.testbed import Testbed

# Of each component: its name in the versions file.
_NAMED = {
    "jobmanager": "flink",
    "taskmanager": "flink",
    "minio": "minio",
    "agent": "agent",
    "shaper": "agent",
    "local-path": "local_path",
    "prometheus": "prometheus",
    "node-exporter": "node_exporter",
    "kube-state-metrics": "kube_state_metrics",
    "grafana": "grafana",
}


def images_of(testbed: Testbed) -> Mapping[str, str]:
    """Return the image of every component that the testbed may run, as its pods name it.

    Where fogbed makes the nodes, their containerd has mirrors, and names stay upstream's; on a
    cluster that is already there nothing is installed on hosts, so names lead to the mirror.
    """
    images = {component: _default(named) for component, named in _NAMED.items()}
    services = testbed.services
    if services.flink.image is not None:
        images |= dict.fromkeys(("jobmanager", "taskmanager"), services.flink.image)
    if services.minio.image is not None:
        images["minio"] = services.minio.image
    if services.prometheus.image is not None:
        images["prometheus"] = services.prometheus.image
    if services.grafana.image is not None:
        images["grafana"] = services.grafana.image
    for component, runs in _conditions(testbed).items():
        if not runs:
            del images[component]
    if testbed.is_somebody_elses_cluster:
        return {each: _mirrored(name, testbed) for each, name in images.items()}
    return images


def _conditions(testbed: Testbed) -> dict[str, bool]:
    """Return which of the components that not every testbed has may run on this one."""
    watched = testbed.services.prometheus.enabled
    return {
        "minio": testbed.has_minio,
        "local-path": not all(data.has_place for data in data_of(testbed)),
        "agent": testbed.has_agents,
        "shaper": testbed.has_shapers,
        "prometheus": watched,
        "node-exporter": watched,
        "kube-state-metrics": watched,
        "grafana": testbed.asks_for_grafana,
    }


def _mirrored(name: str, testbed: Testbed) -> str:
    """Return the name under which a testbed's mirror has an image."""
    image, mirrors = split_name(name), testbed.sources.registries
    mirror = mirrors.get(image.registry, mirrors.get("*"))
    if mirror is None:
        return name
    place = mirror.removeprefix("http://").removeprefix("https://")
    return str(image).replace(image.registry, place, 1)


@cache
def _defaults() -> Mapping[str, str]:
    path = paths.asset("playbooks", "roles", "fogbed", "defaults", "main", "versions.yml")
    images: dict[str, str] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))[
        "fogbed_images"
    ]
    return images


def _default(named: str) -> str:
    return _defaults()[named]
