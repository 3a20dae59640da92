"""The container engine of this computer: docker or podman, through its own command."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fogbed.clients import process
from fogbed.errors import CommandError, UsageError

KNOWN = ("docker", "podman")
_LOOK_S, _SAVE_S = 30.0, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineImage:
    """An image that an engine has; ``id`` changes whenever its content does."""

    engine: str
    name: str
    id: str


def find_image(name: str, engine: str | None = None) -> EngineImage:
    """Return an image of the first engine that has it.

    Raises:
        UsageError: there is no engine, or none has it; with what each said.
    """
    engines = (engine,) if engine else tuple(each for each in KNOWN if shutil.which(each))
    if not engines:
        raise UsageError(
            "neither docker nor podman is on this computer", hint="install one, or give a tar file"
        )
    answers = []
    for each in engines:
        outcome = process.run(
            [each, "image", "inspect", "--format", "{{.Id}}", name], timeout_s=_LOOK_S
        )
        if outcome.returncode == 0:
            return EngineImage(engine=each, name=name, id=outcome.stdout.strip())
        answers.append(f"{each}: {outcome.stderr.strip() or 'it did not say why'}")
    raise UsageError(
        f"no container engine here has an image {name}",
        hint=_hint(name, engines),
        details="\n".join(answers),
    )


def _hint(name: str, engines: Sequence[str]) -> str:
    if "/" in name and Path(name).suffix in (".tar", ".gz", ".tgz"):
        return "if it was meant as a file: there is none"
    return f"{engines[0]} pull --platform linux/arm64 {name}, or build it there first"


def save_image(image: EngineImage, path: Path) -> None:
    """Write an image to a tar as the engine does.

    Raises:
        CommandError: the engine could not.
    """
    saved = process.run([image.engine, "save", "-o", path, image.name], timeout_s=_SAVE_S)
    try:
        saved.require()
    except CommandError as error:
        raise CommandError(
            f"{image.engine} could not save {image.name}",
            hint="see that there is room on the disk",
            details=error.details,
        ) from error
