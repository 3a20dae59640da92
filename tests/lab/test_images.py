"""Images to a real containerd: sent once, gone on with after a kill, refused when changed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from fogbed.cli import main

pytestmark = [pytest.mark.lab, pytest.mark.slow]

NUMBER = 46
LAYER_BYTES = 12_000_000
CHECKOUT = Path(__file__).parents[2]
CTR = "ctr -n k8s.io"
# containerd and crictl as Docker's and Kubernetes' repositories have them, with the CRI on
CONTAINERD = """
set -e
mirror=http://198.18.2.1:8080
keys=/etc/apt/keyrings
install -d $keys
curl -fsS $mirror/core:/stable:/v1.36/deb/Release.key | gpg --dearmor >$keys/kubernetes.gpg
curl -fsS $mirror/linux/debian/gpg | gpg --dearmor >$keys/docker.gpg
echo "deb [signed-by=$keys/kubernetes.gpg] $mirror/core:/stable:/v1.36/deb/ /" \
  >/etc/apt/sources.list.d/kubernetes.list
echo "deb [signed-by=$keys/docker.gpg] $mirror/linux/debian bookworm stable" \
  >/etc/apt/sources.list.d/docker.list
apt-get -q update
DEBIAN_FRONTEND=noninteractive apt-get -q install -y containerd.io cri-tools
echo 'version = 3' >/etc/containerd/config.toml
systemctl restart containerd
"""


@pytest.fixture(scope="module")
def node(lab):
    (machine,) = lab.fresh(NUMBER)
    machine.ssh(CONTAINERD)
    return machine


@pytest.fixture(scope="module")
def bed(lab, node):
    return lab.testbed("images", [node])


@pytest.fixture
def bare(node):
    """The node without any image or blob."""
    node.ssh(f"""
        {CTR} images rm --sync $({CTR} images ls -q) >/dev/null 2>&1
        for blob in $({CTR} content ls -q); do
            {CTR} content label $blob containerd.io/gc.root=
        done
        {CTR} content prune references >/dev/null 2>&1
    """)
    assert node.ssh(f"{CTR} content ls -q").split() == []
    return node


def layer():
    """A layer with one file that cannot be packed."""
    content = os.urandom(LAYER_BYTES)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(f"file-{content[:4].hex()}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def archive(tmp_path):
    """Write an image as `docker save` does; its layers are new in every test."""

    def write(name, *, architecture="amd64", layers=3):
        contents = [layer() for _ in range(layers)]
        ids = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents]
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/probe"]},
            "rootfs": {"type": "layers", "diff_ids": ids},
        }
        names = [f"{number}/layer.tar" for number in range(layers)]
        entry = {"Config": "config.json", "RepoTags": [name], "Layers": names}
        files = dict(zip(names, contents, strict=True))
        files["config.json"] = json.dumps(config).encode()
        files["manifest.json"] = json.dumps([entry]).encode()
        path = tmp_path / f"{name.replace(':', '-')}.tar"
        with tarfile.open(path, "w") as tar:
            for place, content in files.items():
                member = tarfile.TarInfo(place)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return path

    return write


@pytest.fixture
def fogbed(capsys, bed):
    """Run a command of `fogbed images` and return its code, its JSON and what it said."""

    def run(verb, *words):
        capsys.readouterr()
        code = main(["images", verb, *map(str, words), "-t", str(bed), "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out.strip() else None, err

    return run


def sent(answer):
    (only,) = answer["nodes"]
    return only["blobs"], only["bytes"]


def test_an_image_is_sent_once_and_complete(bare, archive, fogbed, record_property):
    path = archive("once:1")
    code, would, err = fogbed("push", path, "--dry-run")
    assert code == 0, err
    assert bare.ssh(f"{CTR} content ls -q").split() == []
    began = time.monotonic()
    code, answer, err = fogbed("push", path)
    first_s = time.monotonic() - began
    assert code == 0, err
    assert sent(answer) == sent(would)
    assert sent(answer)[0] == 5
    assert sent(answer)[1] > 2 * LAYER_BYTES
    digest = answer["images"]["docker.io/library/once:1"]
    row = bare.ssh(f"{CTR} images check name==docker.io/library/once:1").splitlines()[1].split()
    assert row[2] == digest
    assert row[3:5] == ["complete", "(4/4)"]
    assert row[-1] == "true"
    socket = "--runtime-endpoint unix:///run/containerd/containerd.sock"
    known = json.loads(bare.ssh(f"crictl {socket} inspecti docker.io/library/once@{digest}"))
    assert known["status"]["repoTags"] == ["docker.io/library/once:1"]
    began = time.monotonic()
    code, answer, err = fogbed("push", path)
    assert (code, sent(answer)) == (0, (0, 0)), err
    record_property("push_s", round(first_s, 1))
    record_property("again_s", round(time.monotonic() - began, 1))
    assert bare.ssh("ls -d /home/pi/.ansible/fogbed-images", check=False) == ""
    assert "gc.root" not in bare.ssh(f"{CTR} content ls")
    code, listed, _ = fogbed("list")
    (image,) = listed[0]["images"]
    assert image == {"name": "docker.io/library/once:1", "digest": digest, "is_usable": True}


def test_a_push_that_is_killed_goes_on_with_what_is_lacking(bare, archive, fogbed, bed):
    path = archive("killed:1", layers=5)
    argv = [sys.executable, "-m", "fogbed", "images", "push", str(path), "-t", str(bed)]
    pushing = subprocess.Popen(argv, cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not bare.ssh(f"{CTR} content ls -q 2>/dev/null").split():
        assert time.monotonic() < until
        assert pushing.poll() is None
    pushing.send_signal(signal.SIGKILL)
    pushing.wait()
    code, answer, err = fogbed("push", path)
    assert code == 0, err
    blobs, size = sent(answer)
    assert 0 < blobs < 7
    assert size < 4.9 * LAYER_BYTES
    code, listed, _ = fogbed("list")
    assert [image["is_usable"] for image in listed[0]["images"]] == [True]
    assert bare.ssh("ls -d /home/pi/.ansible/fogbed-images", check=False) == ""


def test_a_layer_that_two_images_share_is_sent_once(bare, archive, fogbed, tmp_path):
    first = archive("first:1")
    again = tmp_path / "again.tar"
    with tarfile.open(first) as old, tarfile.open(again, "w") as new:
        for member in old:
            content = old.extractfile(member).read().replace(b"first:1", b"again:1")
            content = content.replace(b"/probe", b"/again")
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    assert fogbed("push", first)[0] == 0
    _, answer, err = fogbed("push", again)
    assert sent(answer)[0] == 2, err  # the configuration and the manifest
    assert len(fogbed("list")[1][0]["images"]) == 2
    assert bare.ssh(f"{CTR} images check -q name==docker.io/library/again:1").split()


def test_an_image_for_another_processor_is_refused_before_anything_is_sent(bare, archive, fogbed):
    code, _, err = fogbed("push", archive("arm:1", architecture="arm64"))
    assert code == 1
    assert "docker.io/library/arm:1 is for arm64, and this node is amd64" in err
    assert "docker build --platform linux/amd64" in err
    assert bare.ssh(f"{CTR} content ls -q").split() == []


def test_a_blob_that_was_changed_is_refused_and_the_right_one_taken(
    bare, archive, fogbed, tmp_path
):
    path = archive("changed:1")
    layout = Path(fogbed("push", path, "--dry-run")[1]["layout"])
    copy = tmp_path / "layout"
    shutil.copytree(layout, copy)
    index = json.loads((copy / "index.json").read_bytes())
    manifest = copy / "blobs" / index["manifests"][0]["digest"].replace(":", "/")
    first = json.loads(manifest.read_bytes())["layers"][0]["digest"]
    victim = copy / "blobs" / first.replace(":", "/")
    content = bytearray(victim.read_bytes())
    content[1000] ^= 1
    victim.write_bytes(content)
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", Path(os.environ["XDG_STATE_HOME"], "fogbed/testbeds/images/hosts.yml")),
            *("playbooks/images.yml", "-e", f"images_layout={copy}"),
        ],
        cwd=CHECKOUT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert f"was sent as {first}: it was changed on its way" in done.stdout + done.stderr
    assert bare.ssh(f"{CTR} content ls -q").split() == []
    code, answer, err = fogbed("push", path)
    assert (code, sent(answer)[0]) == (0, 5), err
