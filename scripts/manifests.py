"""Hold every rendered manifest against the schemas of Kubernetes and against our own rules.

``python scripts/manifests.py`` does so for the testbeds of ``tests/cases/manifests``; what is wrong
is told, a line each, and the exit code is 1.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate.utils
from ruamel.yaml import YAML

from fogbed.plan.cluster import LABEL, facts_from
from fogbed.plan.manifests import Manifest, plan_manifests
from fogbed.spec.image_names import split_name
from fogbed.spec.testbed import Testbed

CASES = Path(__file__).resolve().parent.parent / "tests" / "cases" / "manifests"
MINORS = ("1.34", "1.35", "1.36")
# Components whose pods are root, and why.
ROOT = {
    "agent": "only root's programs get NET_RAW, with which it sends and times ICMP echoes",
    "shaper": "only root's programs get NET_ADMIN, with which it queues and routes packets",
}
# Components whose pods see their node's files, and why; read-only, all of them.
HOST = {
    "node-exporter": "what a node's disks, interfaces and sensors say stands in its files",
    "shaper": "the node fabric takes packets in through the node's /dev/net/tun",
}
# Components whose pods are in their node's own network, and why.
IN_NETWORK = {"shaper": "what pods send to other nodes passes there"}
_LABELS = tuple(f"{LABEL}/{each}" for each in ("managed-by", "part-of", "component"))

# each call would read the same files again, megabytes of definitions among them
kubernetes_validate.utils.schema_contents = cache(kubernetes_validate.utils.schema_contents)


def read_case(path: Path) -> Testbed:
    """Return the testbed of a file whose platform may be one of later."""
    return Testbed.model_validate(YAML(typ="safe").load(path.read_text(encoding="utf-8")))


def faults_of_schema(manifest: Manifest, minors: Iterable[str] = MINORS) -> Iterator[str]:
    """Yield what the API servers of these minors would refuse."""
    for minor in minors:
        try:
            kubernetes_validate.utils.validate(dict(manifest.body), minor, strict=True)
        except kubernetes_validate.utils.ValidationError as error:
            place = ".".join(map(str, error.path))
            yield f"Kubernetes {minor} refuses {place or 'it'}: {error.message}"


def faults_of_house(manifest: Manifest) -> Iterator[str]:
    """Yield what the schemas allow and we do not."""
    body = manifest.body
    yield from _unlabelled(body["metadata"], "it")
    if manifest.kind == "Service" and body["spec"].get("type", "ClusterIP") != "ClusterIP":
        yield "it is reached from outside"
    template = body.get("spec", {}).get("template")
    if template is not None:
        yield from _unlabelled(template["metadata"], "its pod")
        yield from _faults_of_pod(template["spec"], manifest.component)


def _unlabelled(metadata: Mapping[str, Any], what: str) -> Iterator[str]:
    missing = [label for label in _LABELS if label not in metadata.get("labels", {})]
    if missing:
        yield f"{what} has no label {', '.join(missing)}"


def _faults_of_pod(pod: Mapping[str, Any], component: str) -> Iterator[str]:
    security = pod.get("securityContext", {})
    if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "no seccomp profile"
    if component not in ROOT and not (
        security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0
    ):
        yield "it may be root"
    if "automountServiceAccountToken" not in pod:
        yield "it gets a token without asking"
    if pod.get("enableServiceLinks") is not False:
        yield "it is told of every Service there is"
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    yield from _faults_of_host(pod, containers, component)
    for container in containers:
        for fault in _faults_of_container(container):
            yield f"container {container['name']}: {fault}"


def _faults_of_host(
    pod: Mapping[str, Any], containers: Sequence[Mapping[str, Any]], component: str
) -> Iterator[str]:
    of_host = {each["name"] for each in pod.get("volumes", ()) if "hostPath" in each}
    if of_host and component not in HOST:
        yield "it mounts a folder of its node"
    mounts = [mount for each in containers for mount in each.get("volumeMounts", ())]
    if any(each["name"] in of_host and each.get("readOnly") is not True for each in mounts):
        yield "it may write to its node"
    own = ("hostPID", "hostIPC", *(() if component in IN_NETWORK else ("hostNetwork",)))
    if any(pod.get(key) for key in own):
        yield "it is in its node's own network, or sees its processes"


def _faults_of_container(container: Mapping[str, Any]) -> Iterator[str]:
    image = split_name(container.get("image", ""))
    if not image.is_well_formed or not (image.digest or image.tag not in ("", "latest")):
        yield f"its image {image} is not one that stays"
    if any("hostPort" in port for port in container.get("ports", ())):
        yield "a port of its node leads to it"
    resources = container.get("resources", {})
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    lacking = {"memory", "cpu"} - (limits.keys() & requests.keys())
    if lacking:
        yield f"no limits of {', '.join(sorted(lacking))}"
    if limits.get("memory") != requests.get("memory"):
        yield "it may use more memory than it asked for"
    if not {"livenessProbe", "readinessProbe"} & container.keys():
        yield "no probe"
    security = container.get("securityContext", {})
    if security.get("readOnlyRootFilesystem") is not True:
        yield "it may write into its image"
    if security.get("allowPrivilegeEscalation") is not False:
        yield "it may gain privileges"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "it keeps capabilities"


def faults(manifests: Sequence[Manifest]) -> list[str]:
    """Return everything wrong with a testbed's manifests, each with the object that it is of."""
    return [
        f"{each.kind} {each.namespace + '/' if each.namespace else ''}{each.name}: {fault}"
        for each in manifests
        for fault in (*faults_of_schema(each), *faults_of_house(each))
    ]


def main() -> int:
    """Tell what is wrong with any case; 0 if nothing is."""
    found = [
        f"{path.name}: {fault}"
        for path in sorted(CASES.glob("*.yml"))
        for testbed in [read_case(path)]
        for fault in faults(plan_manifests(testbed, facts_from(testbed)))
    ]
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
