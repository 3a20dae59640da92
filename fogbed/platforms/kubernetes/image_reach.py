"""Whether a testbed's images can be had: on its nodes already, or of a registry asked from here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fogbed.clients.images.registry import Registries
from fogbed.errors import FogbedError
from fogbed.plan.image_sources import sources_of
from fogbed.plan.manifests import Manifest
from fogbed.platforms.preflight import Check
from fogbed.spec.image_lock import lockable
from fogbed.spec.image_names import split_name

_HOSTNAME = "kubernetes.io/hostname"
# of a doctor that looks at a cluster, not of somebody who has to have the answer
_TIMEOUT_S = 5.0
_AT_ONCE = 8
_FROM_HERE = "asked from this computer, not from the nodes"


def check_images(
    manifests: Sequence[Manifest],
    hosts: Mapping[str, str],
    nodes: Mapping[str, Mapping[str, Any]],
    mirrors: Mapping[str, str],
    *,
    brought: Collection[str] = (),
) -> Check:
    """Whether every image is on the nodes that will run it, or a registry has it for them.

    ``nodes`` are the cluster's by name, without any while there is none; ``mirrors``:
    ``sources.registries`` of the testbed; ``brought``: what ``up`` brings to the nodes itself.
    """
    wanted = images_by_host(manifests, hosts)
    asked = {
        image: lacking
        for image, those in wanted.items()
        if image not in brought
        and (lacking := [h for h in those if not has_image(nodes, h, image)])
    }
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        told = pool.map(
            lambda each: _problem(each, architectures(nodes, asked[each]), mirrors), asked
        )
    wrong = [problem for problem in told if problem]
    if not wrong:
        return Check("images", ok=True, found=_where(len(wanted), len(asked)), blocks=False)
    return Check(
        "images",
        ok=False,
        found=f"{len(wrong)} of {len(wanted)} are not to be had ({_FROM_HERE}): {'; '.join(wrong)}",
        fix="If the nodes reach more than this computer does, all is well. If not: another image "
        "under\nservices, or a mirror that has it under sources.registries.",
        blocks=False,
    )


def images_by_host(
    manifests: Sequence[Manifest], hosts: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the nodes that may run each image, by the cluster's names of them; pure.

    What is pinned to none may run on all.
    """
    found: dict[str, dict[str, None]] = {}
    for manifest in manifests:
        spec = manifest.body.get("spec") or {}
        template = (spec.get("template") or {}).get("spec")
        if template is None or spec.get("replicas") == 0:
            continue
        pinned = (template.get("nodeSelector") or {}).get(_HOSTNAME)
        those = (pinned,) if pinned else tuple(hosts.values())
        for each in (*(template.get("initContainers") or ()), *template["containers"]):
            found.setdefault(each["image"], {}).update(dict.fromkeys(those))
    return {image: tuple(those) for image, those in found.items()}


def has_image(nodes: Mapping[str, Mapping[str, Any]], host: str, image: str) -> bool:
    """Whether a node says that it has an image; with a digest only that very one."""
    status = (nodes.get(host) or {}).get("status") or {}
    wanted = split_name(image)
    there = (split_name(n) for each in status.get("images") or () for n in each.get("names") or ())
    return any(
        (each.registry, each.path) == (wanted.registry, wanted.path)
        and (each.digest == wanted.digest if wanted.digest else each.tag == wanted.tag)
        for each in there
    )


def architectures(nodes: Mapping[str, Mapping[str, Any]], hosts: Collection[str]) -> frozenset[str]:
    """Return the processors of some nodes, as far as they say."""
    statuses = [(nodes.get(host) or {}).get("status") or {} for host in hosts]
    found = [(each.get("nodeInfo") or {}).get("architecture") for each in statuses]
    return frozenset(each for each in found if each)


def _problem(image: str, wanted: frozenset[str], mirrors: Mapping[str, str]) -> str:
    """Return why an image cannot be had, as far as registries say; empty if it can."""
    if not lockable([image]):
        return f"{image} is in no registry"
    name = split_name(image)
    try:
        with Registries(timeout_s=_TIMEOUT_S) as registries:
            resolved = registries.resolve(name, sources_of(name, mirrors))
    except FogbedError as error:
        said = ", ".join((error.details or error.message).splitlines())
        return f"{image} ({said})"
    lacking = sorted(wanted - resolved.architectures)
    if not lacking:
        return ""
    there = ", ".join(sorted(resolved.architectures)) or "nothing"
    return f"{image} ({resolved.source} has it for {there}, not for {', '.join(lacking)})"


def _where(wanted: int, asked: int) -> str:
    if not asked:
        return f"{wanted}, on the nodes or brought there by up"
    return f"{wanted}, {asked} of them to be had of registries ({_FROM_HERE})"
