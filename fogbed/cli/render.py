"""``fogbed render``: what would be applied, as text; the same testbed gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console, render_network, rendered
from fogbed.cli.options import FolderCheckOption, FolderOption, TestbedOption
from fogbed.errors import UsageError
from fogbed.spec.testbed import Testbed

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Show what would be applied, as text."
)

_KINDS = (".yaml",)

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write it there.", show_default=False),
]
CheckOption = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Compare with FILE, or with what was applied last; exit 1 where they differ.",
    ),
]

WithoutOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        metavar="PART",
        help="Leave a part out, as minio; may be given several times.",
        show_default=False,
    ),
]


@app.callback()
def render() -> None:
    """Show what would be applied, as text."""


@app.command(
    epilog="Example: fogbed render inventory -t testbed.yml -o hosts.yml; "
    "then fogbed render inventory -t testbed.yml -o hosts.yml --check"
)
def inventory(
    *, testbed: TestbedOption = None, output: OutputOption = None, check: CheckOption = False
) -> None:
    """Show the Ansible inventory of a testbed of Pis."""
    bed, _ = platforms.locate_testbed(testbed)
    platform = platforms.open_pi(bed)
    text = platform.inventory()
    if check:
        rendered.compare_file(output or platform.folder.inventory, text, applied=output is None)
    elif output is None:
        console.stream([text])
    else:
        rendered.write_file(output, text)


@app.command(
    epilog="Example: fogbed render manifests -t testbed.yml -o manifests; "
    "then kubectl apply -f manifests"
)
def manifests(
    *,
    testbed: TestbedOption = None,
    output: FolderOption = None,
    check: FolderCheckOption = False,
    without: WithoutOption = None,
) -> None:
    """Show the Kubernetes manifests of a testbed's stack, in the order in which they are applied.

    The Secrets that they name hold what nobody may read, and are made by fogbed up.
    """
    from fogbed.plan.cluster import facts_from
    from fogbed.plan.manifests import PARTS, render_manifests

    bed, _ = platforms.locate_testbed(testbed)
    _require_cluster(bed)
    left_out = frozenset(without or ())
    unknown = sorted(left_out - PARTS.keys())
    if unknown:
        raise UsageError(
            f"there is no part {', '.join(unknown)}", hint=f"write one of {', '.join(PARTS)}"
        )
    files = render_manifests(bed, facts_from(bed), without=left_out)
    texts = {each.name: each.text for each in files}
    if check:
        rendered.compare_folder(output, texts, _KINDS, command="fogbed render manifests")
    elif output is None:
        console.stream(["---\n".join(texts.values())])
    else:
        rendered.write_folder(output, texts, _KINDS)


def _require_cluster(bed: Testbed) -> None:
    if not platforms.abilities_of(bed).is_a_cluster:
        raise UsageError(
            f"testbed {bed.name} is of platform {bed.platform}, which is no Kubernetes cluster",
            hint="name another testbed with -t",
        )


app.command(
    epilog="Example: fogbed render network -t inventory/pico.yml --profile metro --node pico-2; "
    "fogbed render network -e experiments/demo.yml -o scripts"
)(render_network.network)
