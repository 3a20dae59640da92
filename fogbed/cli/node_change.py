"""``fogbed node add | remove``: the testbed's file and its cluster change together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, pi
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
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import require_nodes
from fogbed.platforms.pi.status import read_cluster
from fogbed.platforms.pi.testbed_file import BedFile
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
    fields = {key: value for key, value in given.items() if value not in (None, "worker")}
    labels = read_labels(label or [])
    file = testbed_file.with_node(
        testbed_file.open_file(bed, origin), {**fields, **({"labels": labels} if labels else {})}
    )
    if dry_run:
        console.say(_addition(file, name, "would be"))
        console.say(f"{name} at {address} would join the cluster of {bed.name}")
        return
    wish = pi.read_wish(ask=ask_become_pass)
    testbed_file.save(file)
    console.note(_addition(file, name, "is"))
    play(PiPlatform(file.testbed, origin), "node-add", wish, {"fogbed_nodes": name})
    console.note(f"{name} is part of {bed.name}")


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
    file = _file_without(bed, origin, name)
    tell = console.say if dry_run else console.note
    for line in _removal(file, name, purge=purge):
        tell(line)
    if dry_run:
        return
    pi.confirm(f"Remove {name} from {bed.name}?", yes=yes)
    wish = pi.read_wish(ask=ask_become_pass)
    result = play(platform, "node-remove", wish, {"fogbed_node": name, "fogbed_purge": purge})
    if file is not None:
        testbed_file.save(file)
        PiPlatform(file.testbed, origin).record()
    console.note(f"{name} is no longer part of {bed.name}")
    if any(failure.host == name and failure.is_unreachable for failure in result.failures):
        console.note(f"{name} did not answer: what is on its disk was left as it is")


def _file_without(bed: Testbed, origin: Path | None, name: str) -> BedFile | None:
    """Return the file without a node; None where only the cluster has it."""
    if any(node.name == name for node in bed.nodes):
        nodes.require_removable(bed, name)
        return testbed_file.without_node(testbed_file.open_file(bed, origin), name)
    cluster = read_cluster(PiPlatform(bed).folder)
    if name not in [node.name for node in cluster.nodes]:
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
        lines += [
            "  packages that fogbed installed (Kubernetes, containerd, Docker), with all images",
            "  and containers; files and units that it changed become what they were before",
        ]
    return [*lines, f"In {file.path}: the node {name}"]
