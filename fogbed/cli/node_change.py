"""``fogbed node add | remove``: the testbed's file and its cluster change together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, node_purge, pi
from fogbed.cli.node_options import (
    AddressOption,
    LabelOption,
    NodeArgument,
    RoleOption,
    SlotsOption,
    TierOption,
    play,
    read_labels,
)
from fogbed.cli.options import DryRunOption, TestbedOption
from fogbed.platforms.pi import nodes, testbed_file
from fogbed.platforms.pi.leaving import end_shaping_on
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import require_nodes
from fogbed.platforms.pi.removal import PURGED
from fogbed.platforms.pi.removed import remember
from fogbed.platforms.pi.status import read_cluster
from fogbed.platforms.pi.testbed_file import BedFile
from fogbed.spec.quorum import quorum_note
from fogbed.spec.testbed import Testbed


def add(  # noqa: PLR0913 - what a node is
    name: NodeArgument,
    *,
    address: AddressOption,
    tier: TierOption = "edge",
    role: RoleOption = "worker",
    slots: SlotsOption = None,
    label: LabelOption = None,
    testbed: TestbedOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Write a node into the testbed's file and bring it into the cluster."""
    bed, origin = platforms.locate_testbed(testbed)
    platforms.open_pi(bed)
    given = {"name": name, "address": address, "role": role, "tier": tier, "slots": slots}
    unsaid = (("role", "worker"), *((key, None) for key in given))
    fields = {key: value for key, value in given.items() if (key, value) not in unsaid}
    labels = read_labels(label or [])
    file = testbed_file.with_node(
        testbed_file.open_file(bed, origin), {**fields, **({"labels": labels} if labels else {})}
    )
    note = quorum_note(file.testbed) if role == "control-plane" else None
    if dry_run:
        console.say(_addition(file, name, "would be"))
        console.say(f"{name} at {address} would join the cluster of {bed.name}")
        _tell(note)
        return
    _tell(note)
    options = pi.read_options(ask=ask_become_pass)
    testbed_file.save(file)
    console.note(_addition(file, name, "is"))
    play(PiPlatform(file.testbed, origin), "node-add", options, {"fogbed_nodes": name})
    console.note(f"{name} is part of {bed.name}")


def _tell(note: str | None) -> None:
    if note is not None:
        console.note(note)


def _addition(file: BedFile, name: str, verb: str) -> str:
    if file.is_changed:
        return f"{name} {verb} written into {file.path}"
    return f"{name} is in {file.path} already"


def remove(  # noqa: PLR0913 - what a user may ask
    name: NodeArgument,
    *,
    purge: Annotated[
        bool, typer.Option("--purge", help="Give the machine back as it was found.")
    ] = False,
    testbed: TestbedOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    yes: pi.YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Take a node out of the cluster and out of the testbed's file; it says what, and asks."""
    bed, origin = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed, origin)
    earlier = node_purge.removed_node(bed, name)
    if purge and earlier is not None:
        node_purge.purge(platform, earlier, ask=ask_become_pass, yes=yes, dry_run=dry_run)
        return
    file = _file_without(bed, origin, name)
    tell = console.say if dry_run else console.note
    for line in _removal(file, name, purge=purge):
        tell(line)
    if file is not None and bed.node(name).role == "control-plane":
        _tell(quorum_note(file.testbed))
    if dry_run:
        return
    pi.confirm(f"Remove {name} from {bed.name}?", yes=yes)
    options = pi.read_options(ask=ask_become_pass)
    if file is not None:
        end_shaping_on(platform, name, console.LiveProgress())
    result = play(platform, "node-remove", options, {"fogbed_node": name, "fogbed_purge": purge})
    silent = any(each.host == name and each.is_unreachable for each in result.failures)
    if file is not None:
        if silent or not purge:
            remember(bed, bed.node(name))
        testbed_file.save(file)
        PiPlatform(file.testbed, origin).record()
    console.note(f"{name} is no longer part of {bed.name}")
    if silent:
        console.note(f"{name} did not answer: what is on its disk was left as it is")
    if file is not None and (silent or not purge):
        console.note(f"to give its machine back as it was found: fogbed node remove {name} --purge")


def _file_without(bed: Testbed, origin: Path | None, name: str) -> BedFile | None:
    """Return the file without a node; None where only the cluster has it."""
    if any(node.name == name for node in bed.nodes):
        nodes.require_removable(bed, name)
        return testbed_file.without_node(testbed_file.open_file(bed, origin), name)
    cluster = read_cluster(PiPlatform(bed).folder)
    if name not in [node.name for node in cluster.nodes]:
        if node_purge.removed_node(bed, name) is not None:
            raise node_purge.refuse_again(name)
        require_nodes(bed, [name])
    return None


def _removal(file: BedFile | None, name: str, *, purge: bool) -> list[str]:
    leaving = f"From the cluster: {name}; its pods move where there is room, others end"
    if file is None:
        return [leaving, f"{name} is not in the testbed's file: its machine is left as it is"]
    lines = [
        leaving,
        f"On {name}:",
        "  Kubernetes' state, certificates, network interfaces and packet filter rules",
    ]
    if purge:
        lines += PURGED
    return [*lines, f"In {file.path}: the node {name}"]
