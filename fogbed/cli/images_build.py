"""``fogbed images build``: images that no registry has, made here or on a node."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from fogbed import __version__, paths, platforms
from fogbed.cli import console
from fogbed.cli.images_view import PushProgress, megabytes
from fogbed.cli.options import DryRunOption, TestbedOption
from fogbed.cli.pi import AskPasswordOption, LimitOption, read_options
from fogbed.clients.images import collect_images
from fogbed.clients.images.build import (
    BuildOrder,
    Workshop,
    build,
    fetch_image,
    push_image,
    workshop_here,
    workshop_on,
)
from fogbed.clients.images.context import BuildContext, recipe_files
from fogbed.clients.images.flink_files import flink_context
from fogbed.clients.images.names import whole_name
from fogbed.clients.progress import Progress
from fogbed.errors import UsageError

if TYPE_CHECKING:
    from fogbed.platforms.pi.platform import PiPlatform

ImageKind = Literal["flink", "agent"]
# No registry is called so: what has this name is never pulled from a stranger.
_HOME = "localhost/fogbed"


def build_image(  # noqa: PLR0913 - one parameter per option
    image: Annotated[ImageKind, typer.Argument(help="Which of fogbed's own images.")],
    *,
    testbed: TestbedOption = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="NODE", help="Build on a node of platform pi: its processor."),
    ] = None,
    engine: Annotated[str | None, typer.Option(help="docker, podman, or a path.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="NAME:TAG", help="What to call it.")] = None,
    base: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE", help="Build on this one; if it has Java 17, Flink needs no packages."
        ),
    ] = None,
    context: Annotated[
        Path | None,
        typer.Option(
            "--context",
            metavar="FOLDER",
            help="Flink's archive or wheel, and its S3 plugins, from here.",
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(metavar="REGISTRY", help="Give it to a registry instead of the nodes."),
    ] = None,
    limit: LimitOption = None,
    ask: AskPasswordOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Build an image of fogbed's own and bring it to the nodes of -t, or to a registry.

    With neither it stays with the engine of this computer, from where fogbed up takes it to kind.
    """
    if context is not None and not context.is_dir():
        raise UsageError(f"{context} is not a folder", hint="name the folder that holds the files")
    platform = _nodes_of(testbed, on)
    workshop = _workshop(platform, on, engine)
    progress = console.LiveProgress()
    with tempfile.TemporaryDirectory(prefix="fogbed-images-") as scratch:
        order = _order(image, Path(scratch, "flink"), progress, tag=tag, base=base, context=context)
        _show(order, workshop)
        if dry_run:
            return
        architecture = build(order, workshop, progress)
        console.say(f"{order.name} {architecture}")
        name = order.name
        if push is not None:
            name = push_image(order.name, push.rstrip("/"), workshop, progress)
        elif platform is not None:
            options = read_options(limit=limit, ask=ask)
            word = _to_send(order, workshop, Path(scratch), progress)
            collected = collect_images(
                [word], paths.cache_dir() / "images", progress, engine=workshop.engine
            )
            from fogbed.platforms.pi.images import push as push_to

            push_to(platform, collected, PushProgress(collected, rehearsal=False), options=options)
    if image == "flink":
        console.note(f"for the testbed's file: services: {{flink: {{image: {name}}}}}")


def _nodes_of(testbed: str | None, on: str | None) -> PiPlatform | None:
    """Return the testbed whose nodes are meant; None if none is."""
    if testbed is None and on is None:
        return None
    found = platforms.find_testbed(testbed)
    abilities = platforms.abilities_of(found)
    # `up` takes it from this computer's engine to nodes that are its containers
    if abilities.is_a_cluster and not abilities.is_reached_over_ssh and on is None:
        return None
    return platforms.open_pi(found)


def _workshop(platform: PiPlatform | None, on: str | None, engine: str | None) -> Workshop:
    if platform is None or on is None:
        return workshop_here(engine)
    from fogbed.platforms.pi.playbook import require_nodes

    require_nodes(platform.testbed, [on])
    return workshop_on(platform.channel(on, root=True), engine)


def _order(  # noqa: PLR0913 - what an order is made of
    image: ImageKind,
    scratch: Path,
    progress: Progress,
    *,
    tag: str | None,
    base: str | None,
    context: Path | None,
) -> BuildOrder:
    if image == "flink":
        scratch.mkdir()
        made_of = flink_context(context, scratch, progress)
    elif context is not None:
        raise UsageError(f"{image} is built from its base alone", hint="leave --context away")
    else:
        made_of = BuildContext(image=image, version=__version__, files=tuple(recipe_files(image)))
    name = whole_name(tag or f"{_HOME}/{image}:{made_of.version}")
    return BuildOrder(name=name, context=made_of, arguments={"BASE": base} if base else {})


def _show(order: BuildOrder, workshop: Workshop) -> None:
    files = order.context.files
    console.note(
        f"{order.name}: {len(files)} files, {megabytes(order.context.size)}, "
        f"with {workshop.engine} of {workshop.place}"
    )
    for file in files:
        if file.link:
            console.note(f"  {file.name} -> {file.link}")


def _to_send(order: BuildOrder, workshop: Workshop, scratch: Path, progress: Progress) -> str:
    """Return what the fan-out takes: the engine's image, or a tar fetched from a node."""
    if workshop.is_here:
        return order.name
    saved = scratch / "image.tar"
    fetch_image(order.name, workshop, saved, progress)
    return str(saved)
