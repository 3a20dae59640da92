"""Building an image with a container engine: this computer's, or a node's through its channel."""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self, cast

from fogbed.clients.channel import Channel
from fogbed.clients.images.context import BuildContext
from fogbed.clients.images.engine import KNOWN
from fogbed.clients.progress import Progress, Step
from fogbed.errors import CommandError, UsageError

_LOOK_S, _PUSH_S = 60.0, 3600.0
_KEPT = 40  # lines of what an engine said last
_SHOWN = 60  # characters of a line
_CHUNK = 1 << 20
_NO_BASE = re.compile(
    r"pull access denied|no such host|lookup .* on|i/o timeout|connection refused|manifest unknown|"
    r"TLS handshake|failed to resolve|no route to host|network is unreachable",
    re.IGNORECASE,
)
_NO_PACKAGES = re.compile(
    r"Unable to (fetch|locate)|Temporary failure resolving|Could not connect to"
)
_NO_ENGINE = re.compile(r"Cannot connect to the Docker daemon|permission denied.*docker.*sock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """An engine, and how it is reached; ``place`` as users read it."""

    engine: str
    channel: Channel
    place: str
    is_here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOrder:
    """An image to be built: its whole name, what from, and the arguments of its Dockerfile."""

    name: str
    context: BuildContext
    arguments: Mapping[str, str] = field(default_factory=dict)

    def argv(self, engine: str) -> list[str]:
        """Return the engine's command; it reads the context as a tar from stdin."""
        given = [
            word
            for each in sorted(self.arguments.items())
            for word in ("--build-arg", "=".join(each))
        ]
        return [engine, "build", "--tag", self.name, *given, "-"]


def workshop_here(engine: str | None = None) -> Workshop:
    """Return this computer's engine: the one named, else the first there is.

    Raises:
        UsageError: there is none.
    """
    found = engine or next((each for each in KNOWN if shutil.which(each)), None)
    if found is None or shutil.which(found) is None:
        raise UsageError(
            f"{engine} is not on this computer"
            if engine
            else "neither docker nor podman is on this computer",
            hint="install one, or build on a node that has Docker Engine: --on NODE",
        )
    return Workshop(engine=found, channel=Channel("here", ()), place="this computer", is_here=True)


def workshop_on(channel: Channel, engine: str | None = None) -> Workshop:
    """Return the engine of a node; Docker Engine unless another is named."""
    return Workshop(engine=engine or "docker", channel=channel, place=channel.node, is_here=False)


def build(order: BuildOrder, workshop: Workshop, progress: Progress) -> str:
    """Build an image and return its architecture, as engines spell it (``arm64``).

    Raises:
        CommandError: the engine is not there or could not build it; with what it said last.
    """
    what = f"building {order.name} on {workshop.place}"
    with progress.step(what, total=order.context.size) as step:
        if Path(workshop.engine).name == "podman":
            _build_from_folder(order, workshop, step)
        else:
            _build_from_tar(order, workshop, step)
    argv = [workshop.engine, "image", "inspect", "--format", "{{.Architecture}}", order.name]
    return workshop.channel.run(argv, timeout_s=_LOOK_S).require().stdout.strip()


def _build_from_tar(order: BuildOrder, workshop: Workshop, step: Step) -> None:
    with _Running(workshop, order.argv(workshop.engine), step) as running:
        # an engine that gives up before it has read everything says why
        with suppress(BrokenPipeError), running.stdin as target:
            order.context.write_tar(target, running.advance)
        _require_built(running, order, workshop)


def _build_from_folder(order: BuildOrder, workshop: Workshop, step: Step) -> None:
    """Build with podman, which takes no tar from stdin."""
    if not workshop.is_here:
        raise UsageError(f"{workshop.engine} builds on this computer only", hint="leave --on away")
    with tempfile.TemporaryDirectory(prefix="fogbed-build-") as folder:
        for file in order.context.files:
            path = Path(folder, file.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if file.source is None:
                path.symlink_to(file.link)
            else:
                shutil.copy(file.source, path)
        argv = [*order.argv(workshop.engine)[:-1], folder]
        with _Running(workshop, argv, step) as running:
            running.stdin.close()
            _require_built(running, order, workshop)


def _require_built(running: _Running, order: BuildOrder, workshop: Workshop) -> None:
    code, heard = running.end()
    if code != 0:
        raise CommandError(
            f"{workshop.engine} could not build {order.name} on {workshop.place}",
            details=heard[-4000:] or None,
            hint=_way_out(heard, workshop),
        )


def _way_out(heard: str, workshop: Workshop) -> str | None:
    if _NO_ENGINE.search(heard):
        return f"is the engine of {workshop.place} running, and may you use it?"
    if _NO_PACKAGES.search(heard):
        return "--base IMAGE names one that has a Java 17 or newer: then no package is fetched"
    if _NO_BASE.search(heard):
        return "--base IMAGE names one that can be had from there, as in mirror.lab:5000/debian:12"
    if "not found" in heard and not workshop.is_here:
        return f"install Docker Engine on {workshop.place} (`runtime.docker`), or leave --on away"
    return None


class _Running:
    """An engine at work: what it says is read as it comes, the last of it kept."""

    def __init__(self, workshop: Workshop, argv: list[str], step: Step) -> None:
        try:
            self._process = workshop.channel.open(argv)
        except OSError as error:
            raise CommandError(f"{argv[0]} could not be started: {error.strerror}") from error
        self._step, self._sent = step, 0.0
        self._said: deque[str] = deque(maxlen=_KEPT)
        self._listeners = [
            threading.Thread(target=self._listen, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]

    @property
    def stdin(self) -> IO[bytes]:
        """What it reads."""
        return cast("IO[bytes]", self._process.stdin)

    def __enter__(self) -> Self:
        for each in self._listeners:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.end()

    def advance(self, sent: float) -> None:
        """Say how many bytes it has been given."""
        self._sent = sent
        self._step.advance(sent)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its code and what it said last."""
        code = self._process.wait()
        for each in self._listeners:
            each.join()
        return code, "\n".join(self._said)

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                text = line.decode("utf-8", "replace").rstrip()
                if text:
                    self._said.append(text)
                    self._step.advance(self._sent, text[:_SHOWN])


# -- an image that is built ------------------------------------------------------------------------


def fetch_image(name: str, workshop: Workshop, path: Path, progress: Progress) -> None:
    """Write an image of a workshop's engine to a tar here.

    Raises:
        CommandError: it could not be saved, or the connection broke.
    """
    with progress.step(f"fetching {name} from {workshop.place}") as step, path.open("wb") as target:
        process = workshop.channel.open([workshop.engine, "save", name])
        cast("IO[bytes]", process.stdin).close()
        got = 0
        with cast("IO[bytes]", process.stdout) as source, cast("IO[bytes]", process.stderr) as said:
            while chunk := source.read(_CHUNK):
                got += target.write(chunk)
                step.advance(got, f"{got / 1e6:.0f} MB")
            heard = said.read().decode("utf-8", "replace").strip()
    if process.wait() != 0:
        raise CommandError(f"{workshop.place} could not give {name}", details=heard or None)


def push_image(name: str, registry: str, workshop: Workshop, progress: Progress) -> str:
    """Give an image to a registry, which knows it by what stands after its own; return the name.

    Raises:
        CommandError: the registry or the engine refused.
    """
    there = f"{registry}/{name.partition('/')[2]}"
    run = workshop.channel.run
    run([workshop.engine, "tag", name, there], timeout_s=_LOOK_S).require()
    with progress.step(f"pushing {there} from {workshop.place}"):
        done = run([workshop.engine, "push", there], timeout_s=_PUSH_S)
    done.require(
        hint=f"log in first ({workshop.engine} login {registry}); a registry without TLS has to "
        "stand in the engine's insecure-registries",
    )
    return there
