"""``fogbed node exec`` where agents run programs: on kind, and on clusters of somebody else's."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fogbed.cli import main
from fogbed.clients.channel import Channel
from fogbed.platforms.kubernetes.running import RunningCluster

TESTBED = """\
apiVersion: fogbed/v1
kind: Testbed
name: farm
platform: {platform}
nodes:
  - {{name: a, role: control-plane, tier: cloud}}
  - {{name: b, tier: edge}}
"""
# the channel of the test leads to this computer, as that of a pod leads there
PROGRAM = """\
import sys
from fogbed.cli import main
from fogbed.clients.channel import Channel
from fogbed.platforms.kubernetes.running import RunningCluster
RunningCluster.channel = lambda self, node, root=False: Channel(node=node, prefix=("env",))
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(params=["kind", "kubernetes"])
def farm(request, fresh_home, monkeypatch):
    path = fresh_home / "testbed.yml"
    path.write_text(TESTBED.format(platform=request.param), encoding="utf-8")
    monkeypatch.chdir(fresh_home)
    return path


def fogbed(*argv, typed=b""):
    words = [sys.executable, "-c", PROGRAM, "node", "exec", *argv]
    return subprocess.run(words, input=typed, capture_output=True, check=False, timeout=60)


@pytest.mark.usefixtures("farm")
def test_of_one_node_stdin_stdout_and_exit_code_are_the_programs():
    script = "cat; echo no >&2; exit 7"
    done = fogbed("b", "--", "sh", "-c", script, typed=b"\x00\xffyes")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"\x00\xffyes", b"no\n")


@pytest.mark.usefixtures("farm")
def test_several_nodes_work_at_once_and_read_nothing():
    done = fogbed("all", "--", "sh", "-c", "cat; echo out; exit 3", typed=b"unread")
    assert done.returncode == 1
    assert sorted(done.stdout.decode().splitlines()) == ["a | out", "b | out"]
    assert "failed on 2 of 2 nodes\na    3\nb    3\n" in done.stderr.decode()


@pytest.mark.usefixtures("farm")
def test_json_tells_the_outcome_also_of_one():
    done = fogbed("a", "--json", "--", "echo", "out")
    (run,) = json.loads(done.stdout)
    assert (run["node"], run["returncode"], run["stdout"]) == ("a", 0, "out\n")


@pytest.mark.usefixtures("farm")
def test_a_node_that_is_not_there(capsys):
    assert main(["node", "exec", "c", "--", "true"]) == 2
    assert capsys.readouterr().err == "error: testbed farm has no node c\nhint: it has a, b\n"


def test_a_testbed_that_is_not_up(farm, capsys, monkeypatch):
    assert farm.exists()
    # without kind or a cluster here: what is asked first is whether it was brought up
    monkeypatch.setattr(
        "fogbed.platforms.kubernetes.platform.KubernetesPlatform.hosts", {"a": "a", "b": "b"}
    )
    assert main(["node", "exec", "a", "--", "true"]) == 1
    assert capsys.readouterr().err == ("error: testbed farm is not up\nhint: fogbed up -t farm\n")


@pytest.mark.usefixtures("farm")
def test_a_way_there_that_cannot_be_started_is_told(capsys, monkeypatch):
    def channel(_self, node, *, root=False):
        assert not root
        return Channel(node=node, prefix=("/nowhere/at/all",))

    monkeypatch.setattr(RunningCluster, "channel", channel)
    assert main(["node", "exec", "a", "--", "true"]) == 1
    assert "/nowhere/at/all" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "those"),
    [(["exec", "fog-1", "--", "true"], "pi or kind or kubernetes"), (["ssh", "fog-1"], "pi")],
)
def test_a_platform_without_a_way_says_whose_it_is(words, those, capsys):
    assert main(["node", words[0], "-t", "laptop", *words[1:]]) == 2
    assert capsys.readouterr().err == (
        f"error: testbed laptop is of platform local; this is for platform {those}\n"
        "hint: name another testbed with -t\n"
    )


def test_ssh_is_for_machines_that_have_it(farm, capsys):
    platform = farm.read_text(encoding="utf-8").split("platform: ")[1].split("\n")[0]
    assert main(["node", "ssh", "a"]) == 2
    assert f"farm is of platform {platform}; this is for platform pi" in capsys.readouterr().err
