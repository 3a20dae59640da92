#!/usr/bin/python
"""What a host was before fogbed changed it: installed packages, files, units; and the way back.

Everything is written to a name of its own first and renamed, so a run killed anywhere leaves
either nothing or all of an entry.

A file that somebody edits after a finished run is told from fogbed's own by its digest, and a copy
of it saved (in /var/backups/fogbed) before it is written again or given back.
"""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_keep import Store

DOCUMENTATION = r"""
module: keep_files
short_description: Keep files and states of units as they are, or give them back
options:
  state:
    description:
      - C(noted) when all files are as fogbed wants them; C(restored) to undo; C(saved) before that,
        for packages that go take files along.
    type: str
    choices: [kept, noted, restored, saved]
    default: kept
  paths: {description: The files., type: list, elements: path, default: []}
  units: {description: The units., type: list, elements: str, default: []}
  everything: {description: Restore all that was kept., type: bool, default: false}
  store: {description: Where it is kept; below root unless told, type: path}
  root: {description: A folder in place of /., type: path, default: /}
"""

RETURN = r"""
entries: {description: What was kept or given back., type: list, elements: str, returned: always}
notes: {description: What was saved where., type: list, elements: str, returned: always}
"""


def keep(store: Store, paths: list[str], units: list[str]) -> None:
    """Keep what is named; the packages are kept with the first of anything."""
    if not store.dry:
        store.base.mkdir(parents=True, exist_ok=True, mode=0o700)
    store.keep_packages()
    for path in paths:
        store.keep(path)
    for unit in units:
        store.keep_unit(unit)


def restore(store: Store, paths: list[str], units: list[str], *, everything: bool) -> None:
    """Give back what is named, or all."""
    if not store.base.is_dir():
        return
    for path in store.all_paths() if everything else paths:
        store.restore(path)
    store.restore_folders()
    # Generators of units read files outside of /etc/systemd too, such as /etc/fstab and /etc/rpi.
    if store.done and not store.dry and not store.root:
        store.module.run_command(["systemctl", "daemon-reload"])
    for line in store.listed("units"):
        if everything or line.split()[0] in units:
            store.restore_unit(line)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "choices": ["kept", "noted", "restored", "saved"],
                "default": "kept",
            },
            "paths": {"type": "list", "elements": "path", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "everything": {"type": "bool", "default": False},
            "store": {"type": "path"},
            "root": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    store = Store(module)
    if module.params["state"] == "kept":
        keep(store, module.params["paths"], module.params["units"])
    elif module.params["state"] == "noted":
        store.note()
    elif module.params["state"] == "saved":
        for path in store.all_paths():
            store.save_before_restore(path)
    else:
        restore(
            store,
            module.params["paths"],
            module.params["units"],
            everything=module.params["everything"],
        )
    for words in store.notes:
        module.warn(words)
    # The list of packages is long, and nobody reads it here.
    module.exit_json(changed=bool(store.done), entries=store.done[:20], notes=store.notes)


if __name__ == "__main__":
    main()
