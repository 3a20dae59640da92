"""What CI runs: commands that a person has too, actions that cannot change, no right too many."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

CHECKOUT = Path(__file__).parents[2]
WORKFLOW = CHECKOUT / ".github" / "workflows" / "ci.yml"
FLOW = YAML(typ="safe").load(WORKFLOW.read_text(encoding="utf-8"))
JOBS = FLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")


# a Go program that no index of Python packages has whole; CI has it, and what can be said without
# it is below
@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not on the PATH")
def test_actionlint_finds_nothing():
    done = subprocess.run(["actionlint", WORKFLOW], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_job_runs_a_target_of_the_makefile():
    commands = [step["run"] for step in STEPS if "run" in step]
    targets = [
        word for text in commands for word in re.findall(r"^make (\S+)$", text, re.MULTILINE)
    ]
    assert targets == ["lint", "test", "test-kind"]
    assert [each for each in targets if not re.search(rf"^{each}:", MAKEFILE, re.MULTILINE)] == []


def test_actions_are_pinned_by_commit():
    used = re.findall(
        r"uses: (\S+)( # v[\d.]+)?$", WORKFLOW.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(used) == len([step for step in STEPS if "uses" in step])
    loose = [name for name, version in used if not (re.search(r"@[0-9a-f]{40}$", name) and version)]
    assert loose == []


def test_it_may_read_and_nothing_else():
    assert FLOW["permissions"] == {"contents": "read"}
    assert [name for name, job in JOBS.items() if "permissions" in job] == []
    fetched = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(fetched) == len(JOBS)
    assert all(step["with"]["persist-credentials"] is False for step in fetched)


def test_a_later_push_ends_the_run_before_and_no_job_runs_for_ever():
    assert "cancel-in-progress" in FLOW["concurrency"]
    assert [name for name, job in JOBS.items() if "timeout-minutes" not in job] == []


def test_caches_follow_what_they_hold():
    caches = [step["with"] for step in STEPS if step.get("uses", "").startswith("actions/cache@")]
    wheels = [each for each in caches if each["path"] == "~/.cache/pip"]
    assert len(wheels) == len(JOBS)
    assert all("hashFiles('requirements.lock')" in each["key"] for each in wheels)
    (rides,) = [each for each in caches if each not in wheels]
    named = re.findall(r"'([^']+)/\*\*'", rides["key"])
    assert named
    assert [folder for folder in named if not (CHECKOUT / folder).is_dir()] == []


def test_what_a_failure_leaves_is_kept():
    kept = [s for s in STEPS if s.get("uses", "").startswith("actions/upload-artifact@")]
    assert [step["with"]["name"] for step in kept] == ["test", "test-kind"]
    assert all("if" in step for step in kept)


def test_tests_that_make_a_cluster_have_a_target_of_their_own():
    assert '-m "not lab and not kind and not vm and not bench"' in MAKEFILE
    assert "pytest -m kind" in MAKEFILE
