"""``fogbed node ssh | exec``: a shell on a node, a program on many."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, NoReturn

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.node_options import NodeArgument
from fogbed.cli.options import JsonOption, TestbedOption
from fogbed.errors import PlatformError, UsageError
from fogbed.platforms.pi import nodes
from fogbed.platforms.pi.playbook import require_nodes
from fogbed.platforms.pi.reach import ssh as pi_ssh
from fogbed.platforms.pi.reach.run_all import NodeRun, OnLine, Stream, run_all
from fogbed.spec.testbed import Testbed

_ALL = "all"


def ssh(name: NodeArgument, *, testbed: TestbedOption = None) -> None:
    """Open a shell on a node."""
    bed, _ = platforms.locate_testbed(testbed)
    platforms.open_pi(bed)
    require_nodes(bed, [name])
    how, _ = nodes.reached(bed, name)
    program, *rest = pi_ssh.ssh_argv(how, bed.node(name))
    # of two values for an option, OpenSSH takes the first: here is somebody to answer it
    _become([program, "-o", "BatchMode=no", *rest])


def exec_(
    names: Annotated[
        str,
        typer.Argument(metavar="NODE[,NODE...]|all", help="Where.", show_default=False),
    ],
    argv: Annotated[
        list[str],
        typer.Argument(
            metavar="-- PROGRAM [ARGUMENT...]",
            help="What, word by word; for a shell's syntax: -- sh -c 'a | b'.",
            show_default=False,
        ),
    ],
    *,
    sudo: Annotated[bool, typer.Option("--sudo", help="As root.")] = False,
    testbed: TestbedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a program on nodes, on all at once; exit 1 if it fails on one.

    In a cluster's agents one node's program reads your stdin, and its exit code is this one's.
    """
    bed, _ = platforms.locate_testbed(testbed)
    machines = platforms.open_for_programs(bed)
    chosen = _chosen(bed, names)
    channels = [machines.channel(name, root=sudo) for name in chosen]
    if bed.is_reached_through_agents and [names] == chosen and not as_json:
        _become(channels[0].argv(argv))
    try:
        runs = run_all(channels, argv, _silent if as_json else _aloud(chosen))
    except BrokenPipeError:
        console.nobody_reads()
        return
    if as_json:
        console.say_json([asdict(run) for run in runs])
    failed = [run for run in runs if run.returncode != 0]
    if failed:
        raise PlatformError(
            f"{shlex.join(argv)} failed on {len(failed)} of {len(runs)} nodes",
            details="\n".join(_table(runs)),
        )


def _become(argv: list[str]) -> NoReturn:
    """Go on as another program: its stdin, stdout, signals and exit code are this one's."""
    sys.stdout.flush()
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is meant
    except OSError as error:
        raise PlatformError(f"{argv[0]} cannot be started: {error.strerror}") from error


def _chosen(bed: Testbed, names: str) -> list[str]:
    if names == _ALL:
        return [node.name for node in bed.nodes]
    chosen = [name for name in dict.fromkeys(names.split(",")) if name]
    if not chosen:
        raise UsageError("which nodes?", hint="name them, as in pico-1,pico-2, or say all")
    require_nodes(bed, chosen)
    return chosen


def _silent(_node: str, _stream: Stream, _line: str) -> None:
    """Say nothing: the JSON has it."""


def _aloud(chosen: Sequence[str]) -> OnLine:
    width = max(map(len, chosen))

    def said(node: str, stream: Stream, line: str) -> None:
        text = line if len(chosen) == 1 else f"{node:<{width}} | {line}"
        console.pass_on(text, to_stderr=stream == "stderr")

    return said


def _table(runs: Sequence[NodeRun]) -> list[str]:
    width = max(len(run.node) for run in runs)
    return [f"{run.node:<{width}}  {run.returncode:>3}  {run.problem}".rstrip() for run in runs]
