"""What kind 0.32 says, where there is no terminal and where there is one."""

from __future__ import annotations

import pytest

from fogbed.clients.kind.words import KindStep, failure_of, step_of

SAID = """\
using docker due to KIND_EXPERIMENTAL_PROVIDER
Creating cluster "fogbed-demo" ...
 • Ensuring node image (kindest/node:v1.36.3) 🖼  ...
 ✓ Ensuring node image (kindest/node:v1.36.3) 🖼
 • Preparing nodes 📦 📦 📦   ...
 ✓ Preparing nodes 📦 📦 📦
 • Writing configuration 📜  ...
 ✓ Writing configuration 📜
 • Starting control-plane 🕹️  ...
 ✗ Starting control-plane 🕹️
 • WARNING: Timed out waiting for Ready ⚠️
ERROR: failed to create cluster: failed to init node with kubeadm: command "docker exec" failed

Command Output: I1129 12:00:00 initconfiguration.go:123] loading
[kubelet-check] The kubelet is not healthy after 4m0s
"""


def test_its_steps_are_told_without_pictures():
    steps = [step for line in SAID.splitlines() if (step := step_of(line))]
    assert steps == [
        KindStep(what, state)
        for what, end in [
            ("Ensuring node image (kindest/node:v1.36.3)", "done"),
            ("Preparing nodes", "done"),
            ("Writing configuration", "done"),
            ("Starting control-plane", "failed"),
        ]
        for state in ("begun", end)
    ]


@pytest.mark.parametrize(
    "line",
    ["", "Creating cluster ...", "• no", " ✓", "WARNING: Here be dragons!", "You can now use it"],
)
def test_other_lines_are_no_steps(line):
    assert step_of(line) is None


def test_colours_of_a_terminal_change_nothing():
    assert step_of(" \x1b[32m✓\x1b[0m Joining worker nodes 🚜\r") == KindStep(
        "Joining worker nodes", "done"
    )


def test_a_failure_is_what_stands_after_error_with_the_commands_output():
    assert failure_of(SAID.splitlines()) == (
        'failed to create cluster: failed to init node with kubeadm: command "docker exec" failed\n'
        "Command Output: I1129 12:00:00 initconfiguration.go:123] loading\n"
        "[kubelet-check] The kubelet is not healthy after 4m0s"
    )


def test_where_nothing_is_marked_as_an_error_all_counts():
    assert failure_of(["panic: no", " ✓ Preparing nodes 📦"]) == "panic: no"
