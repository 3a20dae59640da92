"""``fogbed network``: plan, apply, show, verify and clear the emulated network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from fogbed import platforms, units
from fogbed.cli import console, network_import, network_shown
from fogbed.cli.named import load_profile
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.errors import AssertionsFailed, FogbedError, UsageError
from fogbed.network.probes import COUNT
from fogbed.plan.network import NetworkPlan, plan_network
from fogbed.plan.network_listing import as_json as plan_as_json
from fogbed.spec.testbed import Testbed

if TYPE_CHECKING:
    from fogbed.clients.channel import Channel
    from fogbed.clients.progress import Progress
    from fogbed.network.emulator import LinkEmulator
    from fogbed.network.verdicts import Verification

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Plan, import, apply, show, verify and clear the emulated network.",
)

_DRAWABLE = (".png", ".svg", ".pdf")

ProfileArgument = Annotated[
    str, typer.Argument(metavar="PROFILE", help="A network profile's file, or a shipped one's name")
]
AskedArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="PROFILE",
        help="What was asked; without it, what is in force.",
        show_default=False,
    ),
]
LoadOption = Annotated[bool, typer.Option("--load", help="Measure again with a flow on every link")]
FlowsOption = Annotated[
    bool, typer.Option(help="Measure rate and loss of the pairs that ask for them.")
]
ToleranceOption = Annotated[str, typer.Option(help="How far an RTT may be off, or ...")]
OrOption = Annotated[str, typer.Option("--or", help="... this much, the larger.")]
CountOption = Annotated[
    int, typer.Option(min=10, max=1000, help="Probes per pair; with jitter up to 5 times.")
]
ClearFirstOption = Annotated[
    bool,
    typer.Option("--clear-first", help="Take all away for a second to measure the bare RTT anew."),
]


PlotOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Draw the error of every pair into FILE (.png, .svg or .pdf).",
        show_default=False,
    ),
]


class _Where(TypedDict):
    channels: dict[str, Channel]
    addresses: dict[str, str]
    progress: Progress


@app.command(
    epilog="Example: fogbed network plan experiments/profiles/metro.yml -t inventory/laptop.yml"
)
def plan(
    profile: ProfileArgument, *, testbed: TestbedOption = None, as_json: JsonOption = False
) -> None:
    """Show what a profile asks for between every ordered pair; nothing is touched."""
    bed = platforms.find_testbed(testbed)
    asked = plan_network(load_profile(profile), bed)
    if as_json:
        console.stream(plan_as_json(asked))
    else:
        network_shown.show_plan(asked, title=f"{profile} on testbed {bed.name}")


@app.command(epilog="Example: fogbed network apply experiments/profiles/metro.yml -t laptop")
def apply(
    profile: ProfileArgument,
    *,
    testbed: TestbedOption = None,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="What loss, faults and jitter are drawn from: the same, the same."
        ),
    ] = 0,
    dry_run: DryRunOption = False,
) -> None:
    """Put a profile into force, in place; the bare network is measured before the first time.

    It stays, without anybody watching over it, until it is cleared or the testbed goes. Jitter and
    traces begin anew with every apply.
    """
    from fogbed.network.apply import apply_plan
    from fogbed.platforms.emulation import require_emulation

    bed = platforms.find_testbed(testbed)
    wanted = load_profile(profile)
    asked = plan_network(wanted, bed, seed=seed)
    require_emulation(bed, asked)
    if dry_run:
        _rehearse(asked, bed)
        return
    platform = platforms.open_platform(bed)
    emulator = platform.emulator()
    bare = apply_plan(
        asked,
        emulator,
        memory=platform.bare_memory(),
        channels={node.name: platform.inside(node.name) for node in bed.nodes},
        addresses=platform.addresses(),
        progress=console.LiveProgress(),
    )
    network_shown.show_applied(wanted.name, bed.name, asked, bare)
    if emulator.lease_s is not None:
        network_shown.show_backends(emulator.backends())
        console.say(f"it stays until it is cleared: fogbed network clear -t {bed.name}")


@app.command(epilog="Example: fogbed network show -t laptop --json")
def show(*, testbed: TestbedOption = None, as_json: JsonOption = False) -> None:
    """Show what is in force now, as the emulation itself says, and what it has carried."""
    bed = platforms.find_testbed(testbed)
    emulator = platforms.open_platform(bed).emulator()
    in_force = emulator.show()
    counted, backends = emulator.counters(), emulator.backends()
    _note_moved(emulator, bed)
    if as_json:
        console.say_json(network_shown.state_as_json(in_force, counted, backends))
        return
    network_shown.show_state(bed.name, in_force, counted)
    network_shown.show_backends(backends)


@app.command(
    epilog="Example: fogbed network verify experiments/profiles/metro.yml -t laptop --load; "
    "exit code 3 when something is out of tolerance"
)
def verify(  # noqa: PLR0913 - one parameter per option
    profile: AskedArgument = None,
    *,
    testbed: TestbedOption = None,
    load: LoadOption = False,
    flows: FlowsOption = True,
    tolerance: ToleranceOption = "3%",
    or_: OrOption = "1ms",
    count: CountOption = COUNT,
    clear_first: ClearFirstOption = False,
    plot: PlotOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure every ordered pair at once: asked, expected, measured, error, verdict."""
    from fogbed.cli import verification_shown
    from fogbed.network.bare import bare_network
    from fogbed.network.verify import verify as verify_network
    from fogbed.platforms.emulation import require_emulation

    _require_drawable(plot)
    bed = platforms.find_testbed(testbed)
    limits = _limits(tolerance, or_)
    wanted = None if profile is None else plan_network(load_profile(profile), bed)
    if wanted is not None:
        require_emulation(bed, wanted)
    platform = platforms.open_platform(bed)
    emulator = platform.emulator()
    where: _Where = {
        "channels": {node.name: platform.inside(node.name) for node in bed.nodes},
        "addresses": platform.addresses(),
        "progress": console.LiveProgress(),
    }
    memory = platform.bare_memory()
    bare = bare_network(emulator, memory=memory, **where, clear=clear_first)
    found = verify_network(
        _in_order(emulator.show(), bed) if wanted is None else wanted,
        **where,
        bare=bare.rtt_ms,
        emulator=emulator,
        one_medium=memory.one_medium,
        load=load,
        flows=flows,
        tolerance=limits[0],
        or_ms=limits[1],
        count=count,
    )
    if plot is not None:
        verification_shown.draw(found, plot, title=f"testbed {bed.name}")
    if as_json:
        console.say_json(verification_shown.as_json(found))
    else:
        verification_shown.show(found)
    _note_moved(emulator, bed)
    _require(found, bed)


