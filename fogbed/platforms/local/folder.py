"""What a laptop testbed keeps on disk."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from fogbed import paths
from fogbed.errors import PlatformError
from fogbed.files import write_whole
from fogbed.plan.flink_buffers import LinkDemand, demand_from
from fogbed.plan.flink_settings import Scheduler
from fogbed.plan.local_processes import (
    GRAFANA,
    PROMETHEUS,
    LocalEmulator,
    LocalPlan,
    plan_from_json,
)
from fogbed.platforms.base import Endpoints
from fogbed.platforms.state import StateFolder

_MADE_BY_JOBS = ("savepoints", "output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """With what a keeper was started; ``port`` is the loopback port of Flink's web page.

    ``more_ports``: those of what else is forwarded, by name. ``shared``: every user of the computer
    may use them. ``links``: the demand that the TaskManagers' buffers were chosen by, as JSON.
    ``emulator``: what shapes the links, found out when it was started.
    """

    port: int
    number: int
    scheduler: Scheduler
    steering: Path
    fabric_socket: Path
    shared: bool = False
    links: dict[str, Any] | None = None
    more_ports: dict[str, int] = field(default_factory=dict)
    emulator: LocalEmulator = "fabric"

    @property
    def demand(self) -> LinkDemand | None:
        """What the TaskManagers' buffers were chosen by; None where no experiment was known."""
        return None if self.links is None else demand_from(self.links)

    def endpoints(self) -> Endpoints:
        """Return the URLs of what is forwarded."""
        more = {name: f"http://127.0.0.1:{port}" for name, port in self.more_ports.items()}
        return Endpoints(
            flink=f"http://127.0.0.1:{self.port}",
            prometheus=more.get(PROMETHEUS),
            grafana=more.get(GRAFANA),
        )


@dataclass(frozen=True, slots=True)
class TestbedFolder(StateFolder):
    """``$XDG_STATE_HOME/fogbed/testbeds/NAME``: there while the testbed is up or was not ended."""

    __test__ = False  # pytest collects by name

    @property
    def keeper_log(self) -> Path:
        """What the keeper itself says: whom it refused, and why it failed."""
        return self.root / "logs" / "keeper.log"

    def make(self) -> None:
        """Make the folder and everything processes expect in it."""
        for name in ("conf", "logs", "checkpoints", "classes", "tmp", *_MADE_BY_JOBS):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def require_room(self, what: str) -> None:
        """Return unless the folder's disk is full; ``what`` says what came of that.

        Raises:
            PlatformError: it is.
        """
        if paths.is_full(self.root):
            raise PlatformError(
                f"{what}: the disk of {self.root} is full",
                hint="make room there, then fogbed up; fogbed down gives up",
            )

    def plan(self) -> LocalPlan:
        """Return the plan the keeper works by."""
        return plan_from_json((self.root / "plan.json").read_text(encoding="utf-8"))

    def write_plan(self, plan: LocalPlan) -> None:
        """Write the keeper's plan, and what its processes read."""
        for process in plan.processes:
            for name, text in process.files.items():
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                write_whole(Path(name), text)
        write_whole(self.root / "plan.json", plan.to_json())

    def launched(self) -> Launched | None:
        """Return with what the keeper was started last; None if it never was.

        What another version of fogbed wrote beside that is left out; where it wrote less, nobody
        can say.
        """
        try:
            written = json.loads((self.root / "launched.json").read_text(encoding="utf-8"))
            known = {
                each.name: written[each.name] for each in fields(Launched) if each.name in written
            }
            sockets = {name: Path(known[name]) for name in ("steering", "fabric_socket")}
            return Launched(**(known | sockets))
        except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
            return None

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


def _holds_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))
