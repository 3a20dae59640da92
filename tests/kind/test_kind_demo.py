"""The demo on a kind cluster, as a person runs it: up, the experiment, down, and nothing left.

``make test-kind``. Of a machine that is not like others, the environment says: KIND_NODE_IMAGE (a
node image), FOGBED_TEST_REGISTRIES (mirrors: ``docker.io=http://mirror.lab:5000,quay.io=...``) and
FOGBED_TEST_KUBERNETES (keys of ``kubernetes:``, as in ``pod_cidr=198.19.0.0/17``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

CHECKOUT = Path(__file__).parents[2]
# In the checkout, not in the session's own home: CI keeps it when a test fails.
KEPT = CHECKOUT / "build" / "kind"
NAME = f"demo-{os.getpid()}"
# a Kubernetes from nothing, its images from a registry, and an experiment
pytestmark = [pytest.mark.kind, pytest.mark.timeout(2700)]


def pairs(variable):
    """Return what a variable gives as ``name=value,name=value``."""
    words = filter(None, os.environ.get(variable, "").split(","))
    return dict(word.split("=", 1) for word in words)


def docker(*words):
    """Return the lines that docker prints."""
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def nodes():
    """Return the containers of this test's cluster; others may come and go meanwhile."""
    cluster = f"label=io.x-k8s.kind.cluster=fogbed-{NAME}"
    return docker("ps", "--all", "--quiet", "--filter", cluster)


def volumes_of(containers):
    """Return the engine's volumes in which containers keep their files."""
    each = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
    return docker("inspect", "--format", each, *containers)


def files_below(*folders):
    """Return every file that has this testbed in its path."""
    found = (path for folder in folders for path in folder.rglob("*"))
    return sorted(str(path) for path in found if NAME in str(path))


class Person:
    """Who gives commands in a folder, with a home of their own."""

    def __init__(self, folder, environment):
        self.folder, self.environment = folder, environment

    def fogbed(self, *words):
        """Run a command to its end; what it says goes to the terminal and into a log."""
        with (self.folder / "commands.log").open("a", encoding="utf-8") as log:
            log.write(f"$ fogbed {' '.join(words)}\n")
            log.flush()
            done = subprocess.run(
                [sys.executable, "-m", "fogbed", *words],
                check=False,
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return done.returncode

    def last_json(self):
        """Return what the last command printed, if that is one JSON object."""
        text = (self.folder / "commands.log").read_text(encoding="utf-8")
        return json.loads(text[text.rindex("\n{") :])

    def told(self):
        """Return what the commands said, for a failure."""
        return (self.folder / "commands.log").read_text(encoding="utf-8")[-6000:]


@pytest.fixture
def person(tmp_path_factory):
    data = KEPT / "data"
    for old in KEPT.glob("*"):
        if old != data:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for each in ("work", "state", "cache", "home", "data"):
        (KEPT / each).mkdir(parents=True, exist_ok=True)
    own = {
        "HOME": KEPT / "home",
        "XDG_STATE_HOME": KEPT / "state",
        "XDG_CACHE_HOME": KEPT / "cache",
        "XDG_DATA_HOME": data,
        # a kubeconfig of the person's own, which must stay as it is
        "KUBECONFIG": KEPT / "home" / "kubeconfig",
        "XDG_RUNTIME_DIR": tmp_path_factory.mktemp("run"),
    }
    return Person(KEPT / "work", os.environ | {name: str(path) for name, path in own.items()})


@pytest.fixture
def testbed(person):
    """The shipped testbed, under a name of this test's and with what this machine needs."""
    yaml = YAML()
    spec = yaml.load((CHECKOUT / "inventory" / "kind.yml").read_text(encoding="utf-8"))
    spec["name"] = NAME
    if mirrors := pairs("FOGBED_TEST_REGISTRIES"):
        spec.setdefault("sources", {})["registries"] = mirrors
    kubernetes = pairs("FOGBED_TEST_KUBERNETES")
    if image := os.environ.get("KIND_NODE_IMAGE"):
        kubernetes["image"] = image
    if kubernetes:
        spec.setdefault("kubernetes", {}).update(kubernetes)
    path = person.folder / "kind.yml"
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(spec, file)
    return str(path)


@pytest.fixture
def _nothing_stays(person, testbed):
    """The cluster is taken away whatever happens, its logs kept."""
    yield
    if nodes():
        logs = ["kind", "export", "logs", str(KEPT / "logs"), "--name", f"fogbed-{NAME}"]
        subprocess.run(logs, check=False, capture_output=True)
        person.fogbed("down", "-t", testbed, "--yes")


# a run that came to its end: all assertions hold, or one does not
COMPLETE = (0, 3)
OF_SPEED = ("rides_in_per_s", "latency_p50_ms")


@pytest.mark.usefixtures("_nothing_stays")
def test_the_demo_passes_on_kind_and_leaves_nothing(person, testbed):
    assert person.fogbed("up", "-t", testbed) == 0, person.told()
    volumes = volumes_of(nodes())
    assert volumes
    assert person.fogbed("status", "-t", testbed) == 0, person.told()
    # as it is on the laptop: with its own profile, shaped by the nodes themselves
    demo = str(CHECKOUT / "experiments" / "demo.yml")
    assert person.fogbed("experiment", "run", demo, "-t", testbed) in COMPLETE, person.told()
    (bundle,) = (person.folder / "runs").iterdir()
    assert (bundle / "report.html").is_file()
    verdict = json.loads((bundle / "verdict.json").read_text(encoding="utf-8"))
    wrong = [each["title"] for each in verdict["assertions"] if each["ok"] is False]
    # how fast it was is for whoever reads the report: a busy machine is slow, and loses nothing
    assert not [title for title in wrong if not title.startswith(OF_SPEED)], person.told()
    # nothing shapes any more, as the nodes themselves say
    assert person.fogbed("network", "show", "-t", testbed, "--json") == 0
    assert set(person.last_json()["emulators"].values()) == {""}, person.told()
    assert person.fogbed("down", "-t", testbed, "--yes") == 0, person.told()
    assert not nodes()
    assert not volumes & docker("volume", "ls", "--quiet")
    assert not (KEPT / "home" / "kubeconfig").exists()
    assert files_below(KEPT / "state", KEPT / "cache", KEPT / "home") == []
