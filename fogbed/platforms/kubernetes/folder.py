"""What a testbed on Kubernetes keeps on this computer; what is secret in it is 0600."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fogbed.files import write_whole
from fogbed.platforms.state import StateFolder


@dataclass(frozen=True, slots=True)
class KubeFolder(StateFolder):
    """A testbed's folder, with what its stack needs."""

    @property
    def owner(self) -> Path:
        """The mark of this testbed in a cluster that others use too."""
        return self.root / "owner"

    @property
    def bare(self) -> Path:
        """The bare network between the nodes, as it was measured last."""
        return self.root / "bare.json"

    def begin(self, *, spec: str, origin: Path | None = None) -> None:
        """Write down what is about to be made, so that ``down`` can find it whatever happens."""
        self.make()
        write_whole(self.spec, spec)
        if origin is not None:
            write_whole(self.origin, f"{origin}\n")

    def remove(self, *, keep_credentials: bool) -> None:
        """Remove it all; ``keep_credentials`` leaves what opens the data that is kept.

        The mark of its owner stays with them: the namespace that holds the data carries it.
        """
        kept = (self.credentials, self.owner) if keep_credentials else ()
        for entry in self.root.iterdir() if self.root.exists() else ():
            if entry in kept:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        with suppress(OSError):  # not there, or not empty: the credentials stay
            self.root.rmdir()
