#!/usr/bin/python
"""States of systemd units: those named, and those of a type that are loaded or installed."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: unit_states
short_description: States of systemd units
options:
  names: {description: Units to look at, type: list, elements: str, default: []}
  type: {description: A type of units to look at too, such as swap, type: str}
author: [fogbed]
"""

RETURN = r"""
units: {description: "Of each unit name, state, active and source.", type: list, returned: always}
"""

_PROPERTIES = "Id,LoadState,UnitFileState,ActiveState,SourcePath,FragmentPath"


def of_type(module: AnsibleModule, kind: str) -> list[str]:
    """Return the names of a type's units, loaded or only installed."""
    common = [f"--type={kind}", "--no-legend", "--no-pager", "--plain"]
    names = set()
    for listing in (["list-units", "--all"], ["list-unit-files"]):
        out = module.run_command(["systemctl", *listing, *common])[1]
        names |= {line.split()[0] for line in out.splitlines() if line.strip()}
    return sorted(names)


def described(block: str) -> dict[str, str]:
    """Return a unit as `systemctl show` describes it."""
    shown = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
    loaded = shown.get("LoadState", "not-found")
    state = shown.get("UnitFileState") or loaded
    return {
        "name": shown.get("Id", ""),
        "state": loaded if loaded in ("masked", "not-found") else state,
        "active": shown.get("ActiveState", "inactive"),
        "source": shown.get("SourcePath") or shown.get("FragmentPath", ""),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str", "default": []},
            "type": {"type": "str"},
        },
        supports_check_mode=True,
    )
    names = list(module.params["names"])
    if module.params["type"]:
        names += of_type(module, module.params["type"])
    units = []
    if names:
        out = module.run_command(["systemctl", "show", "-p", _PROPERTIES, *names])[1]
        units = [described(block) for block in out.strip().split("\n\n")]
    module.exit_json(changed=False, units=units)


if __name__ == "__main__":
    main()
