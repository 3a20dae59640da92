"""What an experiment can do and assert here: the tables of both, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fogbed.experiment.actions.kind import ActionKind
from fogbed.experiment.actions.table import ACTIONS, LATER_ACTIONS
from fogbed.experiment.judge.assertions.kind import AssertionKind
from fogbed.experiment.judge.assertions.table import ASSERTIONS
from fogbed.spec.experiment import Action, Assertion
from fogbed.spec.vocabulary import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Repertoire(Vocabulary):
    """The vocabulary of files, with what carries it out."""

    actions: tuple[ActionKind[Any], ...] = ()
    assertions: tuple[AssertionKind[Any], ...] = ()

    def action(self, action: Action) -> ActionKind[Any]:
        """Return the kind of an action."""
        return next(kind for kind in self.actions if kind.do == action.do)

    def assertion(self, assertion: Assertion) -> AssertionKind[Any]:
        """Return the kind of an assertion."""
        return next(kind for kind in self.assertions if isinstance(assertion, kind.model))


REPERTOIRE = Repertoire(actions=ACTIONS, assertions=ASSERTIONS, later=LATER_ACTIONS)
