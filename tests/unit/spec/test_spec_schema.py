"""What editors are told of the fields that depend on the job."""

from __future__ import annotations

from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.spec import json_schema

OPERATORS = ["rides", "parse", "nearest", "results"]


def test_the_schema_of_an_experiment_names_jobs_and_operators():
    schema = json_schema("experiment", REPERTOIRE)
    workload = schema["$defs"]["Workload"]["properties"]
    assert workload["job"]["enum"] == ["nearest-landmark"]
    for field in ("parallelism", "placement"):
        assert list(workload[field]["properties"]) == OPERATORS
        assert workload[field]["additionalProperties"] is False
    assert workload["parallelism"]["properties"]["nearest"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 120,
        "default": 1,
    }
    assert schema["$defs"]["RescaleAction"]["properties"]["operator"]["enum"] == OPERATORS
