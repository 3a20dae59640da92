"""``fogbed render network``: what would be put in force on each node, as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, rendered
from fogbed.cli.named import load_profile, profile_file, testbed_file
from fogbed.cli.options import FolderCheckOption, FolderOption, JsonOption, TestbedOption
from fogbed.errors import UsageError
from fogbed.network.nodes.emulator import NodeEmulator
from fogbed.network.nodes.running_places import running_places
from fogbed.network.nodes.survey import served_by
from fogbed.plan.fabric_texts import fabric_texts
from fogbed.plan.impairment import members_of
from fogbed.plan.network import plan_network
from fogbed.plan.network_stage import NodeText, Stage, links_from
from fogbed.plan.pod_places import assumed_places
from fogbed.plan.tc_scripts import Places, tc_scripts
from fogbed.platforms.emulation import require_emulation
from fogbed.spec.testbed import Testbed
from fogbed.units import format_duration

_SUFFIXES = {"tc": ".sh", "fabric": ".txt"}

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="PROFILE",
        help="A network profile's file, or a shipped one's name.",
        show_default=False,
    ),
]
ExperimentOption = Annotated[
    Path | None,
    typer.Option(
        "--experiment",
        "-e",
        metavar="FILE",
        help="All states that an experiment puts the network into.",
        show_default=False,
    ),
]
NodeOption = Annotated[
    str | None, typer.Option(metavar="NODE", help="Of this node alone.", show_default=False)
]
RunningOption = Annotated[
    bool,
    typer.Option(
        "--running", help="Ask the running testbed for its devices and the networks of its pods."
    ),
]


def network(  # noqa: PLR0913 - one parameter per option
    *,
    testbed: TestbedOption = None,
    profile: ProfileOption = None,
    experiment: ExperimentOption = None,
    node: NodeOption = None,
    running: RunningOption = False,
    output: FolderOption = None,
    check: FolderCheckOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what each node would do to its links: scripts of tc, or what the fabric is asked for.

    Nothing is touched. Pods' networks and devices are those that a new cluster would have, as each
    script says, or with --running those of the one there is.
    """
    if as_json and (check or output is not None):
        raise UsageError("--json is printed: it goes with neither --output nor --check")
    bed, stages = _asked(testbed, profile, experiment)
    for stage in stages:
        require_emulation(bed, stage.plan)
    names = [each.name for each in bed.nodes]
    if node is not None and node not in names:
        raise UsageError(
            f"testbed {bed.name} has no node {node}", hint=f"it has {', '.join(names)}"
        )
    texts = (each for each in _texts(bed, stages, running=running) if node in (None, each.node))
    if as_json:
        console.stream(_json(bed, stages, texts))
        return
    if output is None and not check:
        console.stream(_joined(texts))
        return
    files = {f"{each.node}{_SUFFIXES[each.emulator]}": each.text for each in texts}
    kinds, whole = _SUFFIXES.values(), node is None
    if check:
        rendered.compare_folder(output, files, kinds, command="fogbed render network", whole=whole)
    elif output is not None:
        rendered.write_folder(output, files, kinds, whole=whole)


def _asked(
    testbed: str | None, profile: str | None, experiment: Path | None
) -> tuple[Testbed, Sequence[Stage]]:
    if experiment is not None:
        return _stages_of(experiment, testbed, profile)
    if profile is None:
        raise UsageError(
            "which network? neither a profile nor an experiment is named",
            hint="as in --profile metro, or -e experiments/demo.yml",
        )
    bed = platforms.find_testbed(testbed)
    wanted = load_profile(profile)
    return bed, [Stage(title=f"profile {wanted.name}", plan=plan_network(wanted, bed))]


def _stages_of(
    file: Path, testbed: str | None, profile: str | None
) -> tuple[Testbed, Sequence[Stage]]:
    """Return an experiment's testbed, and its networks: at first, and after each change."""
    from fogbed.experiment.checks import check_experiment
    from fogbed.experiment.network_plans import plan_changes, timeline_of
    from fogbed.experiment.repertoire import REPERTOIRE

    resolved = check_experiment(
        file,
        testbed=testbed_file(None if testbed is None else Path(testbed)),
        profile=None if profile is None else profile_file(profile),
    )
    bed, timeline = resolved.testbed, timeline_of(resolved, REPERTOIRE)
    first = plan_network(resolved.profile, bed, seed=resolved.experiment.seed)
    plans = plan_changes(resolved, timeline, REPERTOIRE)
    later = [
        Stage(title=f"at {format_duration(each.at_s)}: {each.title}", plan=plans[each.index])
        for each in timeline.actions
        if each.index in plans
    ]
    return bed, [
        Stage(title=f"before it runs: profile {resolved.profile.name}", plan=first),
        *later,
    ]


def _texts(bed: Testbed, stages: Sequence[Stage], *, running: bool) -> Iterator[NodeText]:
    """Yield each node's text: of tc where it serves, or may."""
    by_fabric = fabric_texts(bed, stages)
    if bed.network.emulator == "fabric" or not platforms.abilities_of(bed).is_a_cluster:
        if running:
            raise UsageError(
                f"testbed {bed.name} is shaped by the fabric: nothing is to be asked of it",
                hint="leave --running out; fogbed network show says what is in force",
            )
        yield from by_fabric
        return
    if not running:
        yield from tc_scripts(bed, stages, assumed_places(bed))
        return
    places, serving = _ask(bed)
    for script, text in zip(tc_scripts(bed, stages, places), by_fabric, strict=True):
        yield text if serving[script.node] == "fabric" else script


def _ask(bed: Testbed) -> tuple[Places, Mapping[str, str]]:
    """Return where a running testbed's nodes are, and which emulator serves on each."""
    emulator = platforms.open_platform(bed).emulator()
    if not isinstance(emulator, NodeEmulator):
        raise UsageError(
            f"the nodes of testbed {bed.name} do not shape by themselves",
            hint="leave --running out",
        )
    names = [node.name for node in bed.nodes]
    with closing(emulator), console.LiveProgress().step("asking the nodes where they are"):
        facts, places = emulator.known.facts(), emulator.known.places()
    choice = bed.network.emulator
    serving = {
        name: served_by(facts[name].lacking, "auto" if choice == "none" else choice)
        for name in names
    }
    return running_places(names, places, facts), serving


def _joined(texts: Iterator[NodeText]) -> Iterator[str]:
    separator = ""
    for each in texts:
        yield separator + each.text
        separator = "\n"


def _json(bed: Testbed, stages: Sequence[Stage], texts: Iterator[NodeText]) -> Iterator[str]:
    """Yield one JSON document, a node at a time: a large testbed has many commands."""
    positions = {node.name: position for position, node in enumerate(bed.nodes)}
    yield f'{{"testbed": {json.dumps(bed.name)}, "nodes": ['
    separator = "\n "
    for each in texts:
        told = [
            {
                "title": stage.title,
                "links": [
                    {"to": link.target, **members_of(link.impairment)}
                    for link in links_from(stage.plan, positions[each.node])
                ],
                **({"commands": each.commands[number]} if each.commands else {}),
            }
            for number, stage in enumerate(stages)
        ]
        node = {"node": each.node, "emulator": each.emulator, "stages": told}
        yield separator + json.dumps(node)
        separator = ",\n "
    yield "\n]}\n"
