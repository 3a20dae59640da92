#!/usr/bin/python
"""Kernel modules that are there and sysctls that hold: loaded and set if need be, then read back.

A module that is built in needs no loading, and a kernel without loadable modules has no list of
them. Values are written and read under /proc/sys: no `sysctl` program is needed, and no other file
of /etc/sysctl.d is applied on the way.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_kernel import is_there, place, value_of

DOCUMENTATION = r"""
module: kernel_state
short_description: Load modules and set sysctls, and read them back
options:
  modules: {description: Modules that are needed, type: list, elements: str, default: []}
  settings: {description: Values by sysctl, type: dict, default: {}}
  at_least:
    description: Sysctls of which a higher value is as good.
    type: list
    elements: str
    default: []
  before:
    description: Where the values of before are kept.
    type: path
    default: /var/lib/fogbed/before/sysctl
  state:
    description: C(restored) sets the values of before again.
    type: str
    choices: [present, restored]
    default: present
author: [fogbed]
"""

RETURN = r"""
loaded: {description: Modules that were loaded, type: list, returned: always}
missing: {description: Modules that this kernel does not have, type: list, returned: always}
wrong: {description: "Sysctls that do not hold, with what they are.", type: dict, returned: always}
values: {description: The sysctls as they are, type: dict, returned: always}
"""

_ARGUMENTS = {
    "modules": {"type": "list", "elements": "str", "default": []},
    "settings": {"type": "dict", "default": {}},
    "at_least": {"type": "list", "elements": "str", "default": []},
    "before": {"type": "path", "default": "/var/lib/fogbed/before/sysctl"},
    "state": {"type": "str", "choices": ["present", "restored"], "default": "present"},
}


def load(module: AnsibleModule) -> tuple[list[str], list[str]]:
    """Load what is not there; return what was loaded and what this kernel lacks."""
    loaded, missing = [], []
    for name in module.params["modules"]:
        if is_there(name):
            continue
        words = ["modprobe", *(["-n"] if module.check_mode else []), name]
        (missing if module.run_command(words)[0] else loaded).append(name)
    return loaded, missing


def holds(now: str | None, wanted: str, *, at_least: bool) -> bool:
    """Return whether a value is as wanted."""
    if now is None:
        return False
    if at_least and now.isdigit():
        return int(now) >= int(wanted)
    return now == wanted


def remember(path: Path, values: dict[str, str | None]) -> None:
    """Keep the values of before, the first ones only."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    new = {**values, **kept}
    if new != kept:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name("sysctl.new")
        fresh.write_text(json.dumps(new), encoding="utf-8")
        fresh.replace(path)


def assign(values: dict[str, str]) -> None:
    """Set sysctls; whether that held is read afterwards."""
    for sysctl, value in values.items():
        with contextlib.suppress(OSError):
            place(sysctl).write_text(value, encoding="ascii")


def present(module: AnsibleModule) -> None:
    """Load and set what is needed."""
    loaded, missing = load(module)
    wanted = {name: str(value) for name, value in module.params["settings"].items()}
    at_least = set(module.params["at_least"])

    def failing() -> dict[str, str]:
        return {
            name: value
            for name, value in wanted.items()
            if not holds(value_of(name), value, at_least=name in at_least)
        }

    to_set = failing()
    before = {name: value_of(name) for name in to_set}
    if to_set and not module.check_mode:
        # A limit that we raised harms nobody until the next boot takes it away.
        lasting = {name: value for name, value in before.items() if name not in at_least}
        remember(Path(module.params["before"]), lasting)
        assign(to_set)
    wrong = {} if module.check_mode else {name: value_of(name) for name in failing()}
    module.exit_json(
        changed=bool(loaded) or len(to_set) > len(wrong),
        loaded=loaded,
        missing=missing,
        wrong=wrong,
        values={name: value_of(name) for name in wanted},
        diff={
            "before": "".join(f"{name} = {value}\n" for name, value in before.items()),
            "after": "".join(f"{name} = {value}\n" for name, value in to_set.items()),
        },
    )


def restored(module: AnsibleModule) -> None:
    """Set the values of before again. Modules stay until the next boot: others may use them now."""
    path = Path(module.params["before"])
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    values = {k: v for k, v in kept.items() if v is not None and value_of(k) not in (None, v)}
    if not module.check_mode:
        assign(values)
        path.unlink(missing_ok=True)
    module.exit_json(changed=bool(values), loaded=[], missing=[], wrong={}, values=values)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    if module.params["state"] == "restored":
        restored(module)
    present(module)


if __name__ == "__main__":
    main()
