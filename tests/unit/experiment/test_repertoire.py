"""The tables of actions and assertions: nothing stands in them twice or is left unsaid."""

from __future__ import annotations

from typing import Any

import pytest

from fogbed.experiment.actions.kind import ActionKind
from fogbed.experiment.repertoire import REPERTOIRE


def test_every_name_stands_once() -> None:
    names = [*REPERTOIRE.names, *REPERTOIRE.later]
    assert len(names) == len(set(names))
    keys = [each.key for each in REPERTOIRE.assertions]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("kind", REPERTOIRE.actions, ids=lambda kind: kind.do)
def test_what_to_write_for_a_missing_key_is_known(kind: ActionKind[Any]) -> None:
    fields = kind.model.model_fields.items()
    required = {name for name, field in fields if field.is_required()} - {"do"}
    assert required <= kind.model.EXAMPLES.keys()


def test_what_changes_the_network_and_what_moves_the_job_is_said() -> None:
    changing = [kind.do for kind in REPERTOIRE.actions if kind.network_after is not None]
    assert changing == ["network"]
    assert [kind.do for kind in REPERTOIRE.actions if kind.moves_job] == ["rescale"]
