"""What a laptop testbed keeps on disk, and how commands keep out of each other's way."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from fogbed import paths
from fogbed.errors import PlatformError
from fogbed.plan.local_order import LocalPlan, plan_from_json

_MADE_BY_JOBS = ("savepoints", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """With what a keeper was started; ``port`` is the loopback port of Flink's web page."""

    port: int
    number: int
    scheduler: str
    steering: Path
    fabric_socket: Path


@dataclass(frozen=True, slots=True)
class TestbedFolder:
    """``$XDG_STATE_HOME/fogbed/testbeds/NAME``: there while the testbed is up or was not ended."""

    __test__ = False  # pytest collects by name

    name: str

    @property
    def root(self) -> Path:
        """The folder itself."""
        return testbeds_dir() / self.name

    @property
    def spec(self) -> Path:
        """The testbed's resolved spec, as it was brought up."""
        return self.root / "testbed.yml"

    @property
    def keeper_log(self) -> Path:
        """What the keeper itself says: nothing, unless it fails."""
        return self.root / "logs" / "keeper.log"

    def make(self) -> None:
        """Make the folder and everything processes expect in it."""
        for name in ("conf", "logs", "checkpoints", "classes", "tmp", *_MADE_BY_JOBS):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def plan(self) -> LocalPlan:
        """Return the plan the keeper works by."""
        return plan_from_json((self.root / "plan.json").read_text(encoding="utf-8"))

    def write_plan(self, plan: LocalPlan) -> None:
        """Write the keeper's plan."""
        write_whole(self.root / "plan.json", plan.to_json())

    def launched(self) -> Launched | None:
        """Return with what the keeper was started last; None if it never was."""
        try:
            fields = json.loads((self.root / "launched.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        sockets = {name: Path(fields[name]) for name in ("steering", "fabric_socket")}
        return Launched(**(fields | sockets))

    def write_launched(self, launched: Launched) -> None:
        """Keep with what the keeper is started."""
        write_whole(self.root / "launched.json", json.dumps(asdict(launched), default=str))

    def kept(self) -> tuple[Path, ...]:
        """Return the folders with something in them that a job or a user asked for."""
        candidates = (self.root / name for name in _MADE_BY_JOBS)
        return tuple(folder for folder in candidates if _holds_files(folder))

    def remove(self, *, everything: bool) -> None:
        """Remove the folder; savepoints and output stay unless ``everything`` goes."""
        kept = set() if everything else set(self.kept())
        for entry in self.root.iterdir() if self.root.exists() else ():
            if entry in kept:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: something was kept
            self.root.rmdir()


def testbeds_dir() -> Path:
    """Where the folders of all testbeds are."""
    return paths.state_dir() / "testbeds"


def names_up() -> tuple[str, ...]:
    """Return the names of testbeds that were brought up and not taken down."""
    return tuple(sorted(spec.parent.name for spec in testbeds_dir().glob("*/testbed.yml")))


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
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # who held it may have removed the file between our two calls: then ours locks nothing
            with suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there, whenever we are killed."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))
