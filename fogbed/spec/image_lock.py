"""The lock file of a testbed's images: which digest a registry gave for each name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fogbed.errors import SpecError
from fogbed.spec.base import ApiVersion, Name, Spec
from fogbed.spec.document import read_document
from fogbed.spec.fields import Loc, read_fields
from fogbed.spec.image_names import Image, is_digest, split_name
from fogbed.spec.write import dump_yaml

_HEAD = """\
# Written by `fogbed images lock`: the digests that the registries gave. `fogbed up` runs these and
# no others; keep this file beside the testbed's, and write it anew when one of its images changes.
"""
# What `fogbed images build` calls its images: no registry has them.
HOME_REGISTRY = "localhost"


def _digest(text: str) -> str:
    if is_digest(text):
        return text
    raise ValueError(f"{text!r} is not a digest; write sha256: and 64 hexadecimal digits")


class ImageLock(Spec):
    """The digest of each image of a testbed, by its name."""

    api_version: ApiVersion = Field(alias="apiVersion")
    kind: Literal["ImageLock"]
    testbed: Name
    images: dict[Image, Annotated[str, AfterValidator(_digest)]]


def lock_path(testbed: str, origin: Path) -> Path:
    """Return where the lock of a testbed stands: beside the testbed's own file."""
    return origin.with_name(f"{testbed}.images.lock.yml")


def load_lock(path: Path) -> ImageLock:
    """Read a lock file; SpecError with every problem of it."""
    document = read_document(path)
    model, problems = read_fields(ImageLock, document, document.tree, _same)
    if model is None or problems or document.problems:
        raise SpecError([*document.problems, *problems])
    return model


def render_lock(testbed: str, digests: Mapping[str, str]) -> str:
    """Return the text of a lock file."""
    lock = ImageLock(
        api_version="fogbed/v1",
        kind="ImageLock",
        testbed=testbed,
        images=dict(sorted(digests.items())),
    )
    return _HEAD + dump_yaml(lock)


def lockable(images: Iterable[str]) -> list[str]:
    """Return the images that a registry can give, each once."""
    names = dict.fromkeys(images)
    return [name for name in names if split_name(name).registry != HOME_REGISTRY]


def pinned_by(lock: ImageLock, images: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return image -> image@digest for what a lock pins, and the images that it lacks."""
    known = {str(split_name(name)): digest for name, digest in lock.images.items()}
    found: dict[str, str] = {}
    lacking = []
    for name in lockable(images):
        digest = known.get(str(split_name(name)))
        if digest is None:
            lacking.append(name)
        else:
            found[name] = str(replace(split_name(name), digest=digest))
    return found, lacking


def _same(loc: Loc) -> Loc:
    return loc
