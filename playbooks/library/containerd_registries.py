#!/usr/bin/python
"""Registry mirrors of containerd: one hosts.toml per registry, and none of ours left over."""

from __future__ import annotations

import os
import shutil

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: containerd_registries
short_description: hosts.toml for each mirrored registry
options:
  registries:
    description: Registry to mirror, such as C({docker.io: "https://mirror.lab:5000"}); C(*) stands for all others.
    type: dict
    default: {}
  path: {description: The folder., type: path, default: /etc/containerd/certs.d}
"""

OURS = "# Written by fogbed: a change made here is lost.\n"
# Where a registry really answers when the mirror does not.
SERVERS = {"docker.io": "https://registry-1.docker.io"}


def hosts_toml(registry, mirror):
    """The file for one registry: the mirror first, then the registry itself."""
    server = (
        "" if registry == "*" else f'server = "{SERVERS.get(registry, "https://" + registry)}"\n\n'
    )
    url = mirror if "://" in mirror else f"https://{mirror}"
    return f'{OURS}{server}[host."{url.rstrip("/")}"]\n  capabilities = ["pull", "resolve"]\n'


def wanted_files(registries):
    """Folder name to text; the star is containerd's `_default`."""
    return {
        "_default" if name == "*" else name: hosts_toml(name, mirror)
        for name, mirror in registries.items()
    }


def present_files(path):
    """Folder name to text, of all that is there."""
    found = {}
    for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
        try:
            with open(os.path.join(path, name, "hosts.toml"), encoding="utf-8") as file:
                found[name] = file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
    return found


def write(path, name, text):
    """Replace a file at once."""
    folder = os.path.join(path, name)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    with open(os.path.join(folder, ".hosts.toml"), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(text)
    os.replace(os.path.join(folder, ".hosts.toml"), os.path.join(folder, "hosts.toml"))


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "registries": {"type": "dict", "default": {}},
            "path": {"type": "path", "default": "/etc/containerd/certs.d"},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    wanted, present = wanted_files(module.params["registries"]), present_files(path)
    stale = [name for name, text in present.items() if name not in wanted and text.startswith(OURS)]
    new = {name: text for name, text in wanted.items() if present.get(name) != text}
    if not module.check_mode:
        for name, text in new.items():
            write(path, name, text)
        for name in stale:
            shutil.rmtree(os.path.join(path, name))
    diff = [
        {
            "before": present.get(name, ""),
            "after": wanted.get(name, ""),
            "before_header": name,
            "after_header": name,
        }
        for name in [*new, *stale]
    ]
    module.exit_json(changed=bool(new or stale), diff=diff)


if __name__ == "__main__":
    main()
