"""Names of images: registry, path, tag and digest.

The grammar is that of https://github.com/distribution/reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST_NAME = 255  # characters of registry and path


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageName:
    """An image's name in its parts; ``tag`` and ``digest`` are "" where it has none."""

    registry: str
    path: str
    tag: str
    digest: str = ""

    @property
    def is_well_formed(self) -> bool:
        """Whether every part is as registries take it."""
        return (
            bool(_REGISTRY.fullmatch(self.registry) and _PATH.fullmatch(self.path))
            and (not self.tag or bool(_TAG.fullmatch(self.tag)))
            and (not self.digest or bool(_DIGEST.fullmatch(self.digest)))
            and len(self.registry) + 1 + len(self.path) <= LONGEST_NAME
        )

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.path}{tag}{digest}"


def split_name(name: str) -> ImageName:
    """Return a name in its parts, Docker Hub's filled in where it goes without saying."""
    name, _, digest = name.partition("@")
    first, slash, rest = name.partition("/")
    # a first part that cannot be a folder of Docker Hub is a registry
    is_registry = slash and (
        "." in first or ":" in first or first == "localhost" or first != first.lower()
    )
    place, path = (first, rest) if is_registry else ("docker.io", name)
    path, _, tag = path.partition(":")
    if place in ("docker.io", "index.docker.io"):
        place, path = "docker.io", path if "/" in path else f"library/{path}"
    return ImageName(registry=place, path=path, tag=tag, digest=digest)


def is_digest(text: str) -> bool:
    """Whether this is a digest as registries give it."""
    return _DIGEST.fullmatch(text) is not None


def _image(text: str) -> str:
    name = split_name(text)
    if not name.is_well_formed:
        raise ValueError(f"{text!r} is not an image; write one like mirror.lab/flink:2.2.1")
    if not name.digest and name.tag in ("", "latest"):
        raise ValueError(f"{text!r} changes without a word; write a tag that stays, or a digest")
    return str(name)


Image = Annotated[
    str,
    AfterValidator(_image),
    WithJsonSchema({"type": "string", "examples": ["docker.io/library/flink:2.2.1-java17"]}),
]
