"""What must fit together inside a testbed: a table of small rules over what could be read."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations

from fogbed.errors import Problem
from fogbed.spec.abilities import ABILITIES, Abilities, abilities_named, platforms_with
from fogbed.spec.base import TIERS
from fogbed.spec.checks_services import SERVICE_CHECKS
from fogbed.spec.kubernetes import host_of, is_registry_name
from fogbed.spec.part import Part
from fogbed.spec.services import FLINK_VERSION
from fogbed.spec.view import TestbedView
from fogbed.spec.wording import suggest
from fogbed.units import format_memory, parse_memory

# What no node may be called where Ansible runs: its own groups and those of our inventory (a node
# called worker hides all others of that group), and what every machine calls itself.
GROUPS = frozenset({"all", "ungrouped", "worker", "localhost"})
# the field itself says that there is no such platform
_UNKNOWN = replace(ABILITIES["kind"], is_a_cluster=False, makes_its_cluster=False)


def _abilities(testbed: TestbedView) -> Abilities:
    return abilities_named(testbed.root["platform"].text) or _UNKNOWN


def same_name(testbed: TestbedView) -> Iterator[Problem]:
    """Names of nodes are unique, ranges expanded."""
    yield from _twice(testbed, "name", "names must differ")


def same_address(testbed: TestbedView) -> Iterator[Problem]:
    """Addresses of nodes are unique, ranges expanded."""
    yield from _twice(testbed, "address", "addresses must differ")


def _twice(testbed: TestbedView, key: str, way_out: str) -> Iterator[Problem]:
    first: dict[str, Part] = {}
    for node in testbed.nodes:
        value = node[key].text
        if value is None:
            continue
        if value in first:
            line = first[value].problem("", "").line
            yield node[key].problem(f"{value} is given twice, first in line {line}", way_out)
        first.setdefault(value, node[key])


def named_as_a_tier(testbed: TestbedView) -> Iterator[Problem]:
    """A node called as a tier would make every link that names it ambiguous."""
    for node in testbed.nodes:
        if node["name"].text in TIERS:
            name = node["name"].text
            yield node["name"].problem(f"{name} is the name of a tier", f"write {name}-1")


def named_as_a_group(testbed: TestbedView) -> Iterator[Problem]:
    """A machine called as a group of Ansible's would be taken for the group, or hide it."""
    for node in testbed.nodes:
        name = node["name"].text
        if _abilities(testbed).is_reached_over_ssh and name in GROUPS:
            yield node["name"].problem(f"{name} has a meaning of its own", f"write {name}-1")


def unknown_service_node(testbed: TestbedView) -> Iterator[Problem]:
    """A service that names a node names one of this testbed."""
    services = testbed.root["services"]
    of_services = (services[name]["node"] for name in ("minio", "prometheus", "grafana"))
    for named in (services["flink"]["jobmanager"]["node"], *of_services):
        if named.text is not None and named.text not in testbed.names():
            yield named.problem(
                f"there is no node {named.text}", suggest(named.text, testbed.names())
            )


def service_of_platform(testbed: TestbedView) -> Iterator[Problem]:
    """What is asked for runs on this platform; Flink is of the version that there is."""
    platform, services = testbed.root["platform"].text, testbed.root["services"]
    for name in ("minio", "prometheus", "grafana"):
        if services[name]["enabled"].is_true and name not in _abilities(testbed).services:
            others = " or ".join(platforms_with(name))
            way_out = f"write enabled: false{f', or platform: {others}' if others else ''}"
            yield services[name].problem(f"platform {platform} cannot run {name}", way_out)
    version = services["flink"]["version"]
    if version.text not in (None, FLINK_VERSION):
        what = f"this version of fogbed runs Flink {FLINK_VERSION}, not {version.text}"
        yield version.problem(what, f"write {FLINK_VERSION}, or leave it out")


def too_many_nodes(testbed: TestbedView) -> Iterator[Problem]:
    """One computer carries so many nodes and no more."""
    most, many = _abilities(testbed).most_nodes, len(testbed.nodes)
    if most is not None and many > most:
        what = f"{many} are too many; platform {testbed.root['platform'].text} has {most} at most"
        yield testbed.root["nodes"].problem(what, f"write {most} or less")


def ssh_of_platform(testbed: TestbedView) -> Iterator[Problem]:
    """Machines are reached over SSH where the platform does so, and nothing else is."""
    platform, ssh = testbed.root["platform"].text, testbed.root["ssh"]
    if _abilities(testbed).is_reached_over_ssh and not ssh.is_given:
        way_out = "write ssh: {user: USER, key: ~/.ssh/id_ed25519}"
        yield ssh.problem(f"is missing, and platform {platform} needs it", way_out)
    if not _abilities(testbed).is_reached_over_ssh and ssh.is_given and platform is not None:
        yield ssh.problem(f"platform {platform} does not use SSH", "remove it")


