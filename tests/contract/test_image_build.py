"""``fogbed images build`` with an engine that is a script: what it is sent, what it may answer."""

from __future__ import annotations

import os
import sys
import tarfile

import pytest

from fogbed import __version__
from fogbed.cli import main
from fogbed.clients.channel import Channel
from fogbed.clients.images.build import (
    BuildOrder,
    build,
    fetch_image,
    push_image,
    workshop_here,
    workshop_on,
)
from fogbed.clients.images.context import BuildContext, ContextFile, recipe_files
from fogbed.clients.progress import Quiet
from fogbed.errors import CommandError

# Takes a context from stdin as Docker Engine does, and keeps what it was asked.
ENGINE = f"""#!/bin/sh
'''exec' "{sys.executable}" "$0" "$@"
' '''
import pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "asked").open("a") as asked:
    print(*sys.argv[1:], file=asked)
verb = sys.argv[1]
if verb == "build":
    refusal = here / "refusal"
    if refusal.exists():
        sys.exit(refusal.read_text())
    for line in range(3000):
        print("Step", line, "of a talkative engine", "." * 60)
    (here / "context.tar").write_bytes(sys.stdin.buffer.read())
if verb == "image":
    print("arm64")
if verb == "save":
    sys.stdout.buffer.write(bytes(range(256)) * 8192)
"""


@pytest.fixture
def engine(tmp_path):
    path = tmp_path / "docker"
    path.write_text(ENGINE, encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def order():
    context = BuildContext(image="agent", version="1", files=tuple(recipe_files("agent")))
    return BuildOrder(name="localhost/fogbed/agent:1", context=context)


def workshops(engine):
    # what follows a node's prefix is read by a login shell
    node = Channel("pi-1", ("sh", "-c"), is_shell=True)
    return [workshop_here(str(engine)), workshop_on(node, str(engine))]


@pytest.mark.parametrize("place", [0, 1], ids=["here", "on a node"])
def test_the_engine_gets_the_context_whole_and_the_architecture_is_its_own(place, engine, order):
    assert build(order, workshops(engine)[place], Quiet()) == "arm64"
    with tarfile.open(engine.with_name("context.tar")) as tar:
        assert tar.getnames() == [file.name for file in order.context.files]
    asked = engine.with_name("asked").read_text(encoding="utf-8").splitlines()
    assert asked[0] == "build --tag localhost/fogbed/agent:1 -"


@pytest.mark.parametrize(
    ("said", "way_out"),
    [
        ("Cannot connect to the Docker daemon at unix:///x", "may you use it"),
        ("pull access denied for debian", "--base IMAGE"),
        ("dial tcp: lookup registry-1.docker.io on 1.1.1.1: no such host", "--base IMAGE"),
        ("E: Unable to locate package openjdk-17-jre-headless", "Java 17"),
    ],
)
def test_a_refusal_is_told_with_the_way_out(said, way_out, engine, order):
    engine.with_name("refusal").write_text(said, encoding="utf-8")
    # more than a pipe holds: the engine has gone before all of it is sent
    bulk = engine.with_name("bulk")
    bulk.write_bytes(os.urandom(1 << 20))
    files = (*order.context.files, ContextFile(name="bulk", source=bulk))
    big = BuildOrder(name=order.name, context=BuildContext(image="agent", version="1", files=files))
    for workshop in workshops(engine):
        with pytest.raises(CommandError) as refused:
            build(big, workshop, Quiet())
        assert said in refused.value.details
        assert way_out in refused.value.hint


def test_an_image_is_fetched_from_a_node_byte_by_byte(engine, tmp_path):
    saved = tmp_path / "image.tar"
    fetch_image("a:1", workshops(engine)[1], saved, Quiet())
    assert saved.read_bytes() == bytes(range(256)) * 8192


def test_a_registry_knows_it_without_this_computers_name(engine):
    there = push_image("localhost/fogbed/agent:1", "mirror.lab:5000", workshops(engine)[0], Quiet())
    assert there == "mirror.lab:5000/fogbed/agent:1"
    asked = engine.with_name("asked").read_text(encoding="utf-8").splitlines()
    assert asked == [f"tag localhost/fogbed/agent:1 {there}", f"push {there}"]


# -- the command -----------------------------------------------------------------------------------


def test_it_stays_with_this_computers_engine_where_nobody_is_named(engine, fresh_home, capsys):
    assert fresh_home
    assert main(["images", "build", "agent", "--engine", str(engine)]) == 0
    assert capsys.readouterr().out == f"localhost/fogbed/agent:{__version__} arm64\n"


def test_a_dry_run_asks_no_engine(engine, fresh_home, capsys):
    assert fresh_home
    assert main(["images", "build", "agent", "--engine", str(engine), "--dry-run"]) == 0
    assert "with " in capsys.readouterr().err
    assert not engine.with_name("asked").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("agent", "--engine", "no-such"), "no-such is not on this computer"),
        (("agent", "--context", "."), "leave --context away"),
        (("flink", "--context", "gone"), "gone is not a folder"),
        (("agent", "-t", "laptop"), "this is for platform pi"),
        (("agent", "--tag", "Not A Name"), "is not an image name"),
        (("agent", "-t", "pico", "--on", "nobody"), "nobody"),
    ],
)
def test_what_cannot_be_is_refused(words, told, engine, fresh_home, monkeypatch, capsys):
    monkeypatch.chdir(fresh_home)
    words = words if "--engine" in words else (*words, "--engine", str(engine))
    assert main(["images", "build", *words]) == 2
    assert told in capsys.readouterr().err
    assert not engine.with_name("asked").exists()
