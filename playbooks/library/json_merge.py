#!/usr/bin/python
"""Our keys in a JSON file that others write to as well.

A key that somebody else set or changed is left alone. Which values are ours is known from a record:
a key that still has the value we wrote last is ours to change or to take away.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import write_text

DOCUMENTATION = r"""
module: json_merge
short_description: Keep keys in a JSON file without taking the file over
options:
  path: {description: The file., type: path, required: true}
  values: {description: Keys that a foreign value wins over., type: dict, default: {}}
  forced: {description: Keys that win over a foreign value., type: dict, default: {}}
  record: {description: Where the values last written are kept., type: path, required: true}
"""


def merge(
    current: dict[str, Any], ours: dict[str, Any], forced: dict[str, Any], last: dict[str, Any]
) -> dict[str, Any]:
    """The file's new content.

    Args:
        current: What the file says.
        ours: What we want where nobody else decided.
        forced: What we want in any case.
        last: What we wrote last time.
    """
    merged = dict(current)
    for key, value in last.items():
        if key in merged and merged[key] == value:
            del merged[key]
    for key, value in ours.items():
        merged.setdefault(key, value)
    merged.update(forced)
    return merged


def load(module: AnsibleModule, path: Path) -> dict[str, Any]:
    """The object in a file, or an empty one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8") or "{}") if path.exists() else {}
    except ValueError as error:
        module.fail_json(msg=f"{path} is not JSON ({error}): mend it or move it away")
    if not isinstance(value, dict):
        module.fail_json(msg=f"{path} is not a JSON object: mend it or move it away")
    return value


def dump(value: dict[str, Any]) -> str:
    """The text of an object, the same for equal objects."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "values": {"type": "dict", "default": {}},
            "forced": {"type": "dict", "default": {}},
            "record": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    path, record = Path(module.params["path"]), Path(module.params["record"])
    current = load(module, path)
    ours, forced = module.params["values"], module.params["forced"]
    after = merge(current, ours, forced, load(module, record))
    changed = after != current or not path.exists()
    if not module.check_mode:
        if changed:
            write_text(path, dump(after))
        # The record last: a value recorded but not written would look like somebody else's.
        if load(module, record) != {**ours, **forced}:
            write_text(record, dump({**ours, **forced}), mode=0o600)
    module.exit_json(changed=changed, diff={"before": dump(current), "after": dump(after)})


if __name__ == "__main__":
    main()
