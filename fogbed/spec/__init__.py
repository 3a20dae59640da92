"""YAML to frozen values; every problem of a file at once, with file, line, path and a way out."""

from __future__ import annotations

from pathlib import Path

from fogbed.spec.experiment import Experiment
from fogbed.spec.load import kind_of_file, load_experiment, load_profile, load_testbed
from fogbed.spec.network_profile import NetworkProfile
from fogbed.spec.resolve import ResolvedExperiment, resolve_experiment
from fogbed.spec.testbed import Testbed
from fogbed.spec.write import dump_yaml, json_schema

__all__ = [
    "ResolvedExperiment",
    "dump_yaml",
    "json_schema",
    "load_any",
    "load_experiment",
    "load_profile",
    "load_testbed",
    "resolve_experiment",
]


def load_any(path: Path) -> Testbed | NetworkProfile | Experiment:
    """Read a file of any kind; an experiment with everything that it refers to.

    Raises:
        SpecError: every problem of the file, and of the files that an experiment refers to.
    """
    kind = kind_of_file(path)
    if kind == "Testbed":
        return load_testbed(path)
    if kind == "NetworkProfile":
        return load_profile(path)
    return resolve_experiment(path).experiment
