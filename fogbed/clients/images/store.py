"""The blobs of images by digest, in the cache: what is there has the digest that names it."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fogbed import paths
from fogbed.clients.images.documents import (
    OCI_LAYER_GZIP,
    Descriptor,
    descriptor,
    parse_manifest,
    render_index,
)
from fogbed.errors import UsageError
from fogbed.files import write_whole

_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
# Level 1 packs three times as fast as the usual 6 and loses a twentieth of the size.
_GZIP_LEVEL = 1
_KEPT_S, _ABANDONED_S = 30 * 86400.0, 86400.0


class BlobStore:
    """A folder of blobs, of layouts that name them, and of what was found out about them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._blobs = root / "blobs" / "sha256"
        self._packed = root / "packed"
        self._layouts = root / "layouts"
        self.notes = root / "notes"
        self._whole: set[str] = set()
        paths.require_writable(root)
        for folder in self._folders():
            folder.mkdir(parents=True, exist_ok=True)

    def _folders(self) -> tuple[Path, ...]:
        return self._blobs, self._packed, self._layouts, self.notes

    def path(self, digest: str) -> Path:
        """Return where a blob is, or would be."""
        return self._blobs / digest.removeprefix("sha256:")

    def has(self, blob: Descriptor) -> bool:
        """Say whether a blob is there and whole, and note that it was of use today.

        It is read once: a disk or somebody may have changed it since it was stored.
        """
        if blob.digest in self._whole:
            return True
        path = self.path(blob.digest)
        if not path.is_file() or path.stat().st_size != blob.size:
            return False
        if _digest_of(path) != blob.digest:
            path.unlink(missing_ok=True)
            return False
        os.utime(path)
        self._whole.add(blob.digest)
        return True

    def has_image(self, manifest: Descriptor) -> bool:
        """Say whether a manifest is there, and all that it names."""
        if not self.has(manifest):
            return False
        config, layers = parse_manifest(self.document(manifest), manifest.digest)
        return all(map(self.has, (config, *layers)))

    def document(self, blob: Descriptor) -> bytes:
        """Return a small blob whole."""
        return self.path(blob.digest).read_bytes()

    def add(self, blob: Descriptor, source: IO[bytes], *, where: str) -> None:
        """Store a blob that must have this digest and size.

        Raises:
            UsageError: it has another; nothing is kept of it.
        """
        if self.has(blob):
            return
        with self.temporary() as path:
            digest, size = _written(source, path)
            if (digest, size) != (blob.digest, blob.size):
                raise UsageError(
                    f"{where} holds {size:,} bytes with {digest} where it says "
                    f"{blob.size:,} bytes with {blob.digest}",
                    hint="it is damaged, or somebody changed it: save the image again",
                )
            path.replace(self.path(blob.digest))

    def add_document(self, media_type: str, content: bytes) -> Descriptor:
        """Store a small blob and return its descriptor."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        blob = descriptor(media_type, digest, len(content))
        if not self.has(blob):
            write_whole(self.path(digest), content)
        return blob

    def add_layer(self, diff_id: str, source: Callable[[], IO[bytes]], *, where: str) -> Descriptor:
        """Store a layer packed and return its descriptor; ``diff_id`` is its digest unpacked.

        Raises:
            UsageError: its content has another digest.
        """
        note = self._packed / diff_id.removeprefix("sha256:")
        if note.is_file():
            digest, _, size = note.read_text(encoding="ascii").partition(" ")
            known = descriptor(OCI_LAYER_GZIP, digest, int(size or -1))
            if self.has(known):
                os.utime(note)
                return known
        with self.temporary() as path:
            with source() as plain:
                unpacked = _packed(plain, path)
            if unpacked != diff_id:
                raise UsageError(
                    f"{where} unpacks to {unpacked} where the image says {diff_id}",
                    hint="it is damaged, or somebody changed it: save the image again",
                )
            digest, size_now = _digest_of(path), path.stat().st_size
            path.replace(self.path(digest))
        write_whole(note, f"{digest} {size_now}".encode())
        return descriptor(OCI_LAYER_GZIP, digest, size_now)

    def layout(self, targets: dict[str, Descriptor]) -> Path:
        """Return an OCI layout folder in which names stand for blobs of this store."""
        index = render_index(targets)
        folder = self._layouts / hashlib.sha256(index).hexdigest()[:32]
        folder.mkdir(exist_ok=True)
        blobs = folder / "blobs"
        if not blobs.is_symlink():
            blobs.symlink_to("../../blobs")
        write_whole(folder / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        write_whole(folder / "index.json", index)
        os.utime(folder)
        return folder

    def prune(self, *, kept_s: float = _KEPT_S) -> None:
        """Remove what nothing asked for in a month."""
        oldest = time.time() - kept_s
        for path in (each for folder in self._folders() for each in folder.iterdir()):
            if path.lstat().st_mtime < oldest:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for left in self._root.glob("incoming-*"):
            if left.lstat().st_mtime < time.time() - _ABANDONED_S:
                left.unlink(missing_ok=True)

    @contextmanager
    def temporary(self) -> Iterator[Path]:
        """Lend the name of a file beside the blobs; what is left of it is removed."""
        handle, name = tempfile.mkstemp(prefix="incoming-", dir=self._root)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)


def _chunks(source: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _written(source: IO[bytes], path: Path) -> tuple[str, int]:
    """Copy a stream to a file; return its digest and size."""
    hashed, size = hashlib.sha256(), 0
    with path.open("wb") as target:
        for chunk in _chunks(source):
            hashed.update(chunk)
            size += target.write(chunk)
    return f"sha256:{hashed.hexdigest()}", size


def _packed(source: IO[bytes], path: Path) -> str:
    """Write a layer to a file, packed once and no more; return its digest unpacked."""
    start = source.read(len(_GZIP_MAGIC))
    source.seek(0)
    if start == _GZIP_MAGIC:
        _written(source, path)
        with gzip.open(path) as plain:
            return _digest(_chunks(plain))
    hashed = hashlib.sha256()
    # Neither name nor time goes in: the same layer gives the same blob.
    with (
        path.open("wb") as target,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, target, mtime=0) as packing,
    ):
        for chunk in _chunks(source):
            hashed.update(chunk)
            packing.write(chunk)
    return f"sha256:{hashed.hexdigest()}"


def _digest_of(path: Path) -> str:
    with path.open("rb") as source:
        return _digest(_chunks(source))


def _digest(chunks: Iterator[bytes]) -> str:
    hashed = hashlib.sha256()
    for chunk in chunks:
        hashed.update(chunk)
    return f"sha256:{hashed.hexdigest()}"
