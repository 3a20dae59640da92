#!/usr/bin/python
"""Registry mirrors of containerd: one hosts.toml per registry, and none of ours left over."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import write_text
from ansible.module_utils.host_keep import Store

DOCUMENTATION = r"""
module: containerd_registries
short_description: hosts.toml for each mirrored registry
options:
  registries:
    description: Registry to mirror, such as C(docker.io) to C(https://mirror.lab:5000).
    type: dict
    default: {}
  path: {description: The folder., type: path, default: /etc/containerd/certs.d}
  root: {description: A folder in place of /, type: path, default: /}
  store: {description: Where the files of others are kept; below root unless told, type: path}
"""

OURS = "# Written by fogbed: a change made here is lost.\n"
# Where a registry really answers when the mirror does not.
SERVERS = {"docker.io": "https://registry-1.docker.io"}


def hosts_toml(registry: str, mirror: str) -> str:
    """The file for one registry: the mirror first, then the registry itself."""
    server = (
        "" if registry == "*" else f'server = "{SERVERS.get(registry, "https://" + registry)}"\n\n'
    )
    url = mirror if "://" in mirror else f"https://{mirror}"
    return f'{OURS}{server}[host."{url.rstrip("/")}"]\n  capabilities = ["pull", "resolve"]\n'


def wanted_files(registries: dict[str, str]) -> dict[str, str]:
    """Folder name to text; the star is containerd's `_default`."""
    return {
        "_default" if name == "*" else name: hosts_toml(name, mirror)
        for name, mirror in registries.items()
    }


def present_files(folder: Path) -> dict[str, str]:
    """Folder name to text, of all that is there."""
    found = sorted(folder.glob("*/hosts.toml"))
    return {path.parent.name: path.read_text(encoding="utf-8") for path in found}


def differences(present: dict[str, str], wanted: dict[str, str]) -> list[dict[str, str]]:
    """What --diff shows: one entry for each file that is written or removed."""
    stale = [name for name, text in present.items() if name not in wanted and text.startswith(OURS)]
    new = [name for name, text in wanted.items() if present.get(name) != text]
    return [
        {
            "before": present.get(x, ""),
            "after": wanted.get(x, ""),
            "before_header": x,
            "after_header": x,
        }
        for x in [*new, *stale]
    ]


def apply(module: AnsibleModule, folder: Path, wanted: dict[str, str], names: list[str]) -> None:
    """Write what is wanted, and remove the rest; what somebody else wrote there is kept first."""
    store = Store(module)
    for name in names:
        path = folder / name / "hosts.toml"
        if not (path.exists() and path.read_text(encoding="utf-8").startswith(OURS)):
            store.keep(f"/{path.relative_to(module.params['root'])}")
        if name in wanted:
            write_text(path, wanted[name])
            continue
        path.unlink()
        # The certificate of a registry lies beside its file, and is not ours.
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "registries": {"type": "dict", "default": {}},
            "path": {"type": "path", "default": "/etc/containerd/certs.d"},
            "root": {"type": "path", "default": "/"},
            "store": {"type": "path"},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["root"], module.params["path"].lstrip("/"))
    wanted = wanted_files(module.params["registries"])
    diff = differences(present_files(folder), wanted)
    if not module.check_mode:
        apply(module, folder, wanted, [entry["after_header"] for entry in diff])
    module.exit_json(changed=bool(diff), diff=diff)


if __name__ == "__main__":
    main()
