"""``fogbed up | down | status | logs``: a testbed's life, one verb each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, pi
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption

if TYPE_CHECKING:
    from fogbed.spec.testbed import Testbed

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


def up(  # noqa: PLR0913 - what a user may ask of either platform
    *,
    testbed: TestbedOption = None,
    port: PortOption = None,
    shared: SharedOption = None,
    limit: pi.LimitOption = None,
    tags: pi.TagsOption = None,
    check: pi.CheckOption = False,
    ask_become_pass: pi.AskPasswordOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Bring a testbed up; run it again to resume. Example: fogbed up -t inventory/laptop.yml."""
    from fogbed.cli import testbed_shown

    bed, origin = platforms.locate_testbed(testbed)
    if bed.platform == "pi":
        pi.refuse_options("pi", {"--port": port is not None, "--shared": shared is not None})
        if dry_run:
            testbed_shown.show_phases(bed)
            return
        wish = pi.read_wish(limit=limit, tags=tags, check=check, ask=ask_become_pass)
        pi.up(bed, origin, wish)
        if not check:
            testbed_shown.show_status(platforms.open_pi(bed).status())
        return
    given = {"--limit": bool(limit), "--tags": bool(tags), "--check": check}
    pi.refuse_options(bed.platform, {**given, "--ask-become-pass": ask_become_pass})
    platform = platforms.open_platform(bed, port=port, shared=shared)
    if dry_run:
        testbed_shown.show_plan(platform.planned())
        return
    platform.up(console.LiveProgress())
    testbed_shown.show_status(platform.status())


def down(  # noqa: PLR0913 - what a user may ask of either platform
    *,
    testbed: TestbedOption = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="On local: savepoints and output as well.")
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="On pi: give the nodes back as they were found.")
    ] = False,
    forget_unreachable: Annotated[
        bool,
        typer.Option("--forget-unreachable", help="On pi: give up nodes that do not answer."),
    ] = False,
    limit: pi.LimitOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    yes: pi.YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Remove what up made; on pi it says what and asks. Example: fogbed down -t laptop."""
    bed = platforms.find_testbed(testbed)
    if bed.platform == "pi":
        pi.refuse_options("pi", {"--everything": everything})
        wish = pi.read_wish(limit=limit, ask=ask_become_pass)
        if dry_run:
            for line in pi.removal(bed, wish, purge=purge):
                console.say(line)
            return
        pi.down(bed, wish, purge=purge, yes=yes, forget_silent=forget_unreachable)
        return
    given = {"--purge": purge, "--limit": bool(limit), "--ask-become-pass": ask_become_pass}
    given |= {"--forget-unreachable": forget_unreachable}
    pi.refuse_options(bed.platform, given)
    _down_local(bed, everything=everything, dry_run=dry_run)


def _down_local(bed: Testbed, *, everything: bool, dry_run: bool) -> None:
    from fogbed.cli import testbed_shown

    platform = platforms.open_platform(bed)
    kept = () if everything else platform.kept()
    if dry_run:
        testbed_shown.show_removal(platform.status(), platform.folder(), kept)
        return
    platform.down(everything=everything, progress=console.LiveProgress())
    console.note(f"testbed {bed.name} is down")
    for folder in kept:
        console.note(
            f"kept, since you or a job asked for it: {folder}; remove it when it has served"
        )


def status(*, testbed: TestbedOption = None, as_json: JsonOption = False) -> None:
    """Show nodes, processes, versions, URLs, drift. Example: fogbed status -t laptop --json."""
    from fogbed.cli import testbed_shown

    bed = platforms.find_testbed(testbed)
    platform = platforms.open_pi(bed) if bed.platform == "pi" else platforms.open_platform(bed)
    found = platform.status()
    if as_json:
        console.say_json(testbed_shown.status_as_json(found))
    else:
        testbed_shown.show_status(found)


def logs(
    node: Annotated[str, typer.Argument(help="A node's name; or `fabric`, `keeper`.")],
    *,
    testbed: TestbedOption = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of each file.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the logs of a node; on pi kubelet's and containerd's. Example: fogbed logs fog-1 -f."""
    bed = platforms.find_testbed(testbed)
    if bed.platform == "pi":
        pi.logs(bed, node, lines=lines, follow=follow)
        return
    from fogbed.platforms.local import logs as testbed_logs

    files = testbed_logs.log_files(bed.name, node)
    for path in files:
        console.note(f"==> {path}")
        for line in testbed_logs.last_lines(path, lines):
            console.say(line)
    if follow:
        for path, line in testbed_logs.follow(files):
            console.say(f"{path.name}: {line}" if len(files) > 1 else line)
