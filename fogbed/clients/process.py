"""Programs that fogbed runs and waits for: a request with an outcome."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fogbed.errors import CommandError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a program ended; ``duration_s`` is wall-clock seconds."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    duration_s: float

    def require(self, *, hint: str | None = None) -> Outcome:
        """Return this outcome if the program succeeded.

        Raises:
            CommandError: it returned something other than 0.
        """
        if self.returncode == 0:
            return self
        raise CommandError(
            f"{shlex.join(self.argv)} ended with {self.returncode}",
            hint=hint,
            details=(self.stderr or self.stdout).strip()[-4000:] or None,
        )


@contextmanager
def starting(program: str) -> Iterator[None]:
    """Have said in our words why ``program`` could not be started.

    Raises:
        CommandError: it is not there, or the system refuses to run it.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise CommandError(
            f"{program} was not found", hint=f"install {program} or add it to PATH"
        ) from error
    except OSError as error:
        raise CommandError(f"{program} could not be started: {error.strerror}") from error


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> Outcome:
    """Run a program to its end and return its outcome, whatever its return code.

    Raises:
        CommandError: it could not be started, or ran longer than ``timeout_s`` seconds.
    """
    words = tuple(str(word) for word in argv)
    started = time.monotonic()
    try:
        with starting(words[0]):
            done = subprocess.run(
                words,
                capture_output=True,
                check=False,
                cwd=cwd,
                encoding="utf-8",
                env=env,
                errors="replace",
                input=stdin or "",
                timeout=timeout_s,
            )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{shlex.join(words)} did not end within {timeout_s:g} s") from error
    return Outcome(
        argv=words,
        returncode=done.returncode,
        stdout=done.stdout,
        stderr=done.stderr,
        duration_s=time.monotonic() - started,
    )
