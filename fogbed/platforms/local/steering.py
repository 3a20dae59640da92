"""How commands speak to a keeper: a connection per request over its Unix socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogbed.errors import PlatformError
from fogbed.plan.local_processes import LocalProcess

_TIMEOUT_S = 30.0


class Steering:
    """Asks one keeper."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def status(self) -> dict[str, Any] | None:
        """Return what the keeper says of itself; None where there is none.

        Raises:
            PlatformError: one is there and says nothing: it is no reason to end what it keeps.
        """
        try:
            return self._ask({"do": "status"})
        except TimeoutError as error:
            raise PlatformError(
                f"the testbed's keeper has not answered for {_TIMEOUT_S:g} s",
                hint="give the command again when this computer is less busy; fogbed down ends "
                "the testbed",
            ) from error
        except OSError:
            return None

    def start(self, name: str) -> None:
        """Have a process kept alive."""
        self._tell({"do": "start", "name": name})

    def stop(self, name: str, why: str) -> None:
        """Have a process ended, and not started again."""
        self._tell({"do": "stop", "name": name, "why": why})

    def replace(self, process: LocalProcess, why: str, *, starts: bool = True) -> None:
        """Have a process ended and another of its name started; or started when it is asked for."""
        fields = json.loads(json.dumps(asdict(process), default=str))
        self._tell({"do": "replace", "process": fields, "why": why, "starts": starts})

    def share(self, *, on: bool) -> None:
        """Let every user of the computer use Flink, or its owner and root only."""
        self._tell({"do": "share", "on": on})

    def remember(self, bare: Mapping[str, Any]) -> None:
        """Have the bare network kept as long as the keeper lives."""
        self._tell({"do": "remember", "bare": dict(bare)})

    def recall(self) -> dict[str, Any] | None:
        """Return the bare network that is kept; None where none is."""
        kept: dict[str, Any] | None = self._tell({"do": "recall"})["bare"]
        return kept

    def end(self) -> None:
        """Have the keeper take everything down; it answers before it does."""
        self._tell({"do": "end"})

    def _tell(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = self._ask(request)
        except OSError as error:
            raise PlatformError(
                f"the testbed's keeper does not answer: {error}", hint="fogbed up brings it back"
            ) from error
        if not answer["ok"]:
            raise PlatformError(f"the testbed's keeper refused: {answer['error']}")
        return answer

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT_S)
            connection.connect(str(self._path))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as reader:
                line = reader.readline()
        if not line:
            raise ConnectionError("the connection was closed")
        answer: dict[str, Any] = json.loads(line)
        return answer
