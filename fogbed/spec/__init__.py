"""YAML to frozen values; every problem of a file at once, with file, line, path and a way out."""

from __future__ import annotations

from fogbed.spec.checked import CheckedFile, check_files, load_any
from fogbed.spec.load import load_experiment, load_profile, load_testbed, parse_testbed
from fogbed.spec.resolve import ResolvedExperiment, resolve_experiment
from fogbed.spec.vocabulary import Vocabulary
from fogbed.spec.write import dump_yaml, json_schema

__all__ = [
    "CheckedFile",
    "ResolvedExperiment",
    "Vocabulary",
    "check_files",
    "dump_yaml",
    "json_schema",
    "load_any",
    "load_experiment",
    "load_profile",
    "load_testbed",
    "parse_testbed",
    "resolve_experiment",
]
