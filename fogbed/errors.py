"""Every error a user can meet, as a value with a way out.

FogbedError
├── SpecError          the user's input is wrong: a list of problems             exit 2
├── UsageError         the command line or the state it needs is wrong           exit 2
├── CommandError       a program we started failed: argv, return code, stderr    exit 1
├── ServiceError       Flink or another service: method, URL, status, body       exit 1
├── PlatformError      the testbed cannot do what was asked                      exit 1
├── NetworkError       the emulation could not be set, read or measured          exit 1
├── JobError           the stream job could not be submitted, moved or stopped   exit 1
├── DatasetError       rides or landmarks cannot be read or written              exit 1
│   └── DamagedRides       a file of the user's is cut off or spoilt             exit 2
├── ExperimentError    a run failed: phase, step, cause                          exit 1
│   └── AssertionsFailed   it ran, but an assertion failed                       exit 3
└── Interrupted        Ctrl-C or SIGTERM; what was begun has been cleaned up     exit 130

Only ``fogbed.cli.main`` catches them; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DONE, FAILED, WRONG_INPUT, NOT_MET, INTERRUPTED = 0, 1, 2, 3, 130


class FogbedError(Exception):
    """What went wrong, and the way out.

    ``message`` says what and where in one sentence; ``hint`` the way out; ``details`` what an
    outside program said, shown below.
    """

    exit_code = FAILED

    def __init__(
        self, message: str, *, hint: str | None = None, details: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a user's file: ``file:line: path: what; way_out``."""

    file: str
    line: int
    path: str
    what: str
    way_out: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        subject = f"{where}: {self.path}: {self.what}" if self.path else f"{where}: {self.what}"
        return f"{subject}; {self.way_out}" if self.way_out else subject


class SpecError(FogbedError):
    """Spec files that are wrong, with every problem found in them."""

    exit_code = WRONG_INPUT

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        files = ", ".join(dict.fromkeys(p.file for p in self.problems))
        super().__init__(
            f"{count} problem{'s' if count != 1 else ''} in {files}",
            details="\n".join(map(str, self.problems)),
        )


class UsageError(FogbedError):
    """The command line, or what it refers to, is wrong; nothing was touched."""

    exit_code = WRONG_INPUT


class CommandError(FogbedError):
    """A program that fogbed started did not end well."""


class ServiceError(FogbedError):
    """A service answered with an error, or not at all."""


class ServiceBusyError(ServiceError):
    """A service is there and gave no answer in time: what it is about is not known."""


class ServiceAwayError(ServiceError):
    """Nothing answers where a service should be: it is down, or on its way back."""


class PlatformError(FogbedError):
    """The testbed cannot do what was asked of it."""


class NetworkError(FogbedError):
    """The emulated network could not be set, read back or measured."""


class JobError(FogbedError):
    """The stream job could not be built, submitted, placed, rescaled or stopped."""


class DatasetError(FogbedError):
    """Rides or landmarks could not be read or written."""


class DamagedRides(DatasetError):  # noqa: N818 - what the files are
    """A file to import cannot be read to its end, which is seen only there; nothing was kept."""

    exit_code = WRONG_INPUT


class ExperimentError(FogbedError):
    """A run failed; what was recorded until then is in its bundle."""


class AssertionsFailed(ExperimentError):  # noqa: N818 - a verdict, not a fault
    """The run is complete and at least one of its assertions does not hold."""

    exit_code = NOT_MET


class Interrupted(FogbedError):  # noqa: N818 - asked for, not a fault
    """The user asked to stop; what was begun has been cleaned up."""

    exit_code = INTERRUPTED