def address_of_machine(testbed: TestbedView) -> Iterator[Problem]:
    """Every machine that is reached over SSH has an address."""
    if not _abilities(testbed).is_reached_over_ssh:
        return
    platform = testbed.root["platform"].text
    for node in testbed.root["nodes"].items():
        if isinstance(node.value, dict) and not node["address"].is_given:
            way_out = "write address: 192.0.2.10"
            what = f"is missing, and platform {platform} needs it"
            yield node["address"].problem(what, way_out)


def control_plane_nodes(testbed: TestbedView) -> Iterator[Problem]:
    """A cluster has one control-plane node, or several behind one address."""
    found = [n for n in testbed.nodes if n["role"].text == "control-plane"]
    abilities, kubernetes = _abilities(testbed), testbed.root["kubernetes"]
    if abilities.makes_its_cluster and not found and testbed.nodes:
        yield testbed.root["nodes"].problem(
            "no node has the role control-plane", "write role: control-plane at one of them"
        )
    reached = kubernetes["endpoint"].is_given or kubernetes["vip"].is_given
    for node in found[1:]:
        what = f"a second control-plane node beside {found[0]['name'].value}"
        if not abilities.may_have_several_control_planes:
            yield node["role"].problem(what, "write role: worker")
        elif not reached:
            way_out = "write kubernetes.vip or kubernetes.endpoint, or role: worker"
            yield node["role"].problem(f"{what}, and no address for all of them", way_out)


def one_address_for_all(testbed: TestbedView) -> Iterator[Problem]:
    """The address that kube-vip moves belongs to no node, and is the endpoint's if both stand."""
    kubernetes = testbed.root["kubernetes"]
    vip, endpoint = kubernetes["vip"], kubernetes["endpoint"]
    if vip.text is None:
        return
    for node in testbed.nodes:
        if node["address"].text == vip.text:
            what = f"{vip.text} is the address of {node['name'].value}"
            yield vip.problem(what, "write an address that no machine has")
    if endpoint.text is not None and host_of(endpoint.text) != vip.text:
        what = f"{endpoint.text} leads elsewhere than vip {vip.text}"
        yield endpoint.problem(what, f"write {vip.text}:6443, or leave it out")


def names_of_registries(testbed: TestbedView) -> Iterator[Problem]:
    """Mirrors are given for registries, by the names that stand in images."""
    for name, part in testbed.root["sources"]["registries"].pairs():
        if not is_registry_name(name):
            way_out = 'write one like docker.io, or "*" for all others'
            yield part.problem(f"{name!r} is not the name of a registry", way_out)


def no_taskmanager(testbed: TestbedView) -> Iterator[Problem]:
    """A testbed without a TaskManager could run nothing."""
    if testbed.nodes and all(n["taskmanager"].value is False for n in testbed.nodes):
        way_out = "leave taskmanager: false out at one of them at least"
        yield testbed.root["nodes"].problem("no node carries a TaskManager", way_out)


def slots_without_taskmanager(testbed: TestbedView) -> Iterator[Problem]:
    """Slots belong to a TaskManager."""
    for node in testbed.nodes:
        if node["taskmanager"].value is False and node["slots"].is_given:
            way_out = "remove slots, or taskmanager: false"
            yield node["slots"].problem("slots on a node without a TaskManager", way_out)


def memory_of_taskmanager(testbed: TestbedView) -> Iterator[Problem]:
    """A TaskManager fits into the memory of its node."""
    asked = testbed.root["services"]["flink"]["taskmanager"]["memory"].read(parse_memory)
    for node in testbed.nodes:
        limit = node["memory"].read(parse_memory)
        if node["taskmanager"].value is False or asked is None or limit is None:
            continue
        if asked > limit:
            what = f"{format_memory(limit)} is less than its TaskManager's {format_memory(asked)}"
            yield node["memory"].problem(what, f"write {format_memory(asked)} or more")


def networks_overlap(testbed: TestbedView) -> Iterator[Problem]:
    """Pods, services and nodes have networks of their own."""
    kubernetes = testbed.root["kubernetes"]
    keys = ("pod_cidr", "service_cidr")
    found = [(kubernetes[key], kubernetes[key].read(_network)) for key in keys]
    for (part, one), (_, other) in combinations(found, 2):
        if one is not None and other is not None and one.overlaps(other):
            way_out = "write networks that do not overlap"
            yield part.problem(f"{one} and service_cidr {other} overlap", way_out)
    for node in testbed.nodes:
        address = node["address"].read(_address)
        for part, network in found:
            if address is not None and network is not None and address in network:
                what = f"{address} lies in {part.place[-1]} {network}"
                yield node["address"].problem(what, "write another network there")


def _network(value: object) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(str(value))


def _address(value: object) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(str(value))


TESTBED_CHECKS: tuple[Callable[[TestbedView], Iterator[Problem]], ...] = (
    same_name,
    same_address,
    named_as_a_tier,
    named_as_a_group,
    unknown_service_node,
    service_of_platform,
    too_many_nodes,
    ssh_of_platform,
    address_of_machine,
    control_plane_nodes,
    one_address_for_all,
    names_of_registries,
    no_taskmanager,
    slots_without_taskmanager,
    memory_of_taskmanager,
    networks_overlap,
    *SERVICE_CHECKS,
)
