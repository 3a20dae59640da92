"""What a command loads before it answers: nothing large that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fogbed.cli import COMMANDS

CHECKOUT = Path(__file__).parents[2]
LARGE = frozenset({"ansible", "ansible_runner", "duckdb", "kubernetes", "matplotlib"})
TABLES = frozenset({"pandas", "pyarrow"})
PLATFORMS = frozenset({"fogbed.platforms.local.platform", "fogbed.platforms.pi.platform"})
# the figures of a run are tables, and these are about nothing else
OF_RUNS = ("demo", "experiment")
# these are about machines that are reached over SSH
OF_NODES = ("node", "upgrade")
PROGRAM = """
import json, sys
from fogbed.cli import main
code = main(sys.argv[1:])
print(json.dumps({"code": code, "loaded": sorted(sys.modules)}))
"""


def loaded_by(words, folder):
    """Return every module that a command has loaded when it has ended."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["code"] == 0, done.stderr
    return set(found["loaded"])


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_comes_before_anything_large_is_loaded(command, tmp_path):
    loaded = loaded_by([command, "--help"] if command else ["--help"], tmp_path)
    unwanted = LARGE if command in OF_RUNS else LARGE | TABLES
    unwanted |= frozenset() if command in OF_NODES else PLATFORMS
    assert sorted(loaded & unwanted) == []


@pytest.mark.parametrize(
    "words",
    [
        ["rides", "list"],
        ["landmarks", "list"],
        ["network", "plan", "experiments/profiles/metro.yml", "-t", "inventory/laptop.yml"],
        ["network", "plan", "experiments/profiles/metro.yml", "-t", "inventory/pico.yml"],
        ["check", "inventory/laptop.yml", "inventory/pico.yml", "experiments/demo.yml"],
        ["check", "--schema", "Testbed"],
    ],
    ids=" ".join,
)
def test_what_is_only_read_or_planned_loads_no_platform(words):
    assert sorted(loaded_by(words, CHECKOUT) & (LARGE | TABLES | PLATFORMS)) == []


def test_importing_fogbed_itself_loads_nothing_large_before_it_is_asked_for(tmp_path):
    program = "import json, sys, fogbed; print(json.dumps(sorted(sys.modules))){}"
    asked = program.format("; fogbed.open_run; assert 'pandas' in sys.modules")
    done = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, cwd=tmp_path
    )
    loaded = set(json.loads(done.stdout))
    assert sorted(loaded & (LARGE | TABLES | PLATFORMS | {"fogbed.notebook", "requests"})) == []


def test_importing_a_ride_file_is_what_loads_duckdb(tmp_path, monkeypatch):
    # the test above would pass for ever if the name had changed
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    head = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude"
    row = "2015-01-01 00:00:00,2015-01-01 00:10:00,-73.98,40.75"
    (tmp_path / "one.csv").write_text(f"{head}\n{row}\n", encoding="utf-8")
    assert "duckdb" in loaded_by(["rides", "import", "one.csv", "--name", "one"], tmp_path)
