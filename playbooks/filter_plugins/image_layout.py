"""What an OCI layout folder offers a node, and what the node lacks of it.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ansible.errors import AnsibleFilterError

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What containerd on such a node runs without being asked for a variant.
_VARIANTS = {"amd64": ("", "v1"), "arm64": ("", "v8")}
_NAME = "io.containerd.image.name"


def images_for(layout: str, architecture: str) -> list[dict]:
    """Return the images of a layout folder as a node of this architecture needs them.

    Each has `name`, `digest`, `size` and `media_type` of what the name stands for (a manifest or an
    index), `blobs` in the order in which a node takes them, and `offers`: the architectures there
    are. `blobs` is empty where none of them fits.
    """
    try:
        index = json.loads(Path(layout, "index.json").read_bytes())
        return [_image(Path(layout), target, architecture) for target in index["manifests"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AnsibleFilterError(f"{layout} is not an OCI layout folder: {error!r}") from error


def _image(layout: Path, target: dict, architecture: str) -> dict:
    manifests = _manifests(layout, target)
    chosen = next((m for m, offer in manifests if _fits(offer, architecture)), None)
    blobs = []
    if chosen is not None:
        content = _read(layout, chosen)
        # A node that has the manifest has all that it names, so it comes after them.
        blobs = [*content["layers"], content["config"], chosen]
        blobs += [target] if target["digest"] != chosen["digest"] else []
    return {
        "name": target["annotations"][_NAME],
        "digest": target["digest"],
        "size": target["size"],
        "media_type": target["mediaType"],
        "offers": sorted({offer["architecture"] for _, offer in manifests}),
        "blobs": [{"digest": _digest(b), "size": int(b["size"])} for b in _once(blobs)],
    }


def _manifests(layout: Path, target: dict) -> list[tuple[dict, dict]]:
    """Return the manifests under a target that are here, each with its platform."""
    content = _read(layout, target)
    if target["mediaType"] not in _INDEXES:
        return [(target, _read(layout, content["config"]))]
    return [
        (each, each["platform"])
        for each in content["manifests"]
        if each.get("platform", {}).get("os") == "linux" and _blob(layout, each).exists()
    ]


def _fits(offer: dict, architecture: str) -> bool:
    variants = _VARIANTS.get(architecture, ("",))
    return offer["architecture"] == architecture and offer.get("variant", "") in variants


def _once(blobs: list[dict]) -> list[dict]:
    return list({blob["digest"]: blob for blob in blobs}.values())


def _digest(descriptor: dict) -> str:
    digest = descriptor["digest"]
    # It becomes a path here and a word of a command on the node.
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest} is not a sha256 digest")
    return digest


def _blob(layout: Path, descriptor: dict) -> Path:
    return layout.joinpath("blobs", *_digest(descriptor).split(":"))


def _read(layout: Path, descriptor: dict) -> dict:
    return json.loads(_blob(layout, descriptor).read_bytes())


def usable_images(check: str) -> dict[str, str]:
    """Return {name: digest} of the images that `ctr images check` calls complete and unpacked."""
    rows = (line.split() for line in check.splitlines()[1:])
    # STATUS is two words ("complete (5/5)"), SIZE at least two: the last column is told from the
    # end.
    return {row[0]: row[2] for row in rows if row[3:4] == ["complete"] and row[-1] == "true"}


def images_lacking(images: list[dict], usable: dict[str, str]) -> list[dict]:
    """Return the images that a node does not have under their name with their digest."""
    return [image for image in images if usable.get(image["name"]) != image["digest"]]


def blobs_lacking(images: list[dict], present: list[str]) -> list[dict]:
    """Return the blobs of images, each once, that are not among the digests present."""
    blobs = _once([blob for image in images for blob in image["blobs"]])
    return [blob for blob in blobs if blob["digest"] not in set(present)]


def images_refused(images: list[dict], architecture: str) -> list[str]:
    """Return what to tell the user of each image that has nothing for this architecture."""
    way = f"--platform linux/{architecture}"
    return [
        f"{image['name']} is for {' and '.join(image['offers']) or 'another system'}, and this "
        f"node is {architecture}: get it with `docker pull {way} {image['name']}`, or build it "
        f"with `docker build {way}`; then push it again"
        for image in images
        if not image["blobs"]
    ]


def room_for_blobs(blobs: list[dict]) -> int:
    """Return how many bytes blobs take at most while they come in.

    Each is stored as it is and unpacked to about twice its size; the largest waits beside it.
    """
    sizes = [blob["size"] for blob in blobs]
    return 3 * sum(sizes) + max(sizes, default=0)


class FilterModule:
    """The filters of the role `images`."""

    def filters(self) -> dict:
        """Return them by name."""
        return {
            "images_for": images_for,
            "usable_images": usable_images,
            "images_refused": images_refused,
            "room_for_blobs": room_for_blobs,
            "images_lacking": images_lacking,
            "blobs_lacking": blobs_lacking,
        }
