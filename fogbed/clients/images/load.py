"""Archives of images into the store: what ``docker save`` wrote, or an OCI layout in a tar."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogbed.clients.images.archive import Archive, open_archive
from fogbed.clients.images.documents import (
    MANIFESTS,
    NAME_ANNOTATION,
    OCI_CONFIG,
    OCI_MANIFEST,
    PLAIN_LAYERS,
    REF_ANNOTATION,
    Descriptor,
    parse_configuration,
    parse_index,
    parse_manifest,
    render_manifest,
)
from fogbed.clients.images.names import whole_name
from fogbed.clients.images.store import BlobStore
from fogbed.errors import UsageError

_DOCKER, _OCI = "manifest.json", "index.json"
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image whose blobs are in the store, for at least one platform."""

    name: str
    target: Descriptor


def load_archive(path: Path, store: BlobStore, *, name: str | None = None) -> list[StoredImage]:
    """Put the images of an archive into the store; ``name`` is for one that has none.

    Raises:
        UsageError: it is no archive of images, is not complete, or was changed.
    """
    with open_archive(path) as archive:
        if _OCI in archive and not _is_better_packed(archive):
            images = _load_oci(archive, store)
        elif _DOCKER in archive:
            images = _load_docker(archive, store)
        else:
            raise UsageError(
                f"{path} holds no image: neither {_OCI} nor {_DOCKER} is in it",
                hint="give what `docker save`, `podman save` or `buildx --output type=oci` wrote",
            )
    return _named(images, path, name)


def _named(
    images: list[tuple[str | None, Descriptor]], path: Path, name: str | None
) -> list[StoredImage]:
    if name is not None and len(images) != 1:
        raise UsageError(
            f"{path} holds {len(images)} images, and --name can name one",
            hint="leave --name away, or save the images one by one",
        )
    found = []
    for own, target in images:
        given = name or own
        if given is None:
            raise UsageError(f"{path} does not say what its image is called", hint="give --name")
        found.append(StoredImage(name=whole_name(given), target=target))
    if not found:
        raise UsageError(f"{path} holds no image")
    return found


def _is_better_packed(archive: Archive) -> bool:
    """Say whether to read an archive in Docker's old way though it has an OCI layout, too.

    Without Docker's containerd store, layers are saved unpacked, and the manifest is made up while
    saving: no registry knows its digest. Packing them makes the way to the nodes shorter.
    """
    if _DOCKER not in archive:
        return False
    targets = parse_index(archive.document(_OCI), _OCI)
    for target in targets:
        blob = _place(target)
        if target.media_type not in MANIFESTS or blob not in archive:
            return False
        _, layers = parse_manifest(archive.document(blob), blob)
        if not all(layer.media_type in PLAIN_LAYERS for layer in layers):
            return False
    return bool(targets)


# -- an OCI layout ---------------------------------------------------------------------------------


def _load_oci(archive: Archive, store: BlobStore) -> list[tuple[str | None, Descriptor]]:
    found = []
    for target in parse_index(archive.document(_OCI), _OCI):
        manifests = _manifests(archive, store, target)
        blobs = {blob.digest: blob for each in manifests for blob in _parts(archive, store, each)}
        by_place = {_place(blob): blob for blob in blobs.values()}
        for place in archive.in_order(by_place):
            _take(archive, store, by_place[place])
        found.append((_name_of(target.annotations), target))
    return found


def _manifests(archive: Archive, store: BlobStore, target: Descriptor) -> list[Descriptor]:
    """Return the manifests under a target that the archive has whole."""
    if not target.is_index:
        return [_manifest(target)]
    _take(archive, store, target)
    offered = [
        each
        for each in parse_index(store.document(target), _place(target))
        if each.os == "linux" and each.media_type in MANIFESTS
    ]
    # Docker saves an index of all platforms with the blobs of those that were pulled.
    whole = [each for each in offered if _is_whole(archive, store, each)]
    if not whole:
        platforms = ", ".join(sorted({each.architecture for each in offered})) or "none"
        raise UsageError(
            f"{archive.path} has no platform of its image whole (it names: {platforms})",
            hint="pull the nodes' platform first: docker pull --platform linux/arm64 IMAGE",
        )
    return whole


