"""What an engine builds an image from: files by their names in the context, as a tar."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fogbed import paths

# What people read, and what is compared here, is of no use to a build.
_STAYS = ("README.md", "plugins.sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextFile:
    """A file of a build's context; ``link`` is what it points to, if it is a link within it."""

    name: str
    source: Path | None = None
    link: str = ""

    @property
    def size(self) -> int:
        """Its bytes; 0 for a link."""
        return self.source.stat().st_size if self.source is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """Everything that a build of one image reads, and the version it will carry."""

    image: str
    version: str
    files: tuple[ContextFile, ...]

    @property
    def size(self) -> int:
        """The bytes of all its files."""
        return sum(file.size for file in self.files)

    def write_tar(self, target: IO[bytes], tell: Callable[[float], None]) -> None:
        """Write the context as a tar; ``tell`` hears how many bytes of files have gone.

        The same files give the same bytes, so that an engine finds its layers again.
        """
        sent = 0
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for file in self.files:
                member = _member(file)
                if file.source is None:
                    tar.addfile(member)
                    continue
                with file.source.open("rb") as content:
                    tar.addfile(member, content)
                sent += member.size
                tell(sent)


def _member(file: ContextFile) -> tarfile.TarInfo:
    member = tarfile.TarInfo(file.name)
    if file.source is None:
        member.type, member.linkname = tarfile.SYMTYPE, file.link
        return member
    member.size = file.size
    member.mode = 0o755 if file.source.stat().st_mode & 0o100 else 0o644
    return member


def recipe_files(image: str) -> Iterator[ContextFile]:
    """Return the Dockerfile of an image of ours, and what stands beside it."""
    for path in sorted(paths.asset("images", image).iterdir()):
        if path.is_file() and path.name not in _STAYS:
            yield ContextFile(name=path.name, source=path)
