"""``fogbed node``: list and restart nodes; add, remove, replace, ssh and exec stand beside this."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, node_change, node_replace, node_shell, pi
from fogbed.cli.node_options import play
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.errors import UsageError
from fogbed.platforms.pi import nodes
from fogbed.platforms.pi.playbook import require_nodes
from fogbed.platforms.pi.reach.answers import require_answers
from fogbed.platforms.pi.removed import read_removed
from fogbed.platforms.pi.status import read_cluster

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, add, remove, replace and reboot nodes; run programs on them.",
)


@app.command("list", epilog="Example: fogbed node list -t pico --json")
def list_(*, testbed: TestbedOption = None, as_json: JsonOption = False) -> None:
    """List the nodes of a testbed's file, and how each is doing in its cluster."""
    bed, _ = platforms.locate_testbed(testbed)
    has_cluster = platforms.abilities_of(bed).is_reached_over_ssh
    cluster = read_cluster(platforms.open_pi(bed).folder) if has_cluster else None
    left = read_removed(bed) if has_cluster else ()
    entries = nodes.list_nodes(bed, cluster, left)
    if as_json:
        console.say_json([dataclasses.asdict(entry) for entry in entries])
    else:
        columns = ("node", "role", "tier", "address", "slots", "labels", "cluster", "version")
        console.say_table(columns, [_row(entry) for entry in entries])
    if cluster is not None and cluster.problem:
        console.note(cluster.problem)


def _row(entry: nodes.NodeEntry) -> tuple[str, ...]:
    return (
        entry.name,
        entry.role,
        entry.tier,
        entry.address or "",
        str(entry.slots or ""),
        ", ".join(f"{key}={value}" for key, value in sorted(entry.labels.items())),
        entry.cluster,
        entry.version,
    )


def reboot(  # noqa: PLR0913 - what a user may ask
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NODE...", show_default=False)
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every node.")] = False,
    testbed: TestbedOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    yes: pi.YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Drain, restart and take back nodes one after the other, the control plane first."""
    bed, origin = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed, origin)
    if bool(names) == everything:
        raise UsageError("which nodes?", hint="name them, or give --all")
    require_nodes(bed, names or [])
    ordered = [*bed.by_role("control-plane"), *bed.by_role("worker")]
    chosen = [node.name for node in ordered if everything or node.name in (names or [])]
    if dry_run:
        console.say(f"would restart, one after the other: {', '.join(chosen)}")
        return
    console.note(f"One after the other restart: {', '.join(chosen)}")
    if len(bed.nodes) == 1:
        console.note("There is no other node for its pods: they start again with it.")
    pi.confirm(f"Restart {len(chosen)} of {len(bed.nodes)} nodes?", yes=yes)
    require_answers(bed, chosen)
    options = dataclasses.replace(pi.read_options(ask=ask_become_pass), limit=tuple(chosen))
    play(platform, "node-reboot", options)


app.command(epilog="Example: fogbed node add pico-10 --address 192.0.2.20 --slots 2")(
    node_change.add
)
app.command(epilog="Example: fogbed node remove pico-10 --purge")(node_change.remove)
app.command(epilog="Example: fogbed node replace pico-3 --new-host-key")(node_replace.replace)
app.command(epilog="Example: fogbed node reboot pico-3 pico-4; or fogbed node reboot --all")(reboot)
app.command(epilog="Example: fogbed node ssh pico-3")(node_shell.ssh)
app.command("exec", epilog="Example: fogbed node exec all --sudo -- systemctl is-active kubelet")(
    node_shell.exec_
)
