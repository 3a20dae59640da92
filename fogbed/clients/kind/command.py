"""The kind command: a cluster made, deleted, given images."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from fogbed.clients import process
from fogbed.clients.kind.containers import PROVIDER, Engine
from fogbed.clients.kind.words import KindStep, failure_of, step_of
from fogbed.clients.watched import end_marked, run_watched
from fogbed.errors import CommandError, UsageError

# What every process of ours around a cluster carries, so that it is found again.
MARK = "FOGBED_KIND_OF"
# Pulling a node image of a gigabyte over a slow line; kubeadm's own limits are minutes.
_CREATE_S = 3600.0
_DELETE_S, _LOOK_S, _LOAD_S = 300.0, 60.0, 3600.0
# Docker's own store names an image for all architectures and has one of them; kind asks for all
# (kubernetes-sigs/kind#3795).
_OTHER_PLATFORMS = "content digest"
_GO_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


class KindFailed(CommandError):  # noqa: N818 - what kind did
    """kind said why it could not go on: in ``details``."""


def _here() -> str:
    """Return what images call this computer's system and processor."""
    machine = os.uname().machine
    return f"linux/{_GO_NAMES.get(machine, machine)}"


def require_kind() -> None:
    """Return if there is a kind command; UsageError if not."""
    if shutil.which("kind") is None:
        raise UsageError(
            "the command kind is not on this computer",
            hint="https://kind.sigs.k8s.io has it (one file to put on PATH); with Go: go install "
            "sigs.k8s.io/kind@latest",
        )


class KindCommand:
    """kind for one cluster; ``folder`` is the testbed's, and marks whose processes they are.

    The user's kubeconfig is never touched: each call names one.
    """

    def __init__(self, engine: Engine, cluster: str, folder: Path) -> None:
        self._engine = engine
        self._cluster = cluster
        self._folder = folder

    def create(self, config: Path, kubeconfig: Path, on_step: Callable[[KindStep], None]) -> None:
        """Make the cluster; what is half made stays, for its logs to be read.

        Raises:
            KindFailed: with what kind said.
            CommandError: it could not be started, or did not come to an end.
            KeyboardInterrupt: Ctrl-C; no process of kind's is left.
        """
        lines: list[str] = []

        def heed(line: str) -> None:
            lines.append(line)
            step = step_of(line)
            if step is not None:
                on_step(step)

        words = ["kind", "create", "cluster", "--name", self._cluster, "--config", str(config)]
        words += ["--kubeconfig", str(kubeconfig), "--wait", "0s", "--retain"]
        try:
            code = run_watched(words, heed, timeout_s=_CREATE_S, env=self._environment())
        except BaseException:
            self.end_leftovers()
            raise
        if code != 0:
            raise KindFailed(
                f"kind could not make the cluster {self._cluster}", details=failure_of(lines)
            )

    def delete(self, kubeconfig: Path) -> None:
        """Delete all of the cluster that is there; CommandError if something stays."""
        words = ["delete", "cluster", "--name", self._cluster, "--kubeconfig", str(kubeconfig)]
        self._run(words, _DELETE_S)

    def kubeconfig(self) -> str:
        """Return the administrator's kubeconfig, with an address on loopback."""
        return self._run(["get", "kubeconfig", "--name", self._cluster], _LOOK_S).stdout

    def load(self, images: Sequence[str]) -> None:
        """Bring images of the engine to every node that does not have them yet."""
        only: tuple[str, ...] = ()
        if self._engine.name == "docker":
            try:
                self._run(["load", "docker-image", "--name", self._cluster, *images], _LOAD_S)
            except KindFailed as error:
                if _OTHER_PLATFORMS not in (error.details or ""):
                    raise
                only = ("--platform", _here())
            else:
                return
        # kind's own command for images asks docker, whatever the engine
        with tempfile.TemporaryDirectory(prefix="fogbed-") as folder:
            for number, image in enumerate(images):
                tar = Path(folder, f"{number}.tar")
                process.run(
                    [self._engine.name, "save", *only, "-o", tar, image], timeout_s=_LOAD_S
                ).require(hint="is there room on the disk?")
                self._run(["load", "image-archive", "--name", self._cluster, str(tar)], _LOAD_S)
                tar.unlink()

    def end_leftovers(self) -> bool:
        """End what an earlier call left running, whose caller may have been killed; whether any.

        A container that the engine has begun to make is let come to be: only then it can be found.
        """
        return end_marked(MARK, str(self._folder), spared=self._is_making)

    def _is_making(self, words: Sequence[str]) -> bool:
        return (
            Path(words[0]).name == self._engine.name and words[1:2] == ["run"] if words else False
        )

    def _run(self, words: Sequence[str], timeout_s: float) -> process.Outcome:
        done = process.run(["kind", *words], timeout_s=timeout_s, env=self._environment())
        if done.returncode != 0:
            raise KindFailed(
                f"kind {words[0]} {words[1]} failed for {self._cluster}",
                details=failure_of(done.stderr.splitlines()),
            )
        return done

    def _environment(self) -> dict[str, str]:
        return {**os.environ, PROVIDER: self._engine.name, MARK: str(self._folder)}
