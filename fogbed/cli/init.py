"""``fogbed init``: a first testbed.yml, from flags, from answers, or from what a scan finds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fogbed import spec
from fogbed.cli import console
from fogbed.cli.init_answers import InitOptions, collect
from fogbed.cli.pi import YesOption
from fogbed.errors import UsageError
from fogbed.plan.new_testbed import render_testbed
from fogbed.spec.abilities import PlatformName

NameOption = Annotated[str | None, typer.Option(help="The testbed's name.", show_default=False)]
PlatformOption = Annotated[
    PlatformName | None,
    typer.Option(
        help="local: this computer; kind: Kubernetes in containers on it; pi: machines with SSH; "
        "kubernetes: a cluster that is there.",
        show_default=False,
    ),
]
UserOption = Annotated[
    str | None, typer.Option(help="On pi: the user on the nodes.", show_default=False)
]
KeyOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="On pi: the private key of SSH.", show_default=False),
]
NodeOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=ADDRESS[:TIER]",
        help="A node, once for each; on local and kind NAME[:TIER], on kubernetes both.",
        show_default=False,
    ),
]
ContextOption = Annotated[
    str | None,
    typer.Option(help="On kubernetes: the context of your kubeconfig.", show_default=False),
]
ControlPlaneOption = Annotated[
    str | None,
    typer.Option(metavar="NODE", help="Else the first; on kubernetes none.", show_default=False),
]
ScanOption = Annotated[
    str | None,
    typer.Option(
        metavar="CIDR",
        help="Find machines with SSH there, as in 192.168.1.0/24; asks before it scans.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="FILE", help="Never overwritten.")
]


def init(  # noqa: PLR0913 - each is a line of the file
    *,
    name: NameOption = None,
    platform: PlatformOption = None,
    user: UserOption = None,
    key: KeyOption = None,
    context: ContextOption = None,
    node: NodeOption = None,
    control_plane: ControlPlaneOption = None,
    scan: ScanOption = None,
    output: OutputOption = Path("testbed.yml"),
    yes: YesOption = False,
) -> None:
    """Write a commented testbed.yml. Example: fogbed init --scan 192.168.1.0/24."""
    _require_new(output)
    options = InitOptions(
        name=name,
        platform=platform,
        user=user,
        key=key,
        context=context,
        nodes=tuple(node or ()),
        control_plane=control_plane,
        scan=scan,
        yes=yes,
    )
    new = collect(options)
    text = render_testbed(new, str(output))
    # what would be refused later is not written
    spec.parse_testbed(text, str(output))
    _write_new(output, text)
    console.note(f"{output}: testbed {new.name} with {len(new.nodes)} nodes")
    console.note(f"next: fogbed doctor -t {output}")


def _write_new(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _require_new(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def _require_new(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise UsageError(
            f"{path} is there already; nothing was written",
            hint="give another name with --output FILE",
        )
