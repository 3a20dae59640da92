"""A state folder on a disk that is full or read-only: told before anything is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_server import needs_prometheus

pytestmark = [
    pytest.mark.netns,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: small-disk
platform: local
nodes:
  - {name: cloud-1, role: control-plane, tier: cloud}
  - {name: edge-1, tier: edge}
"""
FILL = """
(until test -s disk/state/fogbed/testbeds/small-disk/plan.json; do sleep 0.05; done
 cat /dev/zero > disk/fill) 2> /dev/null &
"""


def up_on(folder: Path, options: str, meanwhile: str = "") -> tuple[int, str]:
    """Return how ``up`` and then ``down`` end with their state on a disk of its own."""
    (folder / "testbed.yml").write_text(TESTBED, encoding="utf-8")
    (folder / "disk").mkdir()
    script = f"""
mount -t tmpfs -o {options} tmpfs disk
{meanwhile}
"$@" up; up=$?
"$@" down --everything; echo "down: $?" >&2
test -z "$(ls disk/state/fogbed/testbeds 2> /dev/null)" && exit $up
"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-m", "fogbed"],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(folder / "disk" / "state")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("size=20m", "21.0 MB are free on the disk of {disk}, 76 needed; make room, or set XDG_ST"),
        ("ro", "{disk} is on a file system that is read-only; set XDG_STATE_HOME to a folder that"),
    ],
)
def test_up_needs_room_for_its_testbed_and_says_how_much(tmp_path, options, problem):
    code, said = up_on(tmp_path, options)
    disk = tmp_path / "disk"
    where = f"{disk}/state/fogbed/testbeds/small-disk"
    assert code == 2
    assert f"error: fogbed cannot write into this folder\n{where}: " in said
    assert problem.format(disk=disk) in said
    assert "Traceback" not in said
    assert "down: 0" in said


@pytest.mark.flink
@pytest.mark.slow
def test_a_disk_that_fills_meanwhile_is_named_in_our_words_and_down_still_works(tmp_path):
    code, said = up_on(tmp_path, "size=90m", FILL)
    assert code == 1
    root = tmp_path / "disk/state/fogbed/testbeds/small-disk"
    assert f"the disk of {root} is full\nhint: make room there, then fogbed up" in said
    assert "java" not in said.replace(str(root), "")
    assert "down: 0" in said


@pytest.mark.flink
@pytest.mark.slow
@needs_prometheus
def test_a_prometheus_without_room_is_told_and_flink_goes_on_without_it(tmp_path):
    text = f"{TESTBED}services: {{prometheus: {{enabled: true, scrape_interval: 1s}}}}\n"
    (tmp_path / "testbed.yml").write_text(text, encoding="utf-8")
    script = Path(__file__).with_name("prometheus_full_disk.py")
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    for problems in (facts["full"], facts["killed"]):
        assert "is full: Prometheus keeps nothing until there is room there" in problems[-1]
    assert facts["state"] == "up"
    assert sorted(facts["task_managers"]) == ["cloud-1", "edge-1"]
    assert facts["restarts"] >= 1
    assert facts["left"] == []
