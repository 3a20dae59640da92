"""``fogbed images lock``: the digests of a testbed's images, written down or compared."""

from __future__ import annotations

from typing import Annotated

import typer

from fogbed import platforms
from fogbed.cli import console
from fogbed.cli.options import JsonOption, TestbedOption
from fogbed.cli.pi import words_of
from fogbed.errors import PlatformError, UsageError
from fogbed.files import write_whole
from fogbed.spec.image_lock import load_lock, lock_path, render_lock

_ALL = "amd64,arm64"


def lock_images(
    *,
    testbed: TestbedOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the registries; write nothing.")
    ] = False,
    arch: Annotated[
        str, typer.Option(metavar="NAMES", help="Processors that every image has to be for.")
    ] = _ALL,
    as_json: JsonOption = False,
) -> None:
    """Write the digests that the registries give for a testbed's images beside its file.

    fogbed up then runs these and no others, whatever a tag comes to stand for.
    """
    from fogbed.platforms.image_lock import ask_registries, moved_since

    found, origin = platforms.locate_testbed(testbed)
    if origin is None:
        raise UsageError(f"the file of testbed {found.name} is not known", hint="name it: -t FILE")
    path = lock_path(found.name, origin)
    if check and not path.is_file():
        raise UsageError(f"there is no {path}", hint="write it with `fogbed images lock`")
    locked = dict(load_lock(path).images) if path.is_file() else {}
    now = ask_registries(found, console.LiveProgress(), architectures=words_of("--arch", arch))
    moved = moved_since(locked, now)
    if not check:
        write_whole(path, render_lock(found.name, now))
    if as_json:
        console.say_json(
            {"file": str(path), "images": now, "moved": [each.image for each in moved]}
        )
    else:
        console.say_table(("image", "digest"), list(now.items()))
        console.note(f"{path}: {'compared' if check else 'written'}")
    if check and moved:
        raise PlatformError(
            f"{len(moved)} of {len(now)} images of {path} stand for something else now",
            details="\n".join(
                f"{each.image}: {each.locked or 'not locked'}, now {each.now}" for each in moved
            ),
            hint="write it anew with `fogbed images lock` if that is meant",
        )
