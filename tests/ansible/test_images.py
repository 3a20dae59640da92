"""``fogbed images`` as a user meets it: real Ansible; only SSH and the machines are played."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from fogbed.cli import main
from tests.ansible.machines import TESTBED

# the longest runs two playbooks, and a busy machine is no fault
pytestmark = pytest.mark.timeout(600)
NAME = "docker.io/library/my-job:1"
ADDRESSES = {"pico-0": "192.0.2.10", "pico-1": "192.0.2.11"}


@pytest.fixture(autouse=True)
def _folder(fresh_home, monkeypatch):
    """A folder with a testbed of two nodes and an image in a tar."""
    monkeypatch.chdir(fresh_home)
    Path("testbed.yml").write_text(TESTBED, "utf-8")
    layer = b"a layer" * 1000
    diff_id = f"sha256:{hashlib.sha256(layer).hexdigest()}"
    config = {"architecture": "arm64", "os": "linux", "rootfs": {"diff_ids": [diff_id]}}
    entry = {"Config": "c.json", "RepoTags": ["my-job:1"], "Layers": ["layer.tar"]}
    files = {
        "layer.tar": layer,
        "c.json": json.dumps(config).encode(),
        "manifest.json": json.dumps([entry]).encode(),
    }
    with tarfile.open("my-job.tar", "w") as tar:
        for place, content in files.items():
            member = tarfile.TarInfo(place)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def blobs(machine):
    """What the containerd of a machine has, where Kubernetes looks."""
    return sorted(machine.glob("containerd/k8s.io/blobs/*"))


def told(capsys, *words):
    """Run a command that answers in JSON; return its code, the answer, and what it said."""
    capsys.readouterr()
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_a_rehearsal_says_what_would_be_sent_and_sends_nothing(machines, capsys):
    nodes = [machines.switch_on(address) for address in ADDRESSES.values()]
    assert main(["images", "push", "my-job.tar", "--dry-run", "--limit", "pico-1"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{NAME} sha256:")
    assert "blobs to send" in out
    assert re.findall(r"(pico-\d)\W+(\d)", out) == [("pico-1", "3")]
    assert "pico-1: 0.0 MB in 3 blobs to send after" in err
    assert not any("192.0.2.10" in call for call in machines.calls())
    assert [blobs(node) for node in nodes] == [[], []]


def test_a_node_that_was_off_gets_the_rest_and_what_was_sent_is_listed(machines, capsys):
    first = machines.switch_on(ADDRESSES["pico-0"])
    assert main(["images", "push", "my-job.tar"]) == 1
    assert capsys.readouterr().err.endswith(
        "error: pico-1 did not answer and got no image; done: pico-0\n"
        "pico-1 cannot be reached; is it on, and is its address right?\n"
        "hint: give the command again when it answers: what a node has is not sent again\n"
    )
    sizes = [blob.stat().st_size for blob in blobs(first)]
    assert len(sizes) == 3

    second = machines.switch_on(ADDRESSES["pico-1"])
    code, answer, err = told(capsys, "images", "push", "my-job.tar")
    assert code == 0, err
    assert answer["nodes"] == [
        {"name": "pico-0", "blobs": 0, "bytes": 0},
        {"name": "pico-1", "blobs": 3, "bytes": sum(sizes)},
    ]
    assert "pico-0: nothing sent after" in err
    assert "pico-1: 0.0 MB in 3 blobs sent after" in err
    layout = Path(answer["layout"], "blobs/sha256")
    for blob in blobs(second):
        assert blob.read_bytes() == (layout / blob.name.removeprefix("sha256:")).read_bytes()
    assert [blob.name for blob in blobs(second)] == [blob.name for blob in blobs(first)]
    # no blob waits in anybody's home any more
    assert [*second.glob("home/.ansible/fogbed-images"), *second.glob("root/*")] == []

    (second / "containerd/k8s.io/blobs" / layer_of(answer)).unlink()
    code, listed, err = told(capsys, "images", "list")
    assert code == 0, err
    image = {"name": NAME, "digest": answer["images"][NAME]}
    assert listed == [
        {"node": "pico-0", "images": [image | {"is_usable": True}], "problem": ""},
        {"node": "pico-1", "images": [image | {"is_usable": False}], "problem": ""},
    ]
    assert main(["images", "list"]) == 0
    assert "NO: push it again" in capsys.readouterr().out

    machines.switch_off(ADDRESSES["pico-1"])
    code, listed, err = told(capsys, "images", "list")
    assert code == 1
    assert [each["images"] for each in listed] == [[image | {"is_usable": True}], []]
    assert "error: pico-1 did not say which images are there" in err
    assert "pico-1: pico-1 cannot be reached" in err


def layer_of(answer):
    """The digest of the layer of the only image."""
    digest = answer["images"][NAME].replace(":", "/")
    manifest = json.loads(Path(answer["layout"], "blobs", digest).read_bytes())
    return manifest["layers"][0]["digest"]


def test_a_node_that_fails_is_said_with_the_way_on_and_no_node_gets_anything(machines, capsys):
    nodes = [machines.switch_on(address) for address in ADDRESSES.values()]
    (nodes[1] / "bin/ctr").unlink()
    assert main(["images", "push", "my-job.tar"]) == 1
    err = capsys.readouterr().err
    assert (
        "error: What the nodes lack failed on pico-1\n"
        "pico-1: Look into containerd\n"
        "  There is no ctr on this node: `fogbed up` installs it.\n"
        "hint: mend it, then give the command again"
    ) in err
    assert blobs(nodes[0]) == []


def test_a_containerd_that_does_not_answer_is_said_in_its_own_words(machines, capsys):
    node = machines.switch_on(ADDRESSES["pico-0"])
    (node / "bin/ctr").write_text(
        "#!/bin/sh\necho a warning >&2\necho 'ctr: connection refused' >&2\nexit 1\n", "utf-8"
    )
    assert main(["images", "push", "my-job.tar", "--limit", "pico-0"]) == 1
    assert (
        "pico-0: Look into containerd\n"
        "  containerd does not answer on this node: ctr: connection refused. "
        "`systemctl status containerd` says more; `fogbed up` installs and starts it.\n"
    ) in capsys.readouterr().err


def test_a_damaged_image_of_somebody_else_is_no_silence(machines, capsys):
    node = machines.switch_on(ADDRESSES["pico-0"])
    (node / "bin/ctr").rename(node / "bin/ctr-whole")
    (node / "bin/ctr").write_text(
        '#!/bin/sh\nctr-whole "$@" || exit\n'
        'case "$*" in *"images check") echo REF TYPE DIGEST STATUS SIZE UNPACKED; exit 1;; esac\n',
        "utf-8",
    )
    (node / "bin/ctr").chmod(0o755)
    assert main(["images", "push", "my-job.tar", "--limit", "pico-0", "--dry-run"]) == 0
    assert "pico-0: 0.0 MB in 3 blobs to send after" in capsys.readouterr().err
