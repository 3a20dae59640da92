"""What an assertion is: rules for files, and what judges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fogbed.experiment.judge.evidence import Evidence, Judgement
from fogbed.spec.experiment import Assertion
from fogbed.spec.vocabulary import AssertionRules

J = TypeVar("J", bound=Assertion)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionKind(AssertionRules[J]):
    """An assertion, whole: a file of this folder makes one, ``table`` lists them.

    ``judge`` says whether it holds of what was recorded, however little that is. One that is
    ``of_emulation`` is not judged where nothing was emulated.
    """

    judge: Callable[[J, Evidence], Judgement]
    of_emulation: bool = False
