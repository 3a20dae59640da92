"""What a testbed says of its services must fit together, and its platform must have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from fogbed.errors import Problem
from fogbed.spec.abilities import Abilities, abilities_named
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView


def _abilities(testbed: TestbedView) -> Abilities | None:
    return abilities_named(testbed.root["platform"].text)


def settings_of_clusters(testbed: TestbedView) -> Iterator[Problem]:
    """What only pods have is refused where there are none."""
    abilities, services = _abilities(testbed), testbed.root["services"]
    if abilities is None or abilities.is_a_cluster:
        return
    of_pods = (
        ("flink", ("image", "high_availability")),
        ("minio", ("image", "storage_class", "host_path", "endpoint")),
        ("prometheus", ("image", "storage_class", "host_path")),
        ("grafana", ("image",)),
    )
    for part in (services[name][key] for name, keys in of_pods for key in keys):
        if part.value:  # the defaults are written out in a bundle
            platform = testbed.root["platform"].text
            yield part.problem(f"platform {platform} runs no containers", "remove it")
    for node in (services[name]["node"] for name in ("prometheus", "grafana")):
        if node.value:
            yield node.problem("is beside the nodes here, and on none of them", "remove it")


def keys_of_platform(testbed: TestbedView) -> Iterator[Problem]:
    """How a cluster is found or made is said where fogbed does so, and nowhere else."""
    platform, kubernetes = testbed.root["platform"].text, testbed.root["kubernetes"]
    abilities = _abilities(testbed)
    if abilities is None:
        return
    of_platforms = (
        ("kubernetes", "names no cluster that is there already", testbed.root["context"]),
        ("kind", "makes no nodes of an image", kubernetes["image"]),
        ("kind", "makes no nodes of an image", kubernetes["patches"]),
    )
    for owner, what, part in of_platforms:
        if part.value and platform != owner:
            yield part.problem(f"platform {platform} {what}", "remove it")
    emulator = testbed.root["network"]["emulator"]
    if emulator.text == "none" and not abilities.is_a_cluster:
        what = f"platform {platform} has nothing else that joins its nodes"
        yield emulator.problem(what, "write auto, tc or fabric, or remove it")


def place_of_data(testbed: TestbedView) -> Iterator[Problem]:
    """A service's data is in one place, and a folder is on a node that is named."""
    services = testbed.root["services"]
    for service in (services["minio"], services["prometheus"]):
        if not service["host_path"].is_given:
            continue
        if service["storage_class"].is_given:
            what = "a folder of a node, and a storage class too"
            yield service["host_path"].problem(what, "write host_path or storage_class")
        if not service["node"].is_given:
            yield service["node"].problem("is missing, and host_path is of one", "write node: NAME")


def folder_of_its_own(testbed: TestbedView) -> Iterator[Problem]:
    """Two services that wrote into the same folder would spoil each other's data."""
    minio, prometheus = (testbed.root["services"][name] for name in ("minio", "prometheus"))
    folder = prometheus["host_path"]
    if folder.text is None or minio["host_path"].text is None:
        return
    ours, theirs = (PurePosixPath(text) for text in (folder.text, minio["host_path"].text or ""))
    is_shared = ours == theirs or ours in theirs.parents or theirs in ours.parents
    if is_shared and prometheus["node"].text == minio["node"].text:
        what = f"one of {folder.text} and MinIO's {theirs} is in the other"
        yield folder.problem(what, "write a folder of its own")


def store_of_ones_own(testbed: TestbedView) -> Iterator[Problem]:
    """A store of the user's own is named whole, and takes the place of fogbed's."""
    minio = testbed.root["services"]["minio"]
    if not minio["endpoint"].is_given:
        for key in ("bucket", "secret"):
            if minio[key].is_given:
                yield minio[key].problem("belongs to endpoint", "write endpoint, or remove it")
        return
    for key, way_out in (("bucket", "write bucket: NAME"), ("secret", "write secret: NAME")):
        if not minio[key].is_given:
            yield minio[key].problem("is missing, and endpoint needs it", way_out)
    for part in _of_fogbeds_own(minio):
        yield part.problem("is of fogbed's own MinIO, and endpoint of another store", "remove one")


def _of_fogbeds_own(minio: Part) -> Iterator[Part]:
    if minio["enabled"].is_true:
        yield minio["enabled"]
    for key in ("node", "image", "storage_class", "host_path"):
        if minio[key].is_given:
            yield minio[key]


def figures_to_show(testbed: TestbedView) -> Iterator[Problem]:
    """Grafana keeps no figures: what it shows it asks Prometheus."""
    services = testbed.root["services"]
    if services["grafana"]["enabled"].is_true and not services["prometheus"]["enabled"].is_true:
        what = "shows what Prometheus knows, which the testbed does not have"
        yield services["grafana"].problem(what, "write prometheus: {enabled: true}")


def state_has_a_place(testbed: TestbedView) -> Iterator[Problem]:
    """Flink's pods share no folder: without a store there is neither state nor output."""
    abilities, minio = _abilities(testbed), testbed.root["services"]["minio"]
    if abilities is None or not (abilities.is_a_cluster and "flink" in abilities.services):
        return
    if minio["enabled"].value is False and not minio["endpoint"].is_given:
        what = "Flink would have nowhere to keep its state"
        yield minio["enabled"].problem(what, "remove it, or write endpoint, bucket and secret")


SERVICE_CHECKS = (
    settings_of_clusters,
    keys_of_platform,
    place_of_data,
    folder_of_its_own,
    store_of_ones_own,
    figures_to_show,
    state_has_a_place,
)