@app.command(epilog="Example: fogbed network clear -t laptop")
def clear(*, testbed: TestbedOption = None, dry_run: DryRunOption = False) -> None:
    """Remove every impairment, and nothing else."""
    bed = platforms.find_testbed(testbed)
    emulator = platforms.open_platform(bed).emulator()
    pairs = int((emulator.show().index != 0).sum())
    if dry_run:
        console.say(f"would clear {pairs} ordered pairs of testbed {bed.name}")
        return
    emulator.clear()
    console.say(f"{pairs} ordered pairs of testbed {bed.name} are as they were")


app.command(
    "import",
    epilog="Example: fogbed network import experiments/matrices/europe.csv --map "
    "experiments/matrices/sites.yml -o europe.yml",
)(network_import.import_profile)


def _rehearse(asked: NetworkPlan, bed: Testbed) -> None:
    """Show what would change of what is in force; the whole plan where that is not known."""
    try:
        emulator = platforms.open_platform(bed).emulator()
        in_force, backends = emulator.show(), emulator.backends()
    except FogbedError as error:
        network_shown.show_plan(asked, title=f"would be in force on testbed {bed.name}")
        console.note(f"what would change is not known: {error.message}")
        return
    network_shown.show_changes(asked, in_force, title=f"would change on testbed {bed.name}")
    if emulator.lease_s is not None:
        network_shown.show_backends(backends)


def _note_moved(emulator: LinkEmulator, bed: Testbed) -> None:
    """Tell which nodes are not where the others have them."""
    from fogbed.network.nodes.emulator import NodeEmulator

    if not isinstance(emulator, NodeEmulator):
        return
    try:
        moved = emulator.known.moved(bed.name)
    except FogbedError as error:
        console.note(f"whether nodes are where the others have them is not known: {error.message}")
        return
    for each in moved:
        console.note(f"{each}; fogbed network apply PROFILE -t {bed.name} mends it")


def _require(found: Verification, bed: Testbed) -> None:
    from fogbed.cli import verification_shown
    from fogbed.network.causes import likely_cause, worst_of

    if not found.ok:
        worst = worst_of(found)
        at_worst = "" if worst is None else f"; worst: {worst}"
        raise AssertionsFailed(
            f"the network of testbed {bed.name} is out of tolerance: "
            + verification_shown.summary_of_failures(found)
            + at_worst,
            hint=likely_cause(found),
        )


def _require_drawable(plot: Path | None) -> None:
    if plot is None:
        return
    if plot.suffix.lower() not in _DRAWABLE:
        raise UsageError(
            f"{plot}: a plot is drawn into a file that ends in {', '.join(_DRAWABLE)}",
            hint="as in --plot errors.png",
        )
    if not plot.absolute().parent.is_dir():
        raise UsageError(f"{plot}: there is no such folder", hint="make it, or name another one")


def _limits(tolerance: str, or_: str) -> tuple[float, float]:
    try:
        return units.parse_fraction(tolerance), units.parse_delay_ms(or_)
    except ValueError as error:
        raise UsageError(str(error), hint="as in --tolerance 3% --or 1ms") from error


def _in_order(plan: NetworkPlan, bed: Testbed) -> NetworkPlan:
    """Return the plan with its nodes in the testbed's order."""
    order = [plan.nodes.index(node.name) for node in bed.nodes]
    names = tuple(node.name for node in bed.nodes)
    return replace(plan, nodes=names, index=plan.index[order][:, order])
