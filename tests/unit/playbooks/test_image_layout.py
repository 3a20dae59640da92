"""What a node lacks of a layout folder, and how an image gets its name: the role `images`, pure."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
import json
import tarfile
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
OCI = "application/vnd.oci.image"
NAME = "docker.io/library/job:1"
# What ctr 2.3.4 prints; the second image lacks a layer, the third is not unpacked.
CHECK = """\
REF                     TYPE                                       DIGEST     STATUS           SIZE              UNPACKED
docker.io/library/job:1 application/vnd.oci.image.manifest.v1+json sha256:aaa complete (2/2)   2.8 MiB/2.8 MiB   true
docker.io/library/b:1   application/vnd.oci.image.manifest.v1+json sha256:bbb incomplete (1/2) 1.0 MiB/2.8 MiB   false
docker.io/library/c:1   application/vnd.oci.image.manifest.v1+json sha256:ccc complete (2/2)   404.0 B/404.0 B   false
"""  # noqa: E501 - as wide as it is


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


layout_filters = load(PLAYBOOKS / "filter_plugins/image_layout.py")
naming = load(PLAYBOOKS / "library/containerd_images.py")


class Layout:
    """A layout folder that is being written."""

    def __init__(self, root):
        self.root = root
        (root / "blobs/sha256").mkdir(parents=True)

    def add(self, media_type, content):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        hexadecimal = hashlib.sha256(content).hexdigest()
        (self.root / "blobs/sha256" / hexadecimal).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{hexadecimal}", "size": len(content)}

    def manifest(self, architecture, *layers, **more):
        config = {"os": "linux", "architecture": architecture, **more}
        document = {
            "config": self.add(f"{OCI}.config.v1+json", config),
            "layers": [self.add(f"{OCI}.layer.v1.tar+gzip", gzip.compress(x)) for x in layers],
        }
        made = self.add(f"{OCI}.manifest.v1+json", document)
        return {**made, "platform": {"os": "linux", "architecture": architecture, **more}}

    def index(self, *manifests):
        return self.add(f"{OCI}.index.v1+json", {"manifests": manifests})

    def named(self, target):
        named = {**target, "annotations": {"io.containerd.image.name": NAME}}
        (self.root / "index.json").write_text(json.dumps({"manifests": [named]}))
        return str(self.root)


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def sizes(image):
    return [blob["size"] for blob in image["blobs"]]


def test_a_manifest_comes_after_all_that_it_names(layout):
    target = layout.manifest("arm64", b"one", b"two", b"one")
    (image,) = layout_filters.images_for(layout.named(target), "arm64")
    assert image["name"] == NAME
    assert image["digest"] == target["digest"]
    assert image["blobs"][-1] == {"digest": target["digest"], "size": target["size"]}
    assert len(image["blobs"]) == 4  # an equal layer goes once


def test_an_index_gives_each_node_its_own_platform(layout):
    arm, amd = layout.manifest("arm64", b"arm", variant="v8"), layout.manifest("amd64", b"amd")
    target = layout.index(amd, arm)
    for architecture, manifest in (("arm64", arm), ("amd64", amd)):
        (image,) = layout_filters.images_for(layout.named(target), architecture)
        assert [blob["digest"] for blob in image["blobs"]][-2:] == [
            manifest["digest"],
            target["digest"],
        ]
        assert image["offers"] == ["amd64", "arm64"]
        assert len(image["blobs"]) == 4


def test_a_platform_that_is_not_in_the_layout_is_not_offered(layout):
    arm, amd = layout.manifest("arm64", b"arm"), layout.manifest("amd64", b"amd")
    target = layout.index(amd, arm)
    (layout.root / "blobs" / amd["digest"].replace(":", "/")).unlink()
    (image,) = layout_filters.images_for(layout.named(target), "amd64")
    assert (image["blobs"], image["offers"]) == ([], ["arm64"])


def test_another_architecture_is_refused_with_the_way_out(layout):
    images = layout_filters.images_for(layout.named(layout.manifest("amd64", b"x")), "arm64")
    (refusal,) = layout_filters.images_refused(images, "arm64")
    assert refusal == (
        f"{NAME} is for amd64, and this node is arm64: get it with `docker pull --platform "
        f"linux/arm64 {NAME}`, or build it with `docker build --platform linux/arm64`; then push "
        "it again"
    )
    fit = layout_filters.images_for(str(layout.root), "amd64")
    assert layout_filters.images_refused(fit, "amd64") == []


def test_code_for_a_newer_processor_is_not_for_every_node(layout):
    target = layout.manifest("amd64", b"x", variant="v3")
    (image,) = layout_filters.images_for(layout.named(target), "amd64")
    assert image["blobs"] == []


@pytest.mark.parametrize("digest", ["sha256:../../../etc/passwd", "sha256:0; rm -rf /", "md5:00"])
def test_a_digest_that_is_none_is_refused(layout, digest):
    target = {**layout.manifest("arm64", b"x"), "digest": digest}
    with pytest.raises(AnsibleFilterError, match="is not a sha256 digest"):
        layout_filters.images_for(layout.named(target), "arm64")


def test_the_digest_of_a_layer_is_looked_at_too(layout):
    config = layout.add(f"{OCI}.config.v1+json", {"os": "linux", "architecture": "arm64"})
    document = {"config": config, "layers": [{"digest": "sha256:$(reboot)", "size": 1}]}
    target = layout.add(f"{OCI}.manifest.v1+json", document)
    with pytest.raises(AnsibleFilterError, match="is not a sha256 digest"):
        layout_filters.images_for(layout.named(target), "arm64")


def test_a_folder_that_is_no_layout_is_said(tmp_path):
    with pytest.raises(AnsibleFilterError, match="is not an OCI layout folder"):
        layout_filters.images_for(str(tmp_path), "arm64")


def test_only_what_is_complete_and_unpacked_is_usable():
    assert layout_filters.usable_images(CHECK) == {NAME: "sha256:aaa"}
    assert layout_filters.usable_images("REF TYPE DIGEST STATUS SIZE UNPACKED\n") == {}


def test_a_node_lacks_the_images_whose_digest_it_does_not_have():
    images = [{"name": NAME, "digest": digest} for digest in ("sha256:aaa", "sha256:new")]
    usable = layout_filters.usable_images(CHECK)
    assert layout_filters.images_lacking(images, usable) == images[1:]


def test_a_node_lacks_each_blob_once_that_it_does_not_have():
    one, two, three = (
        {"digest": name, "size": size} for name, size in (("1", 5), ("2", 7), ("3", 1))
    )
    images = [{"blobs": [one, two]}, {"blobs": [two, three]}]
    assert layout_filters.blobs_lacking(images, ["1"]) == [two, three]
    assert layout_filters.room_for_blobs([two, three]) == 3 * 8 + 7
    assert layout_filters.room_for_blobs([]) == 0


def test_an_image_is_named_by_its_tag_and_by_its_digest():
    names = naming.names_of("lab:5000/job:1", "sha256:aaa")
    assert names == ("lab:5000/job:1", "lab:5000/job@sha256:aaa")
    packed = naming.archive_of(names, {"mediaType": "x", "digest": "sha256:aaa", "size": 3})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["oci-layout", "index.json"]
        manifests = json.load(tar.extractfile("index.json"))["manifests"]
    assert [each["annotations"]["io.containerd.image.name"] for each in manifests] == list(names)
    assert {each["digest"] for each in manifests} == {"sha256:aaa"}


def test_an_image_is_usable_when_its_row_says_so():
    rows = naming.rows_of(CHECK)
    assert naming.is_usable(rows[NAME], "sha256:aaa")
    assert not naming.is_usable(rows[NAME], "sha256:bbb")
    assert not naming.is_usable(None, "sha256:bbb")
    assert not naming.is_usable(rows["docker.io/library/b:1"], "sha256:bbb")
    assert not naming.is_usable(rows["docker.io/library/c:1"], "sha256:ccc")
