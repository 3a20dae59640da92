"""``fogbed up | down | status | logs``: a testbed's life, one verb each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import typer

from fogbed import platforms
from fogbed.cli import console, pi
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.errors import UsageError
from fogbed.platforms.base import LogLine
from fogbed.platforms.requests import ALL_PARTS, DownRequest, Part, UpRequest

PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=1024,
        max=65535,
        help="Port on 127.0.0.1 for Flink's web page and REST; else the first free one from 8081.",
        show_default=False,
    ),
]
SharedOption = Annotated[
    bool | None,
    typer.Option(
        "--shared/--no-shared",
        help="On local: let every user of this computer use Flink, which runs what it is handed as "
        "you; or you and root only, as at first.",
        show_default=False,
    ),
]


PartOption = Annotated[
    Literal["machines", "stack"] | None,
    typer.Option(
        help="On pi and kind: the machines with their cluster, or the stack on it: Flink and what "
        "it needs.",
        show_default=False,
    ),
]


def up(  # noqa: PLR0913 - what a user may ask of either platform
    *,
    testbed: TestbedOption = None,
    port: PortOption = None,
    shared: SharedOption = None,
    limit: pi.LimitOption = None,
    tags: pi.TagsOption = None,
    check: pi.CheckOption = False,
    only: PartOption = None,
    without: PartOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Bring a testbed up; run it again to resume. Example: fogbed up -t inventory/laptop.yml."""
    from fogbed.cli import testbed_shown

    bed, origin = platforms.locate_testbed(testbed)
    given = {
        "--port": port is not None,
        "--shared": shared is not None,
        "--limit": limit is not None,
        "--tags": tags is not None,
        "--check": check,
        "--only": only is not None,
        "--without": without is not None,
        "--ask-become-pass": ask_become_pass,
    }
    platforms.require_options(bed, platforms.abilities_of(bed).up_options, given)
    machines = platforms.open_machines(bed, origin)
    if dry_run:
        testbed_shown.show_preview(machines.preview())
        return
    request = UpRequest(
        port=port,
        shared=shared,
        limit=pi.words_of("--limit", limit),
        tags=pi.words_of("--tags", tags),
        rehearse=check,
        parts=_parts(only, without),
        become_password=pi.ask_password() if ask_become_pass else None,
    )
    machines.up(request, console.LiveProgress())
    if not check:
        testbed_shown.show_status(machines.status())


def _parts(only: Part | None, without: Part | None) -> frozenset[Part]:
    """Return the parts that are meant; UsageError where none is left."""
    parts = (ALL_PARTS if only is None else frozenset({only})) - {without}
    if not parts:
        raise UsageError(f"--only {only} --without {without} leaves nothing")
    return parts


def down(  # noqa: PLR0913 - what a user may ask of either platform
    *,
    testbed: TestbedOption = None,
    everything: Annotated[
        bool,
        typer.Option(
            "--everything",
            help="On local: savepoints and output as well; on kubernetes: what MinIO holds.",
        ),
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="On pi: give the nodes back as they were found.")
    ] = False,
    forget_unreachable: Annotated[
        bool,
        typer.Option(
            "--forget-unreachable",
            help="Give up what does not answer: nodes on pi, the cluster on kubernetes.",
        ),
    ] = False,
    limit: pi.LimitOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    yes: pi.YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove what up made; on pi it says what and asks. Example: fogbed down -t laptop."""
    bed = platforms.find_testbed(testbed)
    given = {
        "--everything": everything,
        "--purge": purge,
        "--forget-unreachable": forget_unreachable,
        "--limit": limit is not None,
        "--ask-become-pass": ask_become_pass,
    }
    abilities = platforms.abilities_of(bed)
    platforms.require_options(bed, abilities.down_options, given)
    machines = platforms.open_machines(bed)
    request = DownRequest(
        everything=everything,
        purge=purge,
        forget_silent=forget_unreachable,
        limit=pi.words_of("--limit", limit),
        become_password=pi.ask_password() if ask_become_pass else None,
    )
    if dry_run or abilities.asks_before_down:
        for line in machines.removal(request):
            (console.say if dry_run else console.note)(line)
    if dry_run:
        return
    if abilities.asks_before_down:
        pi.confirm(f"Remove all this from {bed.name}?", yes=yes)
    machines.down(request, console.LiveProgress())


def status(*, testbed: TestbedOption = None, as_json: JsonOption = False) -> None:
    """Show nodes, processes, URLs, drift, alerts. Example: fogbed status -t laptop --json."""
    from fogbed.cli import testbed_shown
    from fogbed.platforms.firing import firing_alerts

    bed = platforms.find_testbed(testbed)
    found = platforms.open_machines(bed).status()
    alerts = firing_alerts(found.endpoints)
    if as_json:
        console.say_json(testbed_shown.status_as_json(found, alerts))
    else:
        testbed_shown.show_status(found, alerts)


def logs(
    node: Annotated[
        str,
        typer.Argument(
            help="A node's name; or `fabric` or `tc`, `keeper`, `prometheus`, `grafana`."
        ),
    ],
    *,
    testbed: TestbedOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of each file.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the logs of a node; on pi kubelet's and containerd's. Example: fogbed logs fog-1 -f."""
    bed = platforms.find_testbed(testbed)
    try:
        if not _show_logs(platforms.open_machines(bed).logs(node, lines=lines, follow=follow)):
            console.note(f"{node} has said nothing: what is well may be silent")
    except BrokenPipeError:
        console.nobody_reads()


def _show_logs(lines: Iterable[LogLine]) -> bool:
    """Show lines; return whether there were any."""
    known: list[str] = []
    line = None
    for line in lines:
        if line.is_new:
            source = f"{Path(line.source).name}: " if len(known) > 1 else ""
            console.pass_on(f"{source}{line.text}")
            continue
        if line.source and line.source not in known:
            known.append(line.source)
            console.note(f"==> {line.source}")
        console.pass_on(line.text)
    return line is not None
