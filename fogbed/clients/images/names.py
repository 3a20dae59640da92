"""Image names, whole: what Kubernetes makes of ``busybox`` is ``docker.io/library/busybox:latest``.

The grammar is that of https://github.com/distribution/reference.
"""

from __future__ import annotations

import re

from fogbed.errors import UsageError

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST = 255  # characters of registry and path


def whole_name(name: str) -> str:
    """Return an image's name with its registry and tag.

    Raises:
        UsageError: it is not a name, or names a digest, which is not for the user to choose.
    """
    if "@" in name:
        raise UsageError(
            f"{name} names a digest", hint="push it by its tag; the digest follows from the content"
        )
    place, path, tag = _split(name)
    if not (_REGISTRY.fullmatch(place) and _PATH.fullmatch(path) and _TAG.fullmatch(tag)):
        raise UsageError(
            f"{name!r} is not an image name",
            hint="write it as NAME:TAG or REGISTRY/NAME:TAG, the name in lower case",
        )
    if len(place) + 1 + len(path) > _LONGEST:
        raise UsageError(f"{name[:40]}... is longer than the {_LONGEST} characters of a name")
    return f"{place}/{path}:{tag}"


def _split(name: str) -> tuple[str, str, str]:
    """Return registry, path and tag, with what goes without saying filled in."""
    first, slash, rest = name.partition("/")
    # A first part that cannot be a folder of Docker Hub is a registry.
    is_registry = slash and (
        "." in first or ":" in first or first == "localhost" or first != first.lower()
    )
    place, path = (first, rest) if is_registry else ("docker.io", name)
    path, colon, tag = path.partition(":")
    if place in ("docker.io", "index.docker.io"):
        place, path = "docker.io", path if "/" in path else f"library/{path}"
    return place, path, tag if colon else "latest"
