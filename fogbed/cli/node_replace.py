"""``fogbed node replace``: a new machine in a node's place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, pi
from fogbed.cli.node_options import NodeArgument, play
from fogbed.cli.options import DryRunOption, TestbedOption
from fogbed.errors import UsageError
from fogbed.platforms.pi import nodes, testbed_file
from fogbed.platforms.pi.leaving import end_shaping_on
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookOptions, require_nodes
from fogbed.platforms.pi.reach import host_keys
from fogbed.platforms.pi.reach.host_keys import HostKey
from fogbed.platforms.pi.removed import remember_replaced
from fogbed.platforms.pi.testbed_file import BedFile
from fogbed.spec.testbed import Node, Testbed


def replace(  # noqa: PLR0913 - what a user may ask
    name: NodeArgument,
    *,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", "-a", help="The new machine's, if it is another.", show_default=False
        ),
    ] = None,
    new_host_key: Annotated[
        bool,
        typer.Option("--new-host-key", help="The machine's host key may be another than before."),
    ] = False,
    testbed: TestbedOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    yes: pi.YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Bring a new machine into the cluster in a node's place; other nodes are left alone."""
    bed, origin = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed, origin)
    require_nodes(bed, [name])
    nodes.require_replaceable(bed, name)
    file = _file_with(bed, origin, name, address)
    wanted = bed if file is None else file.testbed
    unknown = _unknown_keys(wanted, name, may_differ=new_host_key)
    tell = console.say if dry_run else console.note
    for line in _exchange(wanted, name, unknown):
        tell(line)
    if dry_run:
        return
    pi.confirm(_question(name, unknown), yes=yes)
    options = pi.read_options(ask=ask_become_pass)
    end_shaping_on(platform, name, console.LiveProgress())
    play(platform, "node-remove", options, {"fogbed_node": name, "fogbed_purge": False})
    _become_acquainted(bed, wanted, name, unknown)
    if file is not None:
        testbed_file.save(file)
    # remembered before the new one joins: that may fail, and is given again
    before = None if file is None else remember_replaced(wanted, bed.node(name))
    _join(PiPlatform(wanted, origin), name, options)
    if before is not None:
        _tell_of_old(before, bed.node(name))


def _join(platform: PiPlatform, name: str, options: PlaybookOptions) -> None:
    play(platform, "node-add", options, {"fogbed_nodes": name})
    console.note(f"{name} is part of {platform.testbed.name} again")


def _tell_of_old(before: str, node: Node) -> None:
    console.note(
        f"the machine at {node.address} is kept in mind as {before}; to give it back as it was "
        f"found: fogbed node remove {before} --purge"
    )


def _file_with(bed: Testbed, origin: Path | None, name: str, address: str | None) -> BedFile | None:
    """Return the file with the new address; None where it stays as it is."""
    if address is None or address == bed.node(name).address:
        return None
    return testbed_file.with_address(testbed_file.open_file(bed, origin), name, address)


def _unknown_keys(bed: Testbed, name: str, *, may_differ: bool) -> tuple[HostKey, ...]:
    """Return the host keys of a node's machine, if they are not known yet.

    Raises:
        UsageError: they are others than before, which may mean somebody in between.
        PlatformError: nothing answers there.
    """
    ssh, address = nodes.reached(bed, name)
    shown = host_keys.scan(ssh, address)
    known = host_keys.acquaintance(ssh, address, shown)
    if known == "other" and not may_differ:
        raise UsageError(
            f"the machine at {address} shows another host key than before",
            hint="if it is the new one, give --new-host-key; if not, somebody may be in between",
        )
    return () if known == "known" else shown


def _exchange(bed: Testbed, name: str, unknown: Sequence[HostKey]) -> list[str]:
    _, address = nodes.reached(bed, name)
    lines = [
        f"From the cluster: {name}, as it was; its pods move where there is room, others end",
        f"Into the cluster: the machine at {address}, as {name}",
    ]
    if unknown:
        lines += ["It shows these host keys:", *(f"  {key.fingerprint}" for key in unknown)]
    return lines


def _question(name: str, unknown: Sequence[HostKey]) -> str:
    if unknown:
        return f"Are these the host keys of the new {name}?"
    return f"Put this machine in the place of {name}?"


def _become_acquainted(
    before: Testbed, after: Testbed, name: str, unknown: Sequence[HostKey]
) -> None:
    """Know the new machine's host keys, as they were confirmed, and no others at its address."""
    ssh, new = nodes.reached(after, name)
    host_keys.hang_up(ssh, before.node(name))
    if unknown:
        host_keys.forget(ssh, new)
        host_keys.remember(ssh, unknown)
