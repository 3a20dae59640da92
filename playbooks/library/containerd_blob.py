#!/usr/bin/python
"""Takes a file into containerd's store of blobs, if it is what its digest says.

The action of this name has put it there.
"""

from __future__ import annotations

import hashlib
import subprocess
import uuid
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: containerd_blob
short_description: Send a file to containerd's store of blobs
description:
  - Puts a file of the controller on the node, checks its digest there, gives it to containerd,
    which checks it again, and removes the file.
  - A label keeps the blob from the garbage collector until an image refers to it.
options:
  src: {description: The file on the controller., type: path, required: true}
  dest: {description: Where it is for a while on the node., type: path, required: true}
  digest: {description: The digest it must have., type: str, required: true}
  size: {description: The size in bytes it must have., type: int, required: true}
  namespace: {description: The namespace of containerd., type: str, default: k8s.io}
author: [fogbed]
"""

EXAMPLES = r"""
- name: Send a layer
  containerd_blob:
    src: /tmp/layer
    dest: /home/pi/layer
    digest: sha256:90b4faecd0dcc62b29e345412f444fed0d67b8f05f864d195070ff650a5c1b3f
    size: 2884130
"""

RETURN = r"""
blob: {description: The digest of what was sent., type: str, returned: success}
attempts: {description: How often containerd was asked., type: int, returned: success}
"""

_ARGUMENTS = {
    "src": {"type": "path", "required": True},
    "dest": {"type": "path", "required": True},
    "digest": {"type": "str", "required": True},
    "size": {"type": "int", "required": True},
    "namespace": {"type": "str", "default": "k8s.io"},
}
_ATTEMPTS = 3
_CHUNK = 1 << 20


def digest_of(path: Path) -> str:
    """Return a file's digest."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            hashed.update(chunk)
    return f"sha256:{hashed.hexdigest()}"


def take_in(path: Path, digest: str, size: int, namespace: str, reference: str) -> str:
    """Give a file to containerd and keep it there; return what went wrong, or ""."""
    ctr = ["ctr", "--namespace", namespace, "content"]
    wanted = ["--expected-digest", digest, "--expected-size", str(size)]
    with path.open("rb") as file:
        ingest = [*ctr, "ingest", *wanted, reference]
        done = subprocess.run(ingest, stdin=file, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        # The collector may have been faster: then there is nothing to label.
        label = [*ctr, "label", digest, "containerd.io/gc.root=fogbed"]
        done = subprocess.run(label, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"ctr ended with {done.returncode}"])[-1]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=False)
    wanted = module.params
    path, digest = Path(wanted["dest"]), wanted["digest"]
    found = digest_of(path)
    if found != digest or path.stat().st_size != wanted["size"]:
        path.unlink()
        module.fail_json(
            msg=f"A blob arrived as {found} and was sent as {digest}: it was changed on its way, "
            "or on the computer it comes from. Nothing was taken in; push again."
        )
    problem = ""
    for attempt in range(1, _ATTEMPTS + 1):
        # An interrupted ingest goes on under the same reference. Should what it holds be wrong,
        # only another reference gets rid of it.
        reference = f"fogbed-{digest}" if attempt == 1 else f"fogbed-{uuid.uuid4()}"
        problem = take_in(path, digest, wanted["size"], wanted["namespace"], reference)
        if not problem:
            path.unlink()
            module.exit_json(changed=True, blob=digest, attempts=attempt)
    module.fail_json(msg=f"containerd did not take in {digest}: {problem}")


if __name__ == "__main__":
    main()
