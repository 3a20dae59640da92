"""Image names, whole: Kubernetes makes ``docker.io/library/busybox:latest`` of ``busybox``."""

from __future__ import annotations

from dataclasses import replace

from fogbed.errors import UsageError
from fogbed.spec.image_names import LONGEST_NAME, split_name


def whole_name(name: str) -> str:
    """Return an image's name with its registry and tag.

    Raises:
        UsageError: it is not a name, or names a digest, which is not for the user to choose.
    """
    if "@" in name:
        raise UsageError(
            f"{name} names a digest", hint="push it by its tag; the digest follows from the content"
        )
    parts = split_name(name)
    if len(parts.registry) + 1 + len(parts.path) > LONGEST_NAME:
        raise UsageError(f"{name[:40]}... is longer than the {LONGEST_NAME} characters of a name")
    if not parts.is_well_formed or name.endswith(":"):
        raise UsageError(
            f"{name!r} is not an image name",
            hint="write it as NAME:TAG or REGISTRY/NAME:TAG, the name in lower case",
        )
    return str(parts if parts.tag else replace(parts, tag="latest"))
