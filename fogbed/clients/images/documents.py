"""The documents of an image: index, manifest and configuration, as plain values. Pure.

https://github.com/opencontainers/image-spec
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fogbed.errors import UsageError

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEXES, MANIFESTS = (OCI_INDEX, DOCKER_INDEX), (OCI_MANIFEST, DOCKER_MANIFEST)
PLAIN_LAYERS = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
)
NAME_ANNOTATION = "io.containerd.image.name"
REF_ANNOTATION = "org.opencontainers.image.ref.name"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a document says of a blob; ``architecture`` is empty where it says nothing."""

    media_type: str
    digest: str
    size: int
    os: str = ""
    architecture: str = ""
    annotations: Mapping[str, str]

    @property
    def is_index(self) -> bool:
        """Whether it stands for an image on several platforms."""
        return self.media_type in INDEXES

    def as_json(self) -> dict[str, object]:
        """Return it as an image document holds it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What an image's configuration says of where it runs and of its layers, unpacked."""

    os: str
    architecture: str
    diff_ids: tuple[str, ...]


def descriptor(media_type: str, digest: str, size: int) -> Descriptor:
    """Return a descriptor of a blob without a platform."""
    return Descriptor(media_type=media_type, digest=digest, size=size, annotations={})


def parse_json(text: bytes, what: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        UsageError: it is none; ``what`` says of what.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{what} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"{what} is not a JSON object")
    return found


def parse_index(text: bytes, what: str) -> tuple[Descriptor, ...]:
    """Return the manifests of an index."""
    return tuple(_descriptor(each, what) for each in _list(parse_json(text, what), "manifests"))


def parse_manifest(text: bytes, what: str) -> tuple[Descriptor, tuple[Descriptor, ...]]:
    """Return the configuration and the layers of a manifest."""
    found = parse_json(text, what)
    layers = tuple(_descriptor(each, what) for each in _list(found, "layers"))
    return _descriptor(found.get("config"), what), layers


def parse_configuration(text: bytes, what: str) -> Configuration:
    """Return what a configuration says."""
    found = parse_json(text, what)
    root = found.get("rootfs")
    diff_ids = root.get("diff_ids") if isinstance(root, dict) else None
    if not isinstance(diff_ids, list) or not all(_is_digest(each) for each in diff_ids):
        raise UsageError(f"{what} does not list its layers by sha256")
    return Configuration(
        os=str(found.get("os", "")),
        architecture=str(found.get("architecture", "")),
        diff_ids=tuple(diff_ids),
    )


def render_manifest(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """Return an OCI manifest; the same bytes for the same parts."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.as_json(),
        "layers": [layer.as_json() for layer in layers],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def render_index(targets: Mapping[str, Descriptor]) -> bytes:
    """Return the index.json of a layout folder: a name for each manifest or index."""
    manifests = [
        {**target.as_json(), "annotations": {NAME_ANNOTATION: name}}
        for name, target in sorted(targets.items())
    ]
    return json.dumps({"schemaVersion": 2, "manifests": manifests}, indent=1).encode()


def _descriptor(found: object, what: str) -> Descriptor:
    if not isinstance(found, dict):
        raise UsageError(f"{what} lacks a descriptor")
    digest, size = found.get("digest"), found.get("size")
    if not _is_digest(digest):
        raise UsageError(f"{what} names a blob by {digest!r}, which is not a sha256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UsageError(f"{what} says that {digest} has a size of {size!r}")
    platform, annotations = found.get("platform"), found.get("annotations")
    platform = platform if isinstance(platform, dict) else {}
    return Descriptor(
        media_type=str(found.get("mediaType", "")),
        digest=str(digest),
        size=size,
        os=str(platform.get("os", "")),
        architecture=str(platform.get("architecture", "")),
        annotations=annotations if isinstance(annotations, dict) else {},
    )


def _is_digest(value: object) -> bool:
    # A digest becomes the name of a file: nothing but hexadecimal digits may stand in it.
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _list(found: Mapping[str, Any], name: str) -> list[object]:
    value = found.get(name)
    return value if isinstance(value, list) else []
