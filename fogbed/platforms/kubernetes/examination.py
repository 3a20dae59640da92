"""What `fogbed doctor` looks at of a cluster: all that ``up`` will need, before it is applied."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fogbed.clients.kube_objects import KubeObjects
from fogbed.errors import FogbedError
from fogbed.plan.cluster import facts_from
from fogbed.plan.manifests import Manifest, plan_manifests
from fogbed.plan.services.data import Data, data_of
from fogbed.platforms.kubernetes.capacity import others_pods, short_of_memory
from fogbed.platforms.kubernetes.data_place import relies_on_default
from fogbed.platforms.kubernetes.image_reach import check_images
from fogbed.platforms.kubernetes.ownership import Getter, require_own_namespaces, require_owner
from fogbed.platforms.kubernetes.pod_networks import unshaped_ipv6
from fogbed.platforms.preflight import Check
from fogbed.spec.testbed import Testbed

# what the manifests are held against by make lint
SUPPORTED = ("1.34", "1.35", "1.36")
_BY_IPV4 = "Have your own programs reach each other's pods by IPv4, or take a cluster without IPv6."
_DEFAULT = "storageclass.kubernetes.io/is-default-class"


def examine_cluster(
    kube: KubeObjects,
    testbed: Testbed,
    hosts: Mapping[str, str],
    *,
    pinned: Mapping[str, str],
    brought: Collection[str],
) -> Iterator[Check]:
    """Yield every check of a cluster that is there; what cannot be asked is a check that failed.

    ``pinned``: image -> image@digest; ``brought``: the images that ``up`` brings to the nodes.
    """
    try:
        version = kube.raw("/version")["gitVersion"]
    except FogbedError as error:
        yield Check("cluster", ok=False, found=error.message, fix=error.hint or "")
        return
    yield check_version(version)
    try:
        nodes = {each["metadata"]["name"]: each for each in kube.list("v1", "Node")}
        pods = others_pods(kube, testbed)
        classes = kube.list("storage.k8s.io/v1", "StorageClass")
    except FogbedError as error:
        yield Check("rights", ok=False, found=error.message, fix=error.hint or "")
        return
    yield check_nodes(nodes, hosts)
    if testbed.emulates_networks and (unshaped := unshaped_ipv6(nodes, hosts)):
        yield Check("emulation", ok=False, found=unshaped, fix=_BY_IPV4, blocks=False)
    yield from check_storage(classes, testbed)
    has_default = relies_on_default(testbed.name, classes, None)
    facts = replace(facts_from(testbed), hosts=hosts, pinned=pinned, has_default_class=has_default)
    manifests = plan_manifests(testbed, facts)
    yield check_memory(nodes, pods, hosts, manifests)
    yield check_rights(kube, manifests)
    yield check_images(manifests, hosts, nodes, testbed.sources.registries, brought=brought)


def failed_check(name: str, error: FogbedError) -> Check:
    """Return the check that an error is."""
    found = f"{error.message}: {error.details}" if error.details else error.message
    return Check(name, ok=False, found=found, fix=error.hint or "")


def check_version(version: str) -> Check:
    """Whether the cluster's minor is one that the manifests are tried with."""
    minor = ".".join(version.removeprefix("v").split(".")[:2])
    fix = "" if minor in SUPPORTED else f"Tried with {', '.join(SUPPORTED)}; others may do."
    return Check("kubernetes", ok=minor in SUPPORTED, found=version, fix=fix, blocks=False)


def check_nodes(nodes: Mapping[str, Mapping[str, Any]], hosts: Mapping[str, str]) -> Check:
    """Whether every node of the testbed is there, and Ready."""
    wrong = [
        f"{name} is {problem}"
        for name, host in hosts.items()
        if (problem := _node_problem(nodes.get(host)))
    ]
    fix = "kubectl describe node NAME says why; fogbed up needs all of them." if wrong else ""
    found = ", ".join(wrong) or f"{len(hosts)} Ready"
    return Check("nodes", ok=not wrong, found=found, fix=fix)


def _node_problem(node: Mapping[str, Any] | None) -> str:
    if node is None:
        return "not in the cluster"
    if node["spec"].get("unschedulable"):
        return "cordoned"
    conditions = {each["type"]: each for each in node["status"].get("conditions", ())}
    ready = conditions.get("Ready", {})
    return "" if ready.get("status") == "True" else f"not Ready ({ready.get('message', 'silent')})"


def check_storage(classes: Sequence[Mapping[str, Any]], testbed: Testbed) -> Iterator[Check]:
    """Where the volumes of services come from."""
    if not testbed.has_minio:
        found = f"the store at {testbed.services.minio.endpoint}"
        yield Check("storage", ok=True, found=found)
    for data in data_of(testbed):
        check = _check_volume(classes, data)
        yield replace(check, found=f"{data.title}: {check.found}")


def _check_volume(classes: Sequence[Mapping[str, Any]], data: Data) -> Check:
    settings = data.settings
    names = [each["metadata"]["name"] for each in classes]
    if settings.storage_class is not None:
        key = f"services.{data.component}.storage_class"
        is_there = settings.storage_class in names
        return Check(
            "storage",
            ok=is_there,
            found=f"class {settings.storage_class}{'' if is_there else ' is not there'}",
            fix="" if is_there else f"Write one of {', '.join(names) or 'none there'} under {key}.",
        )
    if settings.host_path is not None:
        return Check("storage", ok=True, found=f"{settings.host_path} of {data.node.name}")
    default = next(
        (
            each["metadata"]["name"]
            for each in classes
            if each["metadata"].get("annotations", {}).get(_DEFAULT) == "true"
        ),
        None,
    )
    found = f"default class {default}" if default else "no default class: up brings local-path"
    return Check("storage", ok=True, found=found)


def check_memory(
    nodes: Mapping[str, Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    hosts: Mapping[str, str],
    manifests: Sequence[Manifest],
) -> Check:
    """Whether the nodes hold what will be pinned to them; ``pods`` are others'."""
    lacking = short_of_memory(nodes, pods, hosts, manifests)
    fix = "Write less under services.flink.taskmanager.memory, or taskmanager: false."
    found = "; ".join(lacking) or "every node holds its pods"
    return Check("memory", ok=not lacking, found=found, fix=fix if lacking else "")


def check_rights(kube: KubeObjects, manifests: Sequence[Manifest]) -> Check:
    """Whether this user may make the testbed's namespaces, which ``up`` begins with."""
    try:
        for each in manifests:
            if each.kind == "Namespace":
                kube.preview(each.body)
    except FogbedError as error:
        return Check("rights", ok=False, found=error.message, fix=error.hint or "")
    return Check("rights", ok=True, found="may make the testbed's namespaces")


def check_owner(kube: Getter, testbed: Testbed, owner: str) -> Check:
    """Whether its namespaces are not another's; ``owner``: its mark, "" if it has none yet."""
    try:
        require_own_namespaces(kube, testbed.name)
        require_owner(kube, testbed, owner)
    except FogbedError as error:
        return Check("owner", ok=False, found=error.message, fix=error.hint or "")
    return Check("owner", ok=True, found="nobody else has a testbed of this name there")


def examine_planned(
    testbed: Testbed,
    hosts: Mapping[str, str],
    *,
    pinned: Mapping[str, str],
    brought: Collection[str],
) -> Iterator[Check]:
    """Yield what can be said before there is a cluster; as ``examine_cluster``."""
    manifests = plan_manifests(testbed, replace(facts_from(testbed), hosts=hosts, pinned=pinned))
    yield check_images(manifests, hosts, {}, testbed.sources.registries, brought=brought)
