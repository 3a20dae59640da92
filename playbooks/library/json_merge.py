#!/usr/bin/python
"""Our keys in a JSON file that others write to as well.

A key that somebody else set or changed is left alone. Which values are ours is known from a record:
a key that still has the value we wrote last is ours to change or to take away.
"""

from __future__ import annotations

import json
import os

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: json_merge
short_description: Keep keys in a JSON file without taking the file over
options:
  path: {description: The file., type: path, required: true}
  values: {description: Keys that a foreign value wins over., type: dict, default: {}}
  forced: {description: Keys that win over a foreign value., type: dict, default: {}}
  record: {description: Where the values last written are kept., type: path, required: true}
"""


def merge(current, ours, forced, last):
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


def load(module, path):
    """The object in a file, or an empty one."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        return module.fail_json(msg=f"{path} is not JSON ({error}): mend it or move it away")
    if not isinstance(value, dict):
        return module.fail_json(msg=f"{path} is not a JSON object: mend it or move it away")
    return value


def dump(value):
    """The text of an object, the same for equal objects."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def write(path, text, mode):
    """Replace a file at once."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(f"{path}.fogbed", "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    os.replace(f"{path}.fogbed", path)


def main():
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
    path, record = module.params["path"], module.params["record"]
    current = load(module, path)
    ours, forced = module.params["values"], module.params["forced"]
    after = merge(current, ours, forced, load(module, record))
    changed = after != current or not os.path.exists(path)
    if not module.check_mode:
        if changed:
            write(path, dump(after), 0o644)
        # The record last: a value recorded but not written would look like somebody else's.
        if load(module, record) != {**ours, **forced}:
            write(record, dump({**ours, **forced}), 0o600)
    module.exit_json(changed=changed, diff={"before": dump(current), "after": dump(after)})


if __name__ == "__main__":
    main()
