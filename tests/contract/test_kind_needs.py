"""What ``make test-kind`` says before it does anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "kind_needs.py"
REFUSES = "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n"


def ask(folder):
    return subprocess.run(
        [sys.executable, "-I", SCRIPT],
        check=False,
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
    )


def program(folder, name, text="#!/bin/sh\nexit 0\n"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize("there", [(), ("kind",), ("docker",)])
def test_what_is_missing_is_told_with_the_way_to_get_it(there, tmp_path):
    for name in there:
        program(tmp_path, name)
    done = ask(tmp_path)
    assert done.returncode == 2
    for name, way in {"docker": "docker.io", "kind": "sigs.k8s.io/kind@v"}.items():
        assert (f"Missing: {name}." in done.stderr) is (name not in there)
        assert (way in done.stderr) is (name not in there)


def test_an_engine_that_does_not_answer_is_told(tmp_path):
    program(tmp_path, "docker", REFUSES)
    program(tmp_path, "kind")
    done = ask(tmp_path)
    assert done.returncode == 2
    assert "Docker Engine does not answer: Cannot connect to the Docker daemon" in done.stderr


def test_nothing_is_said_where_all_is_there(tmp_path):
    program(tmp_path, "docker")
    program(tmp_path, "kind")
    done = ask(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


# with kind it would be true, and make a cluster: the rule itself is tried above on any machine
@pytest.mark.skipif(shutil.which("kind") is not None, reason="kind is here")
def test_make_says_it_before_the_first_download():
    done = subprocess.run(
        ["make", "test-kind"],
        check=False,
        cwd=SCRIPT.parents[1],
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "Missing: kind." in done.stderr
