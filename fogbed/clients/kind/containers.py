"""The containers that are kind's nodes, through the command of the engine that carries them."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fogbed.clients import process
from fogbed.errors import UsageError

PROVIDER = "KIND_EXPERIMENTAL_PROVIDER"
_KNOWN = ("docker", "nerdctl", "podman")  # in the order in which kind itself looks
_CLUSTER, _ROLE = "io.x-k8s.kind.cluster", "io.x-k8s.kind.role"
_LOOK_S, _START_S = 30.0, 120.0
_LOG_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeContainer:
    """A node of a kind cluster; ``mounts``: paths inside, ``address``: "" while it is stopped.

    ``age_s``: seconds since it was started last.
    """

    name: str
    role: str
    is_running: bool
    mounts: frozenset[str]
    address: str = ""
    is_paused: bool = False
    age_s: float = 0.0


def choose_engine(environment: Mapping[str, str] = os.environ) -> str:
    """Return the engine that kind would take: the one that is named, else the first there is.

    Raises:
        UsageError: there is none, or the one that is named is not there.
    """
    named = environment.get(PROVIDER)
    if named:
        if shutil.which(named) is None:
            raise UsageError(
                f"{PROVIDER} names {named}, and there is no such command",
                hint=f"install it, or unset {PROVIDER}",
            )
        return named
    for engine in _KNOWN:
        if shutil.which(engine) and not _is_podman_in_disguise(engine):
            return engine
    raise UsageError(
        "kind needs a container engine, and neither docker nor podman is on this computer",
        hint="sudo apt install docker.io (or Docker Desktop, or podman), then fogbed up again",
    )


def _is_podman_in_disguise(engine: str) -> bool:
    """Whether docker is podman's stand-in for it, which kind does not take for docker."""
    if engine != "docker":
        return False
    return "podman" in process.run([engine, "-v"], timeout_s=_LOOK_S).stdout.lower()


@dataclass(frozen=True, slots=True)
class Engine:
    """docker or podman by its own command; errors are CommandError with what it said."""

    name: str

    def containers(self, cluster: str) -> tuple[NodeContainer, ...]:
        """Return the node containers of a cluster, by name, running or not."""
        label = f"label={_CLUSTER}={cluster}"
        names = self._ask("ps", "-a", "--filter", label, "--format", "{{.Names}}").split()
        if not names:
            return ()
        found = process.run(
            [self.name, "inspect", "--type", "container", *names], timeout_s=_LOOK_S
        )
        # one that went in between is missing in the answer, and its absence is the error
        parsed = json.loads(found.stdout or "[]")
        return tuple(sorted(map(_container, parsed), key=lambda each: each.name))

    def start(self, name: str) -> None:
        """Start a node container that was stopped."""
        self._ask("start", name, timeout_s=_START_S)

    def last_words(self, name: str) -> str:
        """Return the end of what a node printed, and of its kubelet's log; "" if it has none."""
        logs = process.run([self.name, "logs", "--tail", str(_LOG_LINES), name], timeout_s=_LOOK_S)
        journal = ("journalctl", "--no-pager", "-q", "-n", str(_LOG_LINES), "-u", "kubelet")
        kubelet = process.run([self.name, "exec", name, *journal], timeout_s=_LOOK_S)
        told = kubelet.stdout if kubelet.returncode == 0 else ""
        return f"{logs.stdout}\n{logs.stderr}\n{told}".strip()

    def put(self, name: str, path: str, text: str) -> None:
        """Write a file inside a node."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1"'
        self._ask("exec", "-i", name, "sh", "-c", script, "sh", path, stdin=text)

    def texts(self, name: str, paths: Collection[str]) -> dict[str, str]:
        """Return those of some files inside a node that are there."""
        found = {}
        for path in paths:
            read = process.run([self.name, "exec", name, "cat", path], timeout_s=_LOOK_S)
            if read.returncode == 0:
                found[path] = read.stdout
        return found

    def has_image(self, image: str) -> bool:
        """Whether the engine has an image under this name."""
        words = [self.name, "image", "inspect", "--format", "{{.Id}}", image]
        return process.run(words, timeout_s=_LOOK_S).returncode == 0

    def _ask(self, *words: str, timeout_s: float = _LOOK_S, stdin: str | None = None) -> str:
        return process.run([self.name, *words], timeout_s=timeout_s, stdin=stdin).require().stdout


def _container(inspected: Mapping[str, Any]) -> NodeContainer:
    state = inspected.get("State") or {}
    networks = (inspected.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [each.get("IPAddress", "") for each in networks.values()]
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    return NodeContainer(
        name=inspected["Name"].lstrip("/"),
        role=labels.get(_ROLE, ""),
        # to docker what is paused runs, to podman it does not
        is_running=bool(state.get("Running") or state.get("Paused")),
        mounts=frozenset(each.get("Destination", "") for each in inspected.get("Mounts") or ()),
        address=next(filter(None, addresses), ""),
        is_paused=bool(state.get("Paused")),
        age_s=_age_s(state.get("StartedAt")),
    )


def _age_s(started: object) -> float:
    try:
        return max(0.0, time.time() - datetime.fromisoformat(str(started)).timestamp())
    except (ValueError, OverflowError):
        return 0.0
