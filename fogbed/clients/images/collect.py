"""Images as a user names them, from an engine or a file, into one layout folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fogbed.clients.images.documents import INDEXES, descriptor
from fogbed.clients.images.engine import EngineImage, find_image, save_image
from fogbed.clients.images.load import StoredImage, load_archive
from fogbed.clients.images.store import BlobStore
from fogbed.clients.progress import Progress
from fogbed.errors import UsageError
from fogbed.files import write_whole

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """Images in a layout folder; ``images`` is name -> digest of its manifest or index."""

    layout: Path
    images: dict[str, str]

    def size(self, digest: str) -> int:
        """Return the bytes of a blob of the layout."""
        return self.layout.joinpath("blobs", *digest.split(":")).stat().st_size


def collect_images(
    words: Sequence[str],
    root: Path,
    progress: Progress,
    *,
    engine: str | None = None,
    name: str | None = None,
) -> Collected:
    """Put images into a store under ``root`` and return a layout folder that has them.

    Args:
        words: Names of images of the local engine, or tar files.
        root: The store's folder; what it has is not written again.
        progress: Told what is read.
        engine: The engine to ask; else the first that has the image.
        name: What to call the image of a tar file that does not say.

    Raises:
        UsageError: an image is not there, not whole, or was changed.
        CommandError: the engine could not save it.
    """
    store = BlobStore(root)
    images: dict[str, StoredImage] = {}
    for word in words:
        for image in _load(word, store, progress, engine=engine, name=name):
            known = images.setdefault(image.name, image)
            if known.target.digest != image.target.digest:
                raise UsageError(f"two different images are called {image.name}")
    targets = {image.name: image.target for image in images.values()}
    layout = store.layout(targets)
    store.prune()
    return Collected(layout=layout, images={n: target.digest for n, target in targets.items()})


def _load(
    word: str, store: BlobStore, progress: Progress, *, engine: str | None, name: str | None
) -> list[StoredImage]:
    path = Path(word)
    if path.is_file():
        with progress.step(f"reading {word}"):
            return load_archive(path, store, name=name)
    if path.is_dir() or word.endswith(_ARCHIVES):
        raise UsageError(
            f"{word} is {'a folder' if path.is_dir() else 'not there'}",
            hint="give a tar file, or the name of an image",
        )
    image = find_image(word, engine)
    known = _remembered(image, store)
    if known is not None:
        return known
    with store.temporary() as saved, progress.step(f"saving {word} from {image.engine}"):
        save_image(image, saved)
        found = load_archive(saved, store, name=name)
    _remember(image, found, store)
    return found


def _remembered(image: EngineImage, store: BlobStore) -> list[StoredImage] | None:
    """Return what this image was the last time, if all of it is still in the store."""
    note = _note(image, store)
    if not note.is_file():
        return None
    name, media_type, digest, size = note.read_text(encoding="utf-8").splitlines()
    target = descriptor(media_type, digest, int(size))
    if not store.has_image(target):
        return None
    return [StoredImage(name=name, target=target)]


def _remember(image: EngineImage, found: list[StoredImage], store: BlobStore) -> None:
    # An index may stand for more platforms tomorrow, under the same id.
    if len(found) != 1 or found[0].target.media_type in INDEXES:
        return
    target = found[0].target
    lines = (found[0].name, target.media_type, target.digest, str(target.size))
    write_whole(_note(image, store), "\n".join(lines).encode())


def _note(image: EngineImage, store: BlobStore) -> Path:
    key = hashlib.sha256(f"{image.engine}\n{image.id}\n{image.name}".encode())
    return store.notes / key.hexdigest()[:32]
