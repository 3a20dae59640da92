#!/usr/bin/python
"""Gives blobs that containerd holds already their names: images that Kubernetes finds."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Sequence

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: containerd_images
short_description: Name images whose blobs containerd holds already
description:
  - Registers images by their manifest or index, unpacks them for this node, and verifies them.
  - Nothing is transferred. A blob that is missing is an error.
  - Then the blobs are left to the garbage collector, which spares what an image refers to.
options:
  images:
    description: Images with C(name), C(digest), C(size) and C(media_type) of what it stands for.
    type: list
    elements: dict
    required: true
  namespace: {description: The namespace of containerd., type: str, default: k8s.io}
author: [fogbed]
"""

EXAMPLES = r"""
- name: Name the image
  containerd_images:
    images:
      - name: docker.io/library/busybox:1
        digest: sha256:558d3ba2895b02760670a718ada9e2bb3e92b54bd9077a969da5e804dca776a2
        size: 423
        media_type: application/vnd.oci.image.manifest.v1+json
"""

RETURN = r"""
named: {description: Names that stand for something new., type: list, returned: success}
released: {description: Blobs left to the collector., type: list, returned: when not in check mode}
"""

_ARGUMENTS = {
    "images": {"type": "list", "elements": "dict", "required": True},
    "namespace": {"type": "str", "default": "k8s.io"},
}
_KEPT = 'labels."containerd.io/gc.root"==fogbed'
Ctr = Callable[..., subprocess.CompletedProcess]


def names_of(name: str, digest: str) -> tuple[str, str]:
    """Return the two names of an image: by tag, and by digest for whoever pins it."""
    repository = name.rpartition(":")[0]
    return name, f"{repository}@{digest}"


def archive_of(names: Sequence[str], target: dict) -> bytes:
    """Return a tar with names and no blobs: ctr takes what it lacks from the content store."""
    manifests = [{**target, "annotations": {"io.containerd.image.name": name}} for name in names]
    files = {
        "oci-layout": {"imageLayoutVersion": "1.0.0"},
        "index.json": {"schemaVersion": 2, "manifests": manifests},
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            text = json.dumps(content).encode()
            member = tarfile.TarInfo(path)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return packed.getvalue()


def rows_of(listing: str) -> dict[str, list[str]]:
    """Return the rows of `ctr images check` by name."""
    return {row[0]: row for row in map(str.split, listing.splitlines()[1:]) if row[3:]}


def is_usable(row: list[str] | None, digest: str) -> bool:
    """Say whether a row of `ctr images check` has this digest, every blob, and is unpacked."""
    return bool(row) and row[2] == digest and row[3] == "complete" and row[-1] == "true"


def look(ctr: Ctr, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the rows of these images."""
    listing = ctr("images", "check", *(f'name=="{name}"' for name in names))
    return rows_of(listing.stdout.decode(errors="replace"))


def give_names(ctr: Ctr, image: dict) -> tuple[str, str]:
    """Register an image under its names; return what went wrong, or "", and all that was said."""
    names = names_of(image["name"], image["digest"])
    target = {"mediaType": image["media_type"], "digest": image["digest"]}
    packed = archive_of(names, {**target, "size": int(image["size"])})
    done = ctr("images", "import", "-", stdin=packed)
    said = done.stderr.decode(errors="replace").strip()
    found = look(ctr, names)
    for name in names:
        if done.returncode != 0 or not is_usable(found.get(name), image["digest"]):
            row = " ".join(found.get(name, [name, "is not there"]))
            reason = said.splitlines()[-1] if done.returncode != 0 and said else row
            return f"containerd did not make {name} usable: {reason}", f"{said}\n{row}"
    # By this `fogbed images list` tells what was pushed from what was pulled.
    ctr("images", "label", image["name"], "fogbed.io/pushed=true")
    return "", said


def release(ctr: Ctr) -> list[str]:
    """Leave the blobs that were kept to the garbage collector, and return their digests."""
    kept = ctr("content", "list", "--quiet", _KEPT).stdout.decode().split()
    for digest in kept:
        ctr("content", "label", digest, "containerd.io/gc.root=")
    return kept


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    images = module.params["images"]

    def ctr(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        argv = ["ctr", "--namespace", module.params["namespace"], *words]
        return subprocess.run(argv, input=stdin, capture_output=True, check=False)

    digests = {n: i["digest"] for i in images for n in names_of(i["name"], i["digest"])}
    found = look(ctr, list(digests))
    new = [name for name, digest in digests.items() if not is_usable(found.get(name), digest)]
    result = {
        "changed": bool(new),
        "named": new,
        "diff": {
            "before": "".join(f"{name} {found[name][2]}\n" for name in new if name in found),
            "after": "".join(f"{name} {digests[name]}\n" for name in new),
        },
    }
    if module.check_mode:
        module.exit_json(**result)
    for image in images:
        if set(names_of(image["name"], image["digest"])) & set(new):
            problem, said = give_names(ctr, image)
            if problem:
                module.fail_json(msg=problem, stderr=said, **result)
    released = release(ctr)
    module.exit_json(**result | {"changed": bool(new or released), "released": released})


if __name__ == "__main__":
    main()
