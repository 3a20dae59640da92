"""What an experiment may say: the actions and assertions that are handed to this room.

Each is described in one file above, in ``experiment``, together with what carries it out. Here
only the part is known that reading a file needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, Union, get_args

from pydantic import Discriminator, Field, Tag, create_model

from fogbed.errors import Problem
from fogbed.spec.experiment import Action, Assertion, Experiment
from fogbed.spec.part import Part
from fogbed.spec.view import TestbedView

A = TypeVar("A", bound=Action)
J = TypeVar("J", bound=Assertion)

# Both get the whole experiment: what an action may do depends on those before it.
Check = Callable[[Part], Iterator[Problem]]
JointCheck = Callable[[Part, TestbedView], Iterator[Problem]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRules(Generic[A]):
    """An action as files know it: its keys, and what must fit together in a file and a testbed."""

    model: type[A]
    checks: tuple[Check, ...] = ()
    joint_checks: tuple[JointCheck, ...] = ()

    @property
    def do(self) -> str:
        """How files call it."""
        return str(get_args(self.model.model_fields["do"].annotation)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionRules(Generic[J]):
    """An assertion as files know it.

    ``key`` is the key that tells it from the others, ``example`` a value of that key.
    """

    model: type[J]
    key: str
    example: str
    checks: tuple[Check, ...] = ()

    @property
    def tag(self) -> str:
        """What tells its model from the others in a union."""
        return self.model.__name__


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Every action and assertion there is.

    ``later`` names actions of later versions, refused by name so that nobody looks for a typing
    error.
    """

    actions: tuple[ActionRules[Any], ...] = ()
    assertions: tuple[AssertionRules[Any], ...] = ()
    later: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the actions, in order."""
        return tuple(action.do for action in self.actions)

    @property
    def checks(self) -> tuple[Check, ...]:
        """What must fit together inside an experiment, of every action and assertion."""
        of_actions = (check for action in self.actions for check in action.checks)
        of_assertions = (check for each in self.assertions for check in each.checks)
        return (*of_actions, *of_assertions)

    @property
    def joint_checks(self) -> tuple[JointCheck, ...]:
        """What must fit together between an experiment and its testbed, of every action."""
        return tuple(check for action in self.actions for check in action.joint_checks)

    @cached_property
    def experiment(self) -> type[Experiment]:
        """``Experiment`` with exactly these actions and assertions; two of each at least."""
        actions: Any = Union[tuple(action.model for action in self.actions)]  # noqa: UP007 - made here
        tagged = [Annotated[each.model, Tag(each.tag)] for each in self.assertions]
        assertions: Any = Union[tuple(tagged)]  # noqa: UP007 - as above
        action = Annotated[actions, Field(discriminator="do")]
        assertion = Annotated[assertions, Discriminator(self._tag_of)]
        fields: dict[str, Any] = {
            "scenario": (tuple[action, ...], ()),
            "assertions": (tuple[assertion, ...], Field(default=(), alias="assert")),
        }
        made: type[Experiment] = create_model(
            "Experiment", __base__=Experiment, __doc__=Experiment.__doc__, **fields
        )
        return made

    def _tag_of(self, value: object) -> str | None:
        """Return which assertion a value is: by its class, or by its telling key."""
        if isinstance(value, Assertion):
            return type(value).__name__
        if not isinstance(value, dict):
            return None
        return next((each.tag for each in self.assertions if each.key in value), None)
