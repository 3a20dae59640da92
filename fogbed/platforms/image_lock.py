"""A testbed's lock file: what it pins, and what the registries say now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from fogbed.clients.images.registry import Registries
from fogbed.clients.progress import Progress
from fogbed.errors import PlatformError, UsageError
from fogbed.plan.image_sources import sources_of
from fogbed.plan.images import images_of
from fogbed.spec.image_lock import load_lock, lock_path, lockable, pinned_by
from fogbed.spec.image_names import split_name
from fogbed.spec.testbed import Testbed

ARCHITECTURES = ("amd64", "arm64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An image of which the registry says another digest than the lock; "" where none stood."""

    image: str
    locked: str
    now: str


def pinned_images(testbed: Testbed, origin: Path | None) -> Mapping[str, str]:
    """Return image -> image@digest for what the lock beside a testbed's file pins.

    Without a lock, or a file, nothing is pinned.

    Raises:
        SpecError: the lock is wrong.
        UsageError: it is another testbed's, or lacks an image that this one runs.
    """
    path = lock_path(testbed.name, origin) if origin is not None else None
    if path is None or not path.is_file():
        return {}
    lock = load_lock(path)
    if lock.testbed != testbed.name:
        raise UsageError(
            f"{path} locks the images of testbed {lock.testbed}, not of {testbed.name}",
            hint="write it anew with `fogbed images lock`, or remove it",
        )
    pinned, lacking = pinned_by(lock, images_of(testbed).values())
    if lacking:
        raise UsageError(
            f"{path} does not lock {', '.join(lacking)}, which testbed {testbed.name} runs",
            hint="write it anew with `fogbed images lock`, or remove it",
        )
    return pinned


def ask_registries(
    testbed: Testbed, progress: Progress, *, architectures: Collection[str] = ARCHITECTURES
) -> dict[str, str]:
    """Return the digest that the registries give for each image that a testbed needs.

    Raises:
        ServiceError: a registry does not give one.
        PlatformError: an image is not there for every one of ``architectures``.
    """
    found: dict[str, str] = {}
    names = lockable(images_of(testbed).values())
    with Registries() as registries, progress.step("asking registries", total=len(names)) as step:
        for number, name in enumerate(names):
            step.advance(number, name)
            image = split_name(name)
            resolved = registries.resolve(image, sources_of(image, testbed.sources.registries))
            lacking = sorted(set(architectures) - resolved.architectures)
            if lacking:
                raise PlatformError(
                    f"{name} of {resolved.source} is for "
                    f"{', '.join(sorted(resolved.architectures)) or 'nothing'}, not for "
                    f"{', '.join(lacking)}",
                    hint="name an image that is, or say with --arch what the nodes are",
                )
            found[name] = resolved.digest
    return found


def moved_since(locked: Mapping[str, str], now: Mapping[str, str]) -> list[Moved]:
    """Return what the registries say otherwise than a lock."""
    return [
        Moved(image=name, locked=locked.get(name, ""), now=digest)
        for name, digest in now.items()
        if locked.get(name) != digest
    ]
