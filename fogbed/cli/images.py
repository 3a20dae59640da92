"""``fogbed images``: container images from this computer to the nodes, without a registry."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fogbed import paths, platforms
from fogbed.cli import console
from fogbed.cli.images_build import build_image
from fogbed.cli.images_lock import lock_images
from fogbed.cli.images_view import PushProgress, megabytes
from fogbed.cli.options import DryRunOption, JsonOption, TestbedOption
from fogbed.cli.pi import AskPasswordOption, LimitOption, read_options
from fogbed.clients.images import Collected, Transfer, collect_images
from fogbed.errors import PlatformError

if TYPE_CHECKING:
    from fogbed.platforms.pi.images import NodeImages

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Container images from this computer to the nodes, without a registry.",
)


app.command("build", epilog="Example: fogbed images build flink -t pico --on pico-1")(build_image)
app.command("lock", epilog="Example: fogbed images lock -t pico.yml --check")(lock_images)


@app.command(epilog="Example: fogbed images push my-job:1 flink.tar --limit pico-1,pico-2")
def push(  # noqa: PLR0913 - one parameter per option
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Images of docker or podman here; or tar files, as docker save or buildx writes.",
        ),
    ],
    *,
    testbed: TestbedOption = None,
    limit: LimitOption = None,
    engine: Annotated[
        str | None,
        typer.Option(help="docker, podman, or a path; else the first that has the image."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What to call the image of a tar that does not say.")
    ] = None,
    ask: AskPasswordOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Send images to all nodes at once: what a node has is not sent again.

    Digests are checked at both ends. After a failure the same command goes on where it stopped.
    """
    platform = platforms.open_pi(platforms.find_testbed(testbed))
    from fogbed.platforms.pi.images import push as push_to

    options = read_options(limit=limit, check=dry_run, ask=ask)
    progress = console.LiveProgress()
    folder = paths.cache_dir() / "images"
    collected = collect_images(images, folder, progress, engine=engine, name=name)
    transfer = push_to(
        platform, collected, PushProgress(collected, rehearsal=dry_run), options=options
    )
    if as_json:
        console.say_json(_as_json(collected, transfer))
    else:
        _show(collected, transfer, dry_run=dry_run)


def _as_json(collected: Collected, transfer: Transfer) -> dict[str, object]:
    nodes = [
        {"name": node, "blobs": len(blobs), "bytes": transfer.bytes_to(node)}
        for node, blobs in sorted(transfer.sent.items())
    ]
    return {"images": collected.images, "layout": str(collected.layout), "nodes": nodes}


def _show(collected: Collected, transfer: Transfer, *, dry_run: bool) -> None:
    for name, digest in collected.images.items():
        console.say(f"{name} {digest}")
    rows = [
        (node, str(len(blobs)), megabytes(transfer.bytes_to(node)) if blobs else "-")
        for node, blobs in sorted(transfer.sent.items())
    ]
    console.say_table(("node", "blobs to send" if dry_run else "blobs sent", "size"), rows)


@app.command("list", epilog="Example: fogbed images list -t pico --json")
def show(*, testbed: TestbedOption = None, as_json: JsonOption = False) -> None:
    """List the images that were pushed, as the containerd of each node has them now."""
    platform = platforms.open_pi(platforms.find_testbed(testbed))
    from fogbed.platforms.pi.images import read_images

    found = read_images(platform.testbed)
    if as_json:
        console.say_json([asdict(each) for each in found])
    else:
        _show_nodes(found)
    silent = [each for each in found if each.problem]
    if silent:
        raise PlatformError(
            f"{', '.join(each.node for each in silent)} did not say which images are there",
            details="\n".join(f"{each.node}: {each.problem}" for each in silent),
            hint="fogbed doctor says why",
        )


def _show_nodes(found: list[NodeImages]) -> None:
    rows = [
        (each.node, image.name, image.digest, "yes" if image.is_usable else "NO: push it again")
        for each in found
        for image in each.images
    ]
    console.say_table(("node", "image", "digest", "usable"), rows)
