"""Which testbeds there are, and how commands keep out of each other's way.

A testbed that was brought up has a folder ``$XDG_STATE_HOME/fogbed/testbeds/NAME`` with its
resolved spec, whatever it runs on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fogbed import paths
from fogbed.errors import PlatformError
from fogbed.locks import take_lock

SPEC = "testbed.yml"
ORIGIN = "origin"


def testbeds_dir() -> Path:
    """Where the folders of all testbeds are."""
    return paths.state_dir() / "testbeds"


def names_up() -> tuple[str, ...]:
    """Return the names of testbeds that were brought up and not taken down."""
    return tuple(sorted(spec.parent.name for spec in testbeds_dir().glob(f"*/{SPEC}")))


def spec_file(name: str) -> Path:
    """Where the resolved spec of a testbed is, as it was brought up."""
    return testbeds_dir() / name / SPEC


def read_origin(name: str) -> Path | None:
    """Return the file that a testbed was brought up from, as far as that is known."""
    try:
        text = (testbeds_dir() / name / ORIGIN).read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        return None
    return Path(text) if text else None


@dataclass(frozen=True, slots=True)
class StateFolder:
    """``$XDG_STATE_HOME/fogbed/testbeds/NAME``: there from the first ``up`` to ``down``."""

    name: str

    @property
    def root(self) -> Path:
        """The folder itself."""
        return testbeds_dir() / self.name

    @property
    def spec(self) -> Path:
        """The testbed's resolved spec, as it was brought up last."""
        return spec_file(self.name)

    @property
    def origin(self) -> Path:
        """Where the path of the testbed's own file is kept."""
        return self.root / ORIGIN

    @property
    def kubeconfig(self) -> Path:
        """The key to the testbed's cluster: fogbed's own copy, of one context."""
        return self.root / "kubeconfig"

    @property
    def credentials(self) -> Path:
        """What opens the testbed's object store, where it has one of its own."""
        return self.root / "credentials.json"

    def make(self) -> None:
        """Make the folder, for nobody else to read."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Keep every other command out that changes this testbed.

    Raises:
        PlatformError: another one is at work.
    """
    path = paths.runtime_dir() / f"{name}.lock"
    descriptor = _lock(path)
    if descriptor is None:
        raise PlatformError(
            f"another fogbed command is changing testbed {name}",
            hint="wait until it has ended, then give yours again",
        )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock of ``path``; None while somebody else does."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not take_lock(descriptor):
            os.close(descriptor)
            return None
        # who held it may have removed the file between our two calls: then ours locks nothing
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return descriptor
        os.close(descriptor)
