"""``fogbed images``, as a user meets it; the nodes are played."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fogbed.cli import main
from fogbed.clients.ansible_events import PlaybookEvent
from fogbed.clients.process import Outcome
from fogbed.errors import PlatformError
from fogbed.platforms.pi import images as pi_images
from fogbed.platforms.pi.platform import PiPlatform
from fogbed.platforms.pi.playbook import PlaybookWish
from fogbed.platforms.pi.reach import Silence

NAME = "docker.io/library/my-job:1"
BED = """\
apiVersion: fogbed/v1
kind: Testbed
name: pico
platform: pi
ssh: {user: fog, key: ~/.ssh/id}
nodes:
  - {name: pico-0, address: 192.0.2.10, role: control-plane, tier: cloud}
  - {name: pico-1, address: 192.0.2.11, tier: edge}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_home: Path) -> Path:  # noqa: ARG001
    """A folder with a testbed of two nodes and an image in a tar."""
    monkeypatch.chdir(tmp_path)
    Path("testbed.yml").write_text(BED, "utf-8")
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
    return tmp_path


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, PlaybookWish]]:
    """Every node of the testbed but the first lacks the manifest; notes what is run."""
    asked: list[tuple[str, PlaybookWish]] = []

    def play(
        _: PiPlatform,
        name: str,
        watch: Callable[[PlaybookEvent], None],
        *,
        wish: PlaybookWish,
        variables: dict[str, str],
    ) -> None:
        asked.append((name, wish))
        index = json.loads(Path(variables["images_layout"], "index.json").read_bytes())
        digest = index["manifests"][0]["digest"]
        watch(PlaybookEvent(kind="ok", host="pico-0", task="Look into containerd"))
        watch(PlaybookEvent(kind="changed", host="pico-1", task=f"Send {digest}"))
        for host in ("pico-0", "pico-1"):
            watch(PlaybookEvent(kind="ok", host=host, task="Name the images"))

    monkeypatch.setattr(PiPlatform, "play", play)
    monkeypatch.setattr(pi_images, "silent_nodes", lambda *_: {})
    return asked


@pytest.mark.usefixtures("folder")
def test_a_push_says_what_each_node_got(
    plays: list[tuple[str, PlaybookWish]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["images", "push", "my-job.tar", "--json"]) == 0
    out, err = capsys.readouterr()
    answer = json.loads(out)
    digest = answer["images"][NAME]
    size = Path(answer["layout"], "blobs", digest.replace(":", "/")).stat().st_size
    assert answer["nodes"] == [
        {"name": "pico-0", "blobs": 0, "bytes": 0},
        {"name": "pico-1", "blobs": 1, "bytes": size},
    ]
    assert "pico-0: nothing sent after" in err
    assert "pico-1: 0.0 MB in 1 blob sent after" in err
    assert [(name, wish.check) for name, wish in plays] == [("images", False)]


@pytest.mark.usefixtures("folder")
def test_a_rehearsal_says_what_would_be_sent(
    plays: list[tuple[str, PlaybookWish]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["images", "push", "my-job.tar", "--dry-run", "--limit", "pico-0,pico-1"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith(f"{NAME} sha256:")
    assert "blobs to send" in out
    assert [(wish.check, wish.limit) for _, wish in plays] == [(True, ("pico-0", "pico-1"))]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("limit", ["", ","])
def test_an_empty_limit_is_refused_and_does_not_mean_all(
    plays: list[tuple[str, PlaybookWish]], limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["images", "push", "my-job.tar", "--limit", limit]) == 2
    assert "--limit is empty" in capsys.readouterr().err
    assert main(["down", "--yes", "--limit", limit]) == 2
    assert "--limit is empty" in capsys.readouterr().err
    assert plays == []


@pytest.mark.usefixtures("folder")
def test_a_node_that_fails_is_said_with_the_way_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def play(*_: object, **__: object) -> None:
        raise PlatformError("Send images failed on pico-1", details="pico-1: Send", hint="again")

    monkeypatch.setattr(PiPlatform, "play", play)
    monkeypatch.setattr(pi_images, "silent_nodes", lambda *_: {})
    assert main(["images", "push", "my-job.tar"]) == 1
    assert capsys.readouterr().err.endswith(
        "error: Send images failed on pico-1\npico-1: Send\nhint: again\n"
    )


@pytest.mark.usefixtures("folder", "plays")
@pytest.mark.usefixtures("folder")
def test_a_node_that_is_off_does_not_keep_the_others(
    plays: list[tuple[str, PlaybookWish]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    off = {"pico-1": Silence("pico-1 cannot be reached", "is it on?")}
    monkeypatch.setattr(pi_images, "silent_nodes", lambda *_: off)
    assert main(["images", "push", "my-job.tar"]) == 1
    assert [wish.limit for _, wish in plays] == [("pico-0",)]
    assert capsys.readouterr().err.endswith(
        "error: pico-1 did not answer and got no image; done: pico-0\n"
        "pico-1 cannot be reached; is it on?\n"
        "hint: give the command again when it answers: what a node has is not sent again\n"
    )


def test_a_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", "push", "gone.tar"]) == 2
    assert capsys.readouterr().err == (
        "error: gone.tar is not there\nhint: give a tar file, or the name of an image\n"
    )


@pytest.mark.usefixtures("fresh_home")
def test_a_laptop_needs_no_push(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["images", "push", "my-job:1", "-t", "laptop"]) == 1
    assert "error: " in capsys.readouterr().err


class _Node:
    """A channel to a node that answers; the second one is down."""

    def __init__(self, node: str) -> None:
        self._node = node

    def run(self, argv: tuple[str, ...], **_: object) -> Outcome:
        down = self._node == "pico-1"
        listing = (
            "REF TYPE DIGEST STATUS SIZE UNPACKED\n"
            f"{NAME} t sha256:a complete (2/2) 1.0 MiB/1.0 MiB true\n"
            "docker.io/library/b:1 t sha256:b incomplete (1/2) 1.0 MiB/2.0 MiB false\n"
        )
        return Outcome(
            argv=argv,
            returncode=255 if down else 0,
            stdout="" if down else listing,
            stderr="ssh: connect to host 192.0.2.11 port 22: No route to host" if down else "",
            duration_s=0.0,
        )


@pytest.mark.usefixtures("folder")
def test_images_are_listed_by_node_and_a_silent_node_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pi_images.ssh, "channel", lambda _, node, **__: _Node(node))
    assert main(["images", "list", "--json"]) == 1
    out, err = capsys.readouterr()
    first, second = json.loads(out)
    assert [(each["name"], each["is_usable"]) for each in first["images"]] == [
        (NAME, True),
        ("docker.io/library/b:1", False),
    ]
    assert (second["node"], second["images"]) == ("pico-1", [])
    assert "error: pico-1 did not say which images are there" in err
    assert main(["images", "list"]) == 1
    assert "NO: push it again" in capsys.readouterr().out
