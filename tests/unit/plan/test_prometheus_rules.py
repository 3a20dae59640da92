"""Recording and alert rules: what they make of series that a case file writes down."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from prometheus_server import needs_promtool
from ruamel.yaml import YAML

from fogbed.plan.local_processes import LocalNode
from fogbed.platforms.local.exposition import ProcessFigures, expose
from fogbed.platforms.local.usage import Usage

TESTS = Path(__file__).parents[2]
RULES = TESTS.parent / "manifests" / "prometheus" / "rules"
CASES = sorted((TESTS / "cases" / "prometheus" / "rules").glob("*.yml"))


def rules(name: str) -> list[dict]:
    read = YAML(typ="safe").load((RULES / name).read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


@needs_promtool
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_rules_say_what_the_case_expects(path):
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_case():
    texts = "\n".join(path.read_text(encoding="utf-8") for path in CASES)
    for rule in rules("alerts.yml"):
        assert f"alertname: {rule['alert']}\n" in texts
    for rule in rules("recording.yml"):
        assert rule["record"] in texts


def test_every_alert_says_how_bad_it_is_where_and_what_to_do():
    for rule in rules("alerts.yml"):
        assert rule["labels"]["severity"] in ("warning", "critical")
        summary = rule["annotations"]["summary"]
        assert "{{ $labels." in summary
        assert re.search(r"[:;?]", summary), "no way out"
        assert not summary.endswith(".")


def test_every_recorded_name_says_of_what_and_how():
    for rule in rules("recording.yml"):
        assert re.fullmatch(r"[a-z]+:[a-z_]+:[a-z]+", rule["record"])


def test_what_rules_ask_of_a_laptop_is_what_its_keeper_tells():
    node = LocalNode(name="edge-1", tier="edge", address="10.0.0.1", cores=None, memory=None)
    process = ProcessFigures(
        process="taskmanager", node="edge-1", is_running=True, restarts=1, usage=Usage()
    )
    told = expose([node], [process], None)
    asked = set(
        re.findall(r"fogbed_process_\w+(?:{[^}]*})?", (RULES / "alerts.yml").read_text("utf-8"))
    )
    assert asked
    for each in asked:
        name, _, label = each.rstrip("}").partition("{")
        assert re.search(rf"^{name}{{.*{label}.*}} ", told, re.MULTILINE), each
