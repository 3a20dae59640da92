"""Whatever stands where in a file: it loads or is refused with its line, never a traceback."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from fogbed import spec
from fogbed.errors import Problem, SpecError
from fogbed.experiment.repertoire import REPERTOIRE

SOUND = Path(__file__).parents[2] / "cases" / "spec" / "sound"
WORDS = ["node-1", "edge", "pico-[1:3]", "x-[", "5ms", "-1s", "100Mbps", "9" * 400, "{x}", "%s", ""]
KEYS = ["at", "do", "node", "label", "rate", "[key]"]
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(KEYS), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip


def places(tree: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a tree, the top aside."""
    pairs = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    return [p for key, value in pairs for p in ((*above, key), *places(value, (*above, key)))]


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        spec.load_any(path, REPERTOIRE)
    except SpecError as wrong:
        return wrong.problems
    return ()


@cache
def sound(name: str) -> str:
    text = (SOUND / name).read_text(encoding="utf-8").replace("[2:9]", "2").replace("[12:19]", "12")
    return json.dumps(YAML(typ="safe", pure=True).load(text))


@pytest.mark.parametrize("name", ["design-testbed.yml", "design-profile.yml", "every-key.yml"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_junk_anywhere_is_loaded_or_refused(name: str, data: st.DataObject, tmp_path: Path) -> None:
    tree = json.loads(sound(name))
    *above, last = data.draw(st.sampled_from(places(tree)))
    inside: Any = tree
    for step in above:
        inside = inside[step]
    inside[last] = data.draw(JUNK)
    path = tmp_path / "case.yml"
    path.write_text(json.dumps(tree), encoding="utf-8")  # JSON is YAML, on one line
    problems = problems_of(path)
    assert all(problem.line == 1 and problem.what for problem in problems)
