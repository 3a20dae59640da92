"""Images from archives: names, what is taken in, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.clients import process
from fogbed.clients.ansible_events import PlaybookEvent
from fogbed.clients.images import Transfer, collect_images
from fogbed.clients.images.names import whole_name
from fogbed.clients.images.store import BlobStore
from fogbed.clients.progress import Quiet
from fogbed.errors import CommandError, UsageError

OCI = "application/vnd.oci.image"
LAYERS = (b"first layer" * 1000, b"second layer" * 500)


def digest(content):
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def configuration(layers=LAYERS, architecture="arm64"):
    rootfs = {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}
    return json.dumps({"architecture": architecture, "os": "linux", "rootfs": rootfs}).encode()


def write_tar(path, files, *, links=(), mode="w"):
    """Write {name: content} to a tar; ``links`` are (name, target)."""
    with tarfile.open(path, mode) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return path


def docker_files(layers=LAYERS, *, tags=("my-job:1",), architecture="arm64", **changed):
    config = configuration(layers, architecture)
    place = f"{digest(config).removeprefix('sha256:')}.json"
    names = [f"layer-{number}/layer.tar" for number in range(len(layers))]
    entry = {"Config": place, "RepoTags": list(tags) or None, "Layers": names}
    files = {
        **dict(zip(names, layers, strict=True)),
        place: config,
        "manifest.json": json.dumps([entry]).encode(),
    }
    return files | changed


class Blobs:
    """An OCI layout that is being written."""

    def __init__(self):
        self.files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def add(self, media_type, content):
        self.files[f"blobs/{digest(content).replace(':', '/')}"] = content
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    def manifest(self, architecture="arm64", layers=LAYERS, *, plain=False):
        kind = f"{OCI}.layer.v1.tar" if plain else f"{OCI}.layer.v1.tar+gzip"
        packed = [layer if plain else gzip.compress(layer, mtime=0) for layer in layers]
        document = {
            "schemaVersion": 2,
            "config": self.add(f"{OCI}.config.v1+json", configuration(layers, architecture)),
            "layers": [self.add(kind, layer) for layer in packed],
        }
        return self.add(f"{OCI}.manifest.v1+json", json.dumps(document).encode())

    def index(self, *manifests):
        document = {"schemaVersion": 2, "manifests": list(manifests)}
        return self.add(f"{OCI}.index.v1+json", json.dumps(document).encode())

    def named(self, target, **annotations):
        annotations = annotations or {"io.containerd.image.name": "docker.io/library/my-job:1"}
        annotations = {key.replace("__", "."): value for key, value in annotations.items()}
        top = {"schemaVersion": 2, "manifests": [{**target, "annotations": annotations}]}
        self.files["index.json"] = json.dumps(top).encode()
        return self.files


def on(architecture, descriptor):
    return {**descriptor, "platform": {"os": "linux", "architecture": architecture}}


def collect(tmp_path, *words, **options):
    return collect_images([str(word) for word in words], tmp_path / "store", Quiet(), **options)


def blobs_of(collected):
    """Every blob of a layout by digest; each has the digest that names it."""
    found = {
        f"sha256:{p.name}": p.read_bytes() for p in (collected.layout / "blobs/sha256").iterdir()
    }
    assert all(digest(content) == name for name, content in found.items())
    return found


def refused(tmp_path, files, **options):
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, write_tar(tmp_path / "bad.tar", files, **options))
    return caught.value


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_name", "whole"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("fogbed/job:1", "docker.io/fogbed/job:1"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
        ("localhost/job", "localhost/job:latest"),
        ("quay.io/a/b/c:x", "quay.io/a/b/c:x"),
        ("198.18.2.1:5000/job", "198.18.2.1:5000/job:latest"),
        ("lab:5000/job:2", "lab:5000/job:2"),
    ],
)
def test_a_name_is_made_whole_as_kubernetes_does(given_name, whole):
    assert whole_name(given_name) == whole


@pytest.mark.parametrize("name", ["", "UPPER", "a b", "job:", "job:a:b", "../x", "/x", "x/", "-x"])
def test_what_is_not_a_name_is_refused(name):
    with pytest.raises(UsageError, match="is not an image name"):
        whole_name(name)


def test_a_digest_is_not_a_name():
    with pytest.raises(UsageError, match="names a digest"):
        whole_name(f"busybox@sha256:{'0' * 64}")


@given(
    st.from_regex(
        r"[a-z0-9]+([-/][a-z0-9]+){0,4}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,20})?", fullmatch=True
    )
)
def test_a_whole_name_stays_as_it_is(name):
    assert whole_name(whole_name(name)) == whole_name(name)


# -- docker save -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_docker_archive_becomes_a_layout_with_packed_layers(tmp_path, mode):
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", docker_files(), mode=mode))
    blobs = blobs_of(found)
    index = json.loads((found.layout / "index.json").read_text())
    (target,) = index["manifests"]
    assert target["annotations"] == {"io.containerd.image.name": "docker.io/library/my-job:1"}
    assert found.images == {"docker.io/library/my-job:1": target["digest"]}
    manifest = json.loads(blobs[target["digest"]])
    assert blobs[manifest["config"]["digest"]] == configuration()
    layers = [gzip.decompress(blobs[layer["digest"]]) for layer in manifest["layers"]]
    assert tuple(layers) == LAYERS


def test_the_same_image_has_the_same_digest_whatever_the_archive_is_packed_with(tmp_path):
    first = collect(tmp_path / "1", write_tar(tmp_path / "a.tar", docker_files()))
    second = collect(tmp_path / "2", write_tar(tmp_path / "b.tgz", docker_files(), mode="w:gz"))
    assert first.images == second.images


def test_a_layer_that_is_packed_already_is_kept_as_it_is(tmp_path):
    packed = gzip.compress(LAYERS[0])
    files = docker_files() | {"layer-0/layer.tar": packed}
    assert packed in blobs_of(collect(tmp_path, write_tar(tmp_path / "a.tar", files))).values()


def test_a_layer_may_be_a_link_to_an_equal_one(tmp_path):
    files = docker_files((LAYERS[0], LAYERS[0]))
    del files["layer-1/layer.tar"]
    links = [("layer-1/layer.tar", "../layer-0/layer.tar")]
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", files, links=links))
    assert len(blobs_of(found)) == 3


def test_links_that_lead_in_a_circle_are_a_missing_layer(tmp_path):
    files = docker_files()
    del files["layer-1/layer.tar"]
    links = [("layer-1/layer.tar", "other"), ("layer-1/other", "layer.tar")]
    assert "layer-1/layer.tar is missing" in refused(tmp_path, files, links=links).message


def test_a_layer_that_was_changed_is_refused(tmp_path):
    changed = LAYERS[1].replace(b"second", b"sec0nd", 1)
    error = refused(tmp_path, docker_files() | {"layer-1/layer.tar": changed})
    assert "layer-1/layer.tar" in error.message
    assert "unpacks to" in error.message
    assert not list((tmp_path / "store").glob("incoming-*"))


def test_a_configuration_that_was_changed_is_refused(tmp_path):
    files = docker_files()
    place = next(name for name in files if name.endswith(".json") and name != "manifest.json")
    files[place] = files[place].replace(b"arm64", b"amd64")
    assert "which is not its name" in refused(tmp_path, files).message


def test_a_missing_layer_is_said(tmp_path):
    files = docker_files()
    del files["layer-0/layer.tar"]
    error = refused(tmp_path, files)
    assert "layer-0/layer.tar is missing" in error.message
    assert error.hint == "the archive is not complete: save the image again"


def test_fewer_layers_than_the_image_says_are_refused(tmp_path):
    files = docker_files()
    entry = json.loads(files["manifest.json"])
    entry[0]["Layers"].pop()
    files["manifest.json"] = json.dumps(entry).encode()
    assert "has 1 layers where its image says 2" in refused(tmp_path, files).message


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b"])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path, name):
    error = refused(tmp_path, docker_files() | {name: b"root::0:0"})
    assert "a name that leads out of it" in error.message


def test_a_link_that_leads_out_of_the_archive_leads_nowhere(tmp_path):
    outside = tmp_path / "secret"
    outside.write_bytes(LAYERS[0])
    files = docker_files()
    del files["layer-0/layer.tar"]
    error = refused(tmp_path, files, links=[("layer-0/layer.tar", str(outside))])
    assert "layer-0/layer.tar is missing" in error.message


def test_one_image_with_two_tags_is_two_names(tmp_path):
    files = docker_files(tags=("my-job:1", "my-job:latest"))
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", files))
    assert list(found.images) == ["docker.io/library/my-job:1", "docker.io/library/my-job:latest"]
    assert len(set(found.images.values())) == 1


def test_an_image_without_a_tag_needs_a_name(tmp_path):
    archive = write_tar(tmp_path / "a.tar", docker_files(tags=()))
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, archive)
    assert caught.value.hint == "give --name"
    assert list(collect(tmp_path, archive, name="job:2").images) == ["docker.io/library/job:2"]


def test_two_images_of_one_name_are_refused(tmp_path):
    one = write_tar(tmp_path / "1.tar", docker_files())
    two = write_tar(tmp_path / "2.tar", docker_files((b"other",)))
    with pytest.raises(UsageError, match="two different images are called"):
        collect(tmp_path, one, two)


# -- OCI -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_oci_archive_keeps_its_digest(tmp_path, mode):
    blobs = Blobs()
    target = blobs.manifest()
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", blobs.named(target), mode=mode))
    assert found.images == {"docker.io/library/my-job:1": target["digest"]}
    assert set(blobs_of(found)) == {
        name.removeprefix("blobs/").replace("/", ":") for name in blobs.files if "blobs" in name
    }


def test_an_index_keeps_its_digest_and_every_platform_that_is_whole(tmp_path):
    blobs = Blobs()
    here = [on(arch, blobs.manifest(arch)) for arch in ("arm64", "amd64")]
    pulled_nowhere = on("s390x", {**here[0], "digest": f"sha256:{'5' * 64}"})
    attestation = {**blobs.manifest("unknown"), "platform": {"os": "unknown", "architecture": ""}}
    target = blobs.index(pulled_nowhere, *here, attestation)
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", blobs.named(target)))
    assert found.images == {"docker.io/library/my-job:1": target["digest"]}
    assert {each["digest"] for each in here} < set(blobs_of(found))
    assert attestation["digest"] not in blobs_of(found)


def test_an_index_without_a_whole_platform_is_refused(tmp_path):
    blobs = Blobs()
    manifest = on("arm64", blobs.manifest())
    files = blobs.named(blobs.index(manifest))
    del files[f"blobs/{digest(gzip.compress(LAYERS[0], mtime=0)).replace(':', '/')}"]
    error = refused(tmp_path, files)
    assert "no platform of its image whole (it names: arm64)" in error.message
    assert "docker pull --platform" in error.hint


def test_a_blob_that_was_changed_is_refused(tmp_path):
    blobs = Blobs()
    files = blobs.named(blobs.manifest())
    layer = f"blobs/{digest(gzip.compress(LAYERS[1], mtime=0)).replace(':', '/')}"
    files[layer] = files[layer][:-1] + b"x"
    error = refused(tmp_path, files)
    assert layer in error.message
    assert error.hint.startswith("it is damaged, or somebody changed it")
    assert not list((tmp_path / "store").glob("incoming-*"))


def test_a_blob_that_is_missing_is_said(tmp_path):
    blobs = Blobs()
    files = blobs.named(blobs.manifest())
    layer = f"blobs/{digest(gzip.compress(LAYERS[1], mtime=0)).replace(':', '/')}"
    del files[layer]
    assert f"{layer} is missing" in refused(tmp_path, files).message


@pytest.mark.parametrize(
    "bad", [f"sha256:{'g' * 64}", "sha256:../../../../etc/passwd", "md5:00", 7, None]
)
def test_a_digest_that_is_none_is_refused(tmp_path, bad):
    blobs = Blobs()
    error = refused(tmp_path, blobs.named({**blobs.manifest(), "digest": bad}))
    assert "which is not a sha256 digest" in error.message


@pytest.mark.parametrize("size", [-1, "7", True, None])
def test_a_size_that_is_none_is_refused(tmp_path, size):
    blobs = Blobs()
    assert (
        "has a size of"
        in refused(tmp_path, blobs.named({**blobs.manifest(), "size": size})).message
    )


def test_a_reference_that_is_only_a_tag_is_not_a_name(tmp_path):
    blobs = Blobs()
    files = blobs.named(blobs.manifest(), org__opencontainers__image__ref__name="latest")
    assert refused(tmp_path, files).hint == "give --name"


def test_layers_that_docker_saved_unpacked_are_packed(tmp_path):
    blobs = Blobs()
    oci = blobs.named(blobs.manifest(plain=True))
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", oci | docker_files()))
    assert not set(LAYERS) & set(blobs_of(found).values())


# -- files that are none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a tar", "cannot be read as a tar"),
        (b"", "cannot be read as a tar"),
        (gzip.compress(b"nothing" * 400)[:40], "cannot be read as a tar"),
    ],
    # gzip writes the time down: a name made of the bytes would be another one in every session
    ids=["text", "nothing", "cut gzip"],
)
def test_a_file_that_is_no_tar_is_refused(tmp_path, content, message):
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        collect(tmp_path, path)


def test_a_zstd_file_says_how_to_unpack_it(tmp_path):
    path = tmp_path / "a.tar.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, path)
    assert caught.value.hint == f"unpack it first: zstd -d {path}"


def test_a_truncated_archive_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tgz", docker_files((os.urandom(100_000),)), mode="w:gz")
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(UsageError, match="cannot be read as a tar"):
        collect(tmp_path, path)


def test_a_tar_without_an_image_says_what_it_lacks(tmp_path):
    assert "neither index.json nor manifest.json" in refused(tmp_path, {"a": b"b"}).message


def test_a_sparse_file_is_refused(tmp_path):
    folder, path = tmp_path / "image", tmp_path / "a.tar"
    for name, content in docker_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with (folder / "layer-0/layer.tar").open("wb") as file:
        file.truncate(1 << 40)
    subprocess.run(["tar", "--sparse", "-cf", path, "-C", folder, "."], check=True)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UsageError, match="is a sparse file"):
        collect(tmp_path, path)


def test_a_tar_that_is_not_there_is_not_looked_for_in_an_engine(tmp_path):
    with pytest.raises(UsageError, match=r"gone\.tar is not there"):
        collect(tmp_path, tmp_path / "gone.tar")


# -- the store -------------------------------------------------------------------------------------


def test_what_the_store_has_is_not_written_again(tmp_path):
    archive = write_tar(tmp_path / "a.tar", docker_files())
    first = collect(tmp_path, archive)
    before = {p: p.stat().st_ino for p in (first.layout / "blobs/sha256").iterdir()}
    assert collect(tmp_path, archive) == first
    assert {p: p.stat().st_ino for p in (first.layout / "blobs/sha256").iterdir()} == before


@pytest.mark.parametrize("end", [b"", b"?"])
def test_a_blob_that_was_cut_short_or_changed_is_written_again(tmp_path, end):
    archive = write_tar(tmp_path / "a.tar", docker_files())
    first = collect(tmp_path, archive)
    for path in (first.layout / "blobs/sha256").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + end)
    blobs_of(collect(tmp_path, archive))


def test_what_nothing_asked_for_in_a_month_is_removed(tmp_path):
    store = BlobStore(tmp_path)
    old, new = store.add_document("x", b"old"), store.add_document("x", b"new")
    layout = store.layout({"docker.io/library/a:1": old})
    long_ago = time.time() - 40 * 86400
    for path in (store.path(old.digest), layout):
        os.utime(path, (long_ago, long_ago))
    store.prune()
    assert store.has(new)
    assert not store.has(old)
    assert not layout.exists()


# -- the engine ------------------------------------------------------------------------------------


@pytest.fixture
def engine(monkeypatch, tmp_path):
    """An engine with one image, that notes what it is asked."""
    saved = write_tar(tmp_path / "engine.tar", docker_files())
    asked = []

    def run(argv, **_):
        words = tuple(map(str, argv))
        asked.append(words[1:3])
        code, said = 0, "sha256:1234"
        if words[1] == "save":
            code = int(words[-1] == "unsaveable:1")
            if not code:
                saved.open("rb").close()
                with open(words[3], "wb") as target:  # noqa: PTH123 - as an engine would
                    target.write(saved.read_bytes())
        elif words[0] == "podman" or words[-1] == "nowhere:1":
            code, said = 1, "no such image"
        return process.Outcome(
            argv=words, returncode=code, stdout=said, stderr=said, duration_s=0.0
        )

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return asked


def test_an_image_of_the_engine_is_saved_once(tmp_path, engine):
    first = collect(tmp_path, "my-job:1")
    assert collect(tmp_path, "my-job:1") == first
    assert engine == [("image", "inspect"), ("save", "-o"), ("image", "inspect")]


def test_an_image_that_left_the_store_is_saved_again(tmp_path, engine):
    first = collect(tmp_path, "my-job:1")
    next(iter((first.layout / "blobs/sha256").iterdir())).unlink()
    collect(tmp_path, "my-job:1")
    assert engine.count(("save", "-o")) == 2


def test_an_image_that_no_engine_has_says_what_each_said(tmp_path, engine):
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, "nowhere:1")
    assert caught.value.details == "docker: no such image\npodman: no such image"
    assert "docker pull --platform linux/arm64 nowhere:1" in caught.value.hint
    assert ("save", "-o") not in engine


def test_an_engine_that_is_named_is_the_only_one_asked(tmp_path, engine):
    with pytest.raises(UsageError) as caught:
        collect(tmp_path, "my-job:1", engine="podman")
    assert caught.value.details == "podman: no such image"
    assert len(engine) == 1


@pytest.mark.usefixtures("engine")
def test_an_engine_that_cannot_save_is_an_error_with_its_words(tmp_path):
    with pytest.raises(CommandError) as caught:
        collect(tmp_path, "unsaveable:1")
    assert caught.value.message == "docker could not save unsaveable:1"


def test_without_an_engine_a_file_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UsageError, match="neither docker nor podman"):
        collect(tmp_path, "my-job:1")


# -- what was sent ---------------------------------------------------------------------------------


def test_a_transfer_counts_the_blobs_that_went_to_each_node(tmp_path):
    found = collect(tmp_path, write_tar(tmp_path / "a.tar", docker_files()))
    (target,) = found.images.values()
    transfer = Transfer(found)
    for host, kind, returned in [
        ("pi-1", "changed", {"changed": True, "blob": target}),
        ("pi-1", "changed", {"changed": True}),
        ("pi-2", "ok", {"blob": target}),
        ("", "task", {}),
    ]:
        transfer(PlaybookEvent(kind=kind, host=host, returned=returned))
    assert transfer.sent == {"pi-1": {target: found.size(target)}, "pi-2": {}}
    assert transfer.bytes_to("pi-2") == 0
