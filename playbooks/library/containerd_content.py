#!/usr/bin/python
"""What the containerd of a node has, and what the node is: one look for all that images need."""

from __future__ import annotations

import os
import subprocess

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: containerd_content
short_description: List containerd's blobs and the images that can be used
description:
  - Reads only.
options:
  namespace: {description: The namespace of containerd., type: str, default: k8s.io}
  room: {description: A folder on the disk that images go to., type: path, default: /var/lib}
author: [fogbed]
"""

EXAMPLES = r"""
- name: Look into containerd
  containerd_content:
  register: found
"""

RETURN = r"""
architecture: {description: As dpkg calls it., type: str, returned: success}
blobs: {description: Digests of all blobs., type: list, returned: success}
images: {description: The digest of each usable image by name., type: dict, returned: success}
free: {description: Bytes that are free for images., type: int, returned: success}
"""

_ARGUMENTS = {
    "namespace": {"type": "str", "default": "k8s.io"},
    "room": {"type": "path", "default": "/var/lib"},
}


def usable_images(check: str) -> dict[str, str]:
    """Return {name: digest} of the images that `ctr images check` calls complete and unpacked."""
    rows = (line.split() for line in check.splitlines()[1:])
    # STATUS is two words ("complete (5/5)"), SIZE at least two: the last column is told from the
    # end.
    return {row[0]: row[2] for row in rows if row[3:4] == ["complete"] and row[-1] == "true"}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)

    def run(*argv: str) -> str:
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            module.fail_json(msg=f"There is no {argv[0]} on this node: `fogbed up` installs it.")
        # An image that is damaged, whosever it is, ends the check with 1: the others are listed.
        if done.returncode != 0 and not done.stdout.startswith("REF"):
            said = (done.stderr.strip().splitlines() or ["it did not say why"])[-1]
            module.fail_json(
                msg=f"containerd does not answer on this node: {said}. "
                "`systemctl status containerd` says more; `fogbed up` installs and starts it.",
                stderr=done.stderr,
            )
        return done.stdout

    ctr = ("ctr", "--timeout", "60s", "--namespace", module.params["namespace"])
    blobs = run(*ctr, "content", "list", "--quiet").split()
    room = os.statvfs(module.params["room"])
    module.exit_json(
        changed=False,
        architecture=run("dpkg", "--print-architecture").strip(),
        blobs=blobs,
        images=usable_images(run(*ctr, "images", "check")),
        free=room.f_bavail * room.f_frsize,
    )


if __name__ == "__main__":
    main()
