"""Stands for ``fogbed.network.agent.backend_table`` in a packed program: shapes are lines in files.

What is "in force" is what stands in FOGBED_TEST_LINKS/NAME.json (a unit of systemd has no such
variable: in /run/fogbed-test-links); everybody can read it, and change
it, as one can a kernel's rules. Behaviour that a test asks for stands in FOGBED_TEST_LINKS/asked.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from fogbed.network.agent.backend import BackendError, BeyondError, Cost, Counters, Row
from fogbed.network.link import Shape

HOME = Path(os.environ.get("FOGBED_TEST_LINKS", "/run/fogbed-test-links"))


def is_asked(what: str) -> bool:
    asked = HOME / "asked"
    return asked.is_file() and what in asked.read_text().split()


class FileBackend:
    name = "file"

    @property
    def file(self) -> Path:
        return HOME / f"{self.name}.json"

    def apply(self, row: Row) -> None:
        if is_asked("refuse"):
            raise BackendError("device eth0 has another tool's qdisc: remove it")
        if is_asked(f"beyond-{self.name}") and any(peer.shape.duplicate for peer in row.peers):
            raise BeyondError(f"{self.name} cannot duplicate")
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(row.to_json()))
        fresh.replace(self.file)
        if is_asked("die-while-applying"):
            os.kill(os.getpid(), signal.SIGKILL)
        if is_asked("fail-half-way"):
            raise BackendError("asked 5 ms, found 4 ms")

    def show(self) -> dict[str, Shape]:
        return {each["node"]: Shape.from_json(each["shape"]) for each in self._peers()}

    def severed(self) -> frozenset[str]:
        return frozenset(each["node"] for each in self._peers() if each["cut"])

    def counters(self) -> dict[str, Counters]:
        return {each["node"]: Counters(packets=1, octets=84) for each in self._peers()}

    def cost(self) -> Cost | None:
        return Cost(0.5, 2.0, 0.1, 0.2)

    def step(self) -> float | None:
        if is_asked("break"):
            raise BackendError("the device is gone")
        if is_asked("hang"):
            time.sleep(3600)
        with (HOME / "steps").open("a") as steps:
            steps.write(f"{os.getpid()}\n")
        return 0.05

    def clear(self) -> None:
        if is_asked(f"cannot-clear-{self.name}"):
            raise BackendError("permission denied")
        self.file.unlink(missing_ok=True)

    def left(self) -> bool:
        return self.file.exists()

    @staticmethod
    def possible() -> str:
        return "the kernel has no files" if is_asked("no-file") else ""

    def _peers(self) -> list[dict]:
        return json.loads(self.file.read_text())["peers"] if self.file.exists() else []


class OtherBackend(FileBackend):
    name = "other"

    @staticmethod
    def possible() -> str:
        return "no device /dev/other" if is_asked("no-other") else ""


def table() -> dict[str, type[FileBackend]]:
    return {"file": FileBackend, "other": OtherBackend}
