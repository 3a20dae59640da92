#!/usr/bin/python
"""Gives blobs that containerd holds already a name: an image that Kubernetes finds."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: containerd_image
short_description: Name an image whose blobs containerd holds already
description:
  - Registers an image by its manifest or index, unpacks it for this node, and verifies it.
  - Nothing is transferred. A blob that is missing is an error.
options:
  name:
    description: The whole name, such as docker.io/library/busybox:1.
    type: str
    required: true
  digest: {description: Digest of the manifest or index, type: str, required: true}
  size: {description: Its size in bytes, type: int, required: true}
  media_type: {description: Its media type, type: str, required: true}
  namespace: {description: The namespace of containerd, type: str, default: k8s.io}
author: [fogbed]
"""

EXAMPLES = r"""
- name: Name the image
  containerd_image:
    name: docker.io/library/busybox:1
    digest: sha256:558d3ba2895b02760670a718ada9e2bb3e92b54bd9077a969da5e804dca776a2
    size: 423
    media_type: application/vnd.oci.image.manifest.v1+json
"""

RETURN = r"""
before: {description: "The digest the name stood for; empty if none.", type: str, returned: always}
"""

_ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "digest": {"type": "str", "required": True},
    "size": {"type": "int", "required": True},
    "media_type": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": "k8s.io"},
}


def names_of(name: str, digest: str) -> tuple[str, str]:
    """Return the two names of an image: by tag, and by digest for whoever pins it."""
    repository = name.rpartition(":")[0]
    return name, f"{repository}@{digest}"


def archive_of(names: tuple[str, ...], target: dict) -> bytes:
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


def is_usable(row: list[str], digest: str) -> bool:
    """Say whether a row of `ctr images check` has this digest, every blob, and is unpacked."""
    return row[2] == digest and row[3] == "complete" and row[-1] == "true"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    wanted = module.params
    names = names_of(wanted["name"], wanted["digest"])

    def ctr(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess:
        argv = ["ctr", "--namespace", wanted["namespace"], *words]
        return subprocess.run(argv, input=stdin, capture_output=True, check=False)

    def look() -> dict[str, list[str]]:
        listing = ctr("images", "check", *(f'name=="{name}"' for name in names))
        return rows_of(listing.stdout.decode(errors="replace"))

    found = look()
    before = found[wanted["name"]][2] if wanted["name"] in found else ""
    result = {
        "changed": not all(n in found and is_usable(found[n], wanted["digest"]) for n in names),
        "before": before,
        "diff": {"before": f"{before}\n", "after": f"{wanted['digest']}\n"},
    }
    if not result["changed"] or module.check_mode:
        module.exit_json(**result)
    target = {"mediaType": wanted["media_type"], "digest": wanted["digest"], "size": wanted["size"]}
    done = ctr("images", "import", "-", stdin=archive_of(names, target))
    found = look()
    wrong = [n for n in names if n not in found or not is_usable(found[n], wanted["digest"])]
    if done.returncode != 0 or wrong:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        rows = [" ".join(found.get(name, [name, "is not there"])) for name in wrong]
        module.fail_json(
            msg=f"containerd did not make {wanted['name']} usable: {said[-1] if said else rows[0]}",
            stderr="\n".join([*said, *rows]),
            **result,
        )
    # By this `fogbed images list` tells what was pushed from what was pulled.
    ctr("images", "label", wanted["name"], "fogbed.io/pushed=true")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
