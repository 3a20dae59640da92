#!/usr/bin/python
"""A unit that runs with the files it reads: restarted when they are not the ones it was started with.

A handler would be lost if the run is killed between the change and the restart; the record that
this module writes after a restart is not.
"""

from __future__ import annotations

import hashlib
import os
import time

from ansible.module_utils.basic import AnsibleModule

PROPERTIES = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"

DOCUMENTATION = r"""
module: unit_config
short_description: Enable, start and, if its files changed, restart a systemd unit
options:
  name: {description: The unit., type: str, required: true}
  files: {description: Files that the unit reads at its start., type: list, elements: path, default: []}
  changed: {description: Whether a file was just changed., type: bool, default: false}
  records: {description: Where the records lie., type: path, default: /var/lib/fogbed/units}
  missing_ok: {description: Accept in check mode that the unit is not there yet., type: bool, default: true}
"""


def digest(paths):
    """One hash over the contents of files; a missing file counts as such."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(path.encode())
        try:
            with open(path, "rb") as file:
                whole.update(file.read())
        except FileNotFoundError:
            whole.update(b"-")
    return whole.hexdigest() + "\n"


def read(path):
    """The text of a file, or an empty one."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(path, text):
    """Replace a file at once."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(f"{path}.new", path)


def started_after(properties, paths):
    """Whether the unit was started after the last change of its files."""
    started = int(properties.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    there = [os.stat(path).st_mtime for path in paths if os.path.exists(path)]
    return started > 0 and all(boot + started > changed + 1 for changed in there)


def systemctl(module, *words):
    """Run systemctl; its failure is the module's, with the unit's last words."""
    code, out, err = module.run_command(["systemctl", *words])
    if code:
        log = module.run_command(
            ["journalctl", "-u", words[-1], "-n", "15", "--no-pager", "-o", "cat"]
        )[1]
        module.fail_json(
            msg=f"systemctl {' '.join(words)}: {err.strip() or out.strip()}\n{log.strip()}"
        )


def state(module, name):
    """Properties of a unit."""
    out = module.run_command(["systemctl", "show", "-p", PROPERTIES, name])[1]
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def steps(before, *, stale):
    """The systemctl verbs that are needed, in order."""
    verbs = []
    if before.get("NeedDaemonReload") == "yes":
        verbs.append("daemon-reload")
    if before.get("UnitFileState") in ("masked", "masked-runtime"):
        verbs.append("unmask")
    if before.get("UnitFileState") in ("disabled", "masked", "masked-runtime"):
        verbs.append("enable")
    if before.get("ActiveState") not in ("active", "activating", "reloading"):
        verbs.append("start")
    elif stale:
        verbs.append("restart")
    return verbs


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "changed": {"type": "bool", "default": False},
            "records": {"type": "path", "default": "/var/lib/fogbed/units"},
            "missing_ok": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    name = module.params["name"]
    record = f"{module.params['records']}/{name}"
    now = digest(module.params["files"])
    before = state(module, name)
    unknown = read(record) != now
    stale = module.params["changed"] or (
        unknown and not started_after(before, module.params["files"])
    )
    verbs = steps(before, stale=stale)
    if module.check_mode:
        module.exit_json(changed=bool(verbs), verbs=verbs)
    if before.get("LoadState") == "not-found":
        module.fail_json(msg=f"There is no unit {name}: is its package installed?")
    for verb in verbs:
        if verb == "daemon-reload":
            systemctl(module, verb)
        else:
            systemctl(module, verb, name)
    if stale or unknown:
        write(record, now)
    module.exit_json(changed=bool(verbs), verbs=verbs)


if __name__ == "__main__":
    main()
