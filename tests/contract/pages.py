"""The commands of the README and of docs/, and where each of them is run by a test."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGES = [
    *(CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((CHECKOUT / "docs").glob("*.md")),
]
# tests/contract/test_docs.py runs these: they read and write files, and need nothing else
ON_FILES = (
    "rides import",
    "rides list",
    "rides describe",
    "landmarks",
    "check",
    "experiment check",
    "experiment list",
    "network plan",
    "network import",
    "demo --dry-run",
    "render",
)
# tests/flink/test_pages.py runs every line of these pages, but for ELSEWHERE
ON_A_TESTBED = ("getting-started.md", "job.md", "network.md")
# what another test runs, or needs what a test has not got
ELSEWHERE = {
    "demo": "tests/flink/test_demo_run.py has the same experiment, shorter",
    "experiment run": "as demo",
    "experiment show": "tests/flink/test_demo_run.py, after its run",
    "experiment report": "tests/flink/test_demo_run.py, after its run",
    "metrics": "tests/cli/test_metrics.py and tests/prometheus/test_commands.py",
    "watch": "tests/flink/test_watch.py",
    "dashboard": "tests/cli/test_dashboard.py and tests/netns/test_grafana.py",
    "open grafana": "tests/cli/test_open.py: the same",
    "doctor": "tests/cli/test_doctor.py: what it says depends on the computer",
    "init --scan": "tests/cli/test_init.py: a network to knock at",
}
# machines that are reached over SSH: tests/lab; kind: make test-kind
OF_NODES = ("kind.md", "kubernetes.md", "pi.md", "troubleshooting.md")


def commands(page: Path, program: str = "fogbed") -> list[list[str]]:
    """Return the words after ``program`` of each line of a page's sh blocks that begins with it."""
    found = []
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            words = words[1:] if words[:1] == ["sudo"] else words
            if words[:1] == [program]:
                found.append(words[1:])
    return found


def begins_with_one_of(words: list[str], beginnings: object) -> bool:
    """Whether a command is one of those that are named by their first words."""
    return any(words[: len(each.split())] == each.split() for each in beginnings)


def is_on_files(words: list[str]) -> bool:
    """Whether tests/contract/test_docs.py runs a command."""
    return begins_with_one_of(words, ON_FILES)


def is_elsewhere(words: list[str]) -> bool:
    """Whether another test than the two of pages runs a command."""
    return begins_with_one_of(words, ELSEWHERE) and not is_on_files(words)
