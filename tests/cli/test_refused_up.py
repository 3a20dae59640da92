"""``up`` on Pis that the preflight refuses: what is known of them stays as they do."""

from __future__ import annotations

import pytest

from fogbed.cli import main
from fogbed.clients.ansible_events import TaskFailure
from fogbed.platforms.pi.folder import PiFolder

ARGV = ["up", "--only", "machines"]


def failure(role: str) -> TaskFailure:
    return TaskFailure(
        host="pico-1",
        play="All nodes",
        task="There is room",
        role=role,
        message="too little memory",
        output="",
        is_unreachable=False,
    )


@pytest.fixture
def known(pico):
    """A testbed that was up, whose file has another node since."""
    folder = PiFolder("pico")
    folder.begin(inventory="as it was\n", spec=pico.read_text(encoding="utf-8"), origin=pico)
    text = pico.read_text(encoding="utf-8")
    pico.write_text(text.replace("[1:3]", "[1:2]").replace("[11:13]", "[11:12]"), encoding="utf-8")
    folder.removed.write_text("[]", encoding="utf-8")
    return folder


def test_a_refusal_leaves_what_is_known_of_a_testbed(known, playbooks, capsys):
    playbooks.end["site"] = {"returncode": 2, "failures": (failure("preflight"),)}
    before = known.kept()
    assert main(ARGV) == 1
    assert "too little memory" in capsys.readouterr().err
    assert playbooks.names()
    assert known.kept() == before


def test_what_a_run_began_to_change_is_known(known, playbooks):
    playbooks.end["site"] = {"returncode": 2, "failures": (failure("containerd"),)}
    before = known.kept()
    assert main(ARGV) == 1
    assert known.kept()[known.spec] != before[known.spec]


@pytest.mark.usefixtures("pico")
def test_a_refusal_of_the_first_up_leaves_nothing(playbooks):
    playbooks.end["site"] = {"returncode": 2, "failures": (failure("preflight"),)}
    assert main(ARGV) == 1
    assert not PiFolder("pico").spec.exists()
    assert not PiFolder("pico").inventory.exists()
