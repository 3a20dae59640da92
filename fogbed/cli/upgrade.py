"""``fogbed upgrade``: the next minor or patch of Kubernetes, control plane first, node by node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, pi
from fogbed.cli.node_options import play
from fogbed.cli.options import DryRunOption, TestbedOption
from fogbed.plan.upgrade import UpgradePlan, asked_version
from fogbed.platforms.pi import nodes, testbed_file
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.status import read_cluster
from fogbed.spec.testbed import Testbed


def upgrade(
    *,
    to: Annotated[
        str, typer.Option("--to", metavar="VERSION", help="1.37, or 1.37.2.", show_default=False)
    ],
    testbed: TestbedOption = None,
    ask_become_pass: pi.AskPasswordOption = False,
    yes: pi.YesOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Upgrade Kubernetes by one minor, node by node. Example: fogbed upgrade --to 1.37."""
    bed, origin = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed, origin)
    asked_version(to)
    plan = nodes.planned_upgrade(bed, read_cluster(platform.folder), to)
    tell = console.say if dry_run else console.note
    for line in _steps(bed, plan):
        tell(line)
    if dry_run:
        return
    if not plan.is_done:
        pi.confirm(f"Upgrade {bed.name} to Kubernetes {plan.target}?", yes=yes)
        options = pi.read_options(ask=ask_become_pass)
        play(platform, "upgrade", options, {"fogbed_upgrade_to": plan.target})
    _write_down(bed, origin, plan.target)


def _steps(bed: Testbed, plan: UpgradePlan) -> list[str]:
    if plan.is_done:
        return [f"every node has Kubernetes {plan.target}: there is nothing to upgrade"]
    ordered = [*bed.by_role("control-plane"), *bed.by_role("worker")]
    lines = [f"To Kubernetes {plan.target}, one after the other:"]
    lines += [
        f"  {node.name} ({node.role}), from {plan.versions[node.name]}"
        for node in ordered
        if node.name in plan.versions
    ]
    if len(bed.nodes) > 1:
        lines.append("Each is drained first: its pods move to the other nodes.")
    return lines


def _write_down(bed: Testbed, origin: Path | None, version: str) -> None:
    """Say the new version in the testbed's file, and in what is known to be applied."""
    if origin is None:
        console.note(f"write kubernetes.version: {version!r} into the file of {bed.name}")
        wanted = nodes.with_kubernetes(bed, version)
    else:
        file = testbed_file.with_version(testbed_file.open_file(bed, origin), version)
        if file.is_changed:
            testbed_file.save(file)
            console.note(f"{origin} says kubernetes.version: {version!r} now")
        wanted = file.testbed
    PiPlatform(wanted, origin).record()
