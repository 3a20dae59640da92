"""Specs written out load again as they were; the JSON Schema is what editors need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fogbed import paths, spec
from fogbed.errors import UsageError
from fogbed.experiment.repertoire import REPERTOIRE

SOUND = Path(__file__).parents[2] / "cases" / "spec" / "sound"


def test_a_testbed_survives_with_its_defaults_written_out(tmp_path: Path) -> None:
    testbed = spec.load_testbed(SOUND / "design-testbed.yml")
    text = spec.dump_yaml(testbed)
    assert "name: pico-9" in text
    assert "memory: 1g" in text
    assert "retention: 7d" in text
    (tmp_path / "again.yml").write_text(text, encoding="utf-8")
    assert spec.load_testbed(tmp_path / "again.yml") == testbed


def test_a_profile_survives(tmp_path: Path) -> None:
    profile = spec.load_profile(SOUND / "design-profile.yml")
    text = spec.dump_yaml(profile)
    assert "rate: 100mbit" in text
    assert "loss: 0.1%" in text
    (tmp_path / "again.yml").write_text(text, encoding="utf-8")
    assert spec.load_profile(tmp_path / "again.yml") == profile


@pytest.mark.parametrize(
    "path",
    [SOUND / "design-experiment.yml", SOUND / "every-key.yml", paths.asset("experiments/demo.yml")],
    ids=lambda path: path.name,
)
def test_an_experiment_survives(path: Path, tmp_path: Path) -> None:
    experiment = spec.load_experiment(path, REPERTOIRE)
    (tmp_path / "again.yml").write_text(spec.dump_yaml(experiment), encoding="utf-8")
    assert spec.load_experiment(tmp_path / "again.yml", REPERTOIRE) == experiment


def quantities(schema: object) -> list[dict[str, Any]]:
    """Every part of a schema that has a default."""
    if isinstance(schema, list):
        return [found for each in schema for found in quantities(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if "default" in schema and "pattern" in schema else []
    return own + [found for each in schema.values() for found in quantities(each)]


@pytest.mark.parametrize("kind", ["testbed", "networkprofile", "experiment"])
def test_quantities_are_text_with_a_unit_in_the_schema(kind: str) -> None:
    schema = spec.json_schema(kind, REPERTOIRE)
    assert schema["additionalProperties"] is False
    assert "null" not in str(schema)
    for each in quantities(schema):
        assert each["type"] == "string"
        assert isinstance(each["default"], str)


def test_the_schema_names_examples_and_defaults_as_users_write_them() -> None:
    definitions = spec.json_schema("Experiment", REPERTOIRE)["$defs"]
    delay = definitions["LinkRule"]["properties"]["delay"]
    assert delay["pattern"] == r"^\d+(\.\d+)?(us|ms|s)$"
    assert delay["examples"] == ["20ms"]
    assert definitions["Phases"]["properties"]["measure"]["default"] == "60s"
    assert definitions["EmulationAssertion"]["properties"]["tolerance"]["default"] == "3%"


def test_an_unknown_kind_of_schema_names_the_near_one() -> None:
    with pytest.raises(UsageError, match="there is no kind experimint") as wrong:
        spec.json_schema("experimint", REPERTOIRE)
    assert wrong.value.hint == "did you mean experiment?"