def _manifest(target: Descriptor) -> Descriptor:
    if target.media_type not in MANIFESTS:
        raise UsageError(f"{target.digest} is {target.media_type or 'of no type'}, not an image")
    return target


def _is_whole(archive: Archive, store: BlobStore, manifest: Descriptor) -> bool:
    if _place(manifest) not in archive:
        return False
    return all(_place(blob) in archive for blob in _parts(archive, store, manifest))


def _parts(archive: Archive, store: BlobStore, manifest: Descriptor) -> list[Descriptor]:
    _take(archive, store, manifest)
    config, layers = parse_manifest(store.document(manifest), _place(manifest))
    return [config, *layers]


def _take(archive: Archive, store: BlobStore, blob: Descriptor) -> None:
    place = _place(blob)
    if store.has(blob) and place in archive and archive.size(place) == blob.size:
        return
    with archive.open(place) as source:
        store.add(blob, source, where=f"{place} in {archive.path}")


def _place(blob: Descriptor) -> str:
    return f"blobs/{blob.digest.replace(':', '/')}"


def _name_of(annotations: Mapping[str, str]) -> str | None:
    name = annotations.get(NAME_ANNOTATION) or annotations.get(REF_ANNOTATION)
    # The reference of an OCI layout may be a tag alone, which names nothing.
    return name if name and re.search("[/:]", name) else None


# -- Docker's own format ---------------------------------------------------------------------------


def _load_docker(archive: Archive, store: BlobStore) -> list[tuple[str | None, Descriptor]]:
    found: list[tuple[str | None, Descriptor]] = []
    for entry in _entries(archive):
        target = _docker_image(archive, store, entry)
        names = entry.get("RepoTags") or [None]
        found += [(name, target) for name in names]
    return found


def _entries(archive: Archive) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = json.loads(archive.document(_DOCKER))
    except ValueError as error:
        raise UsageError(f"{_DOCKER} in {archive.path} is not JSON: {error}") from error
    whole = isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("Config"), str)
        and isinstance(entry.get("Layers"), list)
        for entry in entries
    )
    if not whole:
        raise UsageError(f"{_DOCKER} in {archive.path} does not list images")
    return entries


def _docker_image(archive: Archive, store: BlobStore, entry: dict[str, Any]) -> Descriptor:
    content = archive.document(entry["Config"])
    config = store.add_document(OCI_CONFIG, content)
    _check_config_name(entry["Config"], config, archive.path)
    diff_ids = parse_configuration(content, entry["Config"]).diff_ids
    if len(diff_ids) != len(entry["Layers"]):
        raise UsageError(
            f"{archive.path} has {len(entry['Layers'])} layers where its image says {len(diff_ids)}"
        )
    wanted = dict(zip(entry["Layers"], diff_ids, strict=True))
    packed = {
        place: store.add_layer(
            wanted[place],
            lambda place=place: archive.open(place),  # type: ignore[misc]
            where=f"{place} in {archive.path}",
        )
        for place in archive.in_order(wanted)
    }
    layers = [packed[place] for place in entry["Layers"]]
    return store.add_document(OCI_MANIFEST, render_manifest(config, layers))


def _check_config_name(place: str, config: Descriptor, path: Path) -> None:
    """Refuse a configuration that was changed: its file is called by its digest."""
    stem = posixpath.basename(place).removesuffix(".json").removeprefix("sha256:")
    if _HEX.fullmatch(stem) and config.digest != f"sha256:{stem}":
        raise UsageError(
            f"{place} in {path} has {config.digest}, which is not its name",
            hint="it is damaged, or somebody changed it: save the image again",
        )
