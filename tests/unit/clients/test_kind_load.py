"""How images get into the nodes of a kind cluster: what kind and the engine are asked."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from fogbed.clients.kind import command
from fogbed.clients.kind.command import KindCommand, KindFailed
from fogbed.clients.process import Outcome

LACKING = (
    'ERROR: failed to load image: command "docker exec --privileged -i n ctr images import '
    '--all-platforms --digests -" failed with error: exit status 1\n'
    "Command Output: ctr: content digest sha256:9106d8: not found\n"
)


@pytest.fixture
def asked(monkeypatch, tmp_path):
    calls = []

    def load(engine, refusal=""):
        def run(words, **_how):
            said = [str(word) for word in words]
            calls.append(" ".join("TAR" if each.endswith(".tar") else each for each in said))
            if "-o" in said:
                Path(said[said.index("-o") + 1]).touch()
            fails = "docker-image" in said and bool(refusal)
            said_of_it = {"stdout": "", "stderr": refusal if fails else "", "duration_s": 0.0}
            return Outcome(argv=tuple(said), returncode=int(fails), **said_of_it)

        monkeypatch.setattr(command.process, "run", run)
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="aarch64"))
        KindCommand(SimpleNamespace(name=engine), "fogbed-k", tmp_path).load(["flink:2"])
        return calls

    return load


def test_an_image_that_docker_has_for_one_processor_is_given_for_that_one(asked):
    assert asked("docker", LACKING) == [
        "kind load docker-image --name fogbed-k flink:2",
        "docker save --platform linux/arm64 -o TAR flink:2",
        "kind load image-archive --name fogbed-k TAR",
    ]


def test_docker_and_podman_are_asked_as_kind_can(asked):
    assert asked("docker") == ["kind load docker-image --name fogbed-k flink:2"]
    assert asked("podman")[1:] == [
        "podman save -o TAR flink:2",
        "kind load image-archive --name fogbed-k TAR",
    ]


def test_another_failure_stays_one(asked):
    with pytest.raises(KindFailed):
        asked("docker", "ERROR: no space left on device\n")
