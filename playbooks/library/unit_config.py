#!/usr/bin/python
"""A unit that runs with the files it reads: restarted when it was started with others.

A handler would be lost if the run is killed between the change and the restart; the record that
this module writes after a restart is not.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import read_text, write_text

PROPERTIES = "LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"

DOCUMENTATION = r"""
module: unit_config
short_description: Enable, start and, if its files changed, restart a systemd unit
options:
  name: {description: The unit., type: str, required: true}
  files: {description: What it reads at its start., type: list, elements: path, default: []}
  changed: {description: Whether a file was just changed., type: bool, default: false}
  records: {description: Where the records lie., type: path, default: /var/lib/fogbed/units}
"""


def digest(paths: list[Path]) -> str:
    """One hash over the contents of files; a missing file counts as such."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(str(path).encode())
        whole.update(path.read_bytes() if path.exists() else b"-")
    return whole.hexdigest() + "\n"


def started_after(properties: dict[str, str], paths: list[Path]) -> bool:
    """Whether the unit was started after the last change of its files."""
    started = int(properties.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
    boot = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    there = [path.stat().st_mtime for path in paths if path.exists()]
    return started > 0 and all(boot + started > changed + 1 for changed in there)


def systemctl(module: AnsibleModule, *words: str) -> None:
    """Run systemctl; its failure is the module's, with the unit's last words."""
    code, out, err = module.run_command(["systemctl", *words])
    if code:
        log = module.run_command(
            ["journalctl", "-u", words[-1], "-n", "15", "--no-pager", "-o", "cat"]
        )[1]
        module.fail_json(
            msg=f"systemctl {' '.join(words)}: {err.strip() or out.strip()}\n{log.strip()}"
        )


def state(module: AnsibleModule, name: str) -> dict[str, str]:
    """Properties of a unit."""
    out = module.run_command(["systemctl", "show", "-p", PROPERTIES, name])[1]
    return dict(line.split("=", 1) for line in out.splitlines() if "=" in line)


def steps(before: dict[str, str], *, stale: bool) -> list[str]:
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


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path", "default": []},
            "changed": {"type": "bool", "default": False},
            "records": {"type": "path", "default": "/var/lib/fogbed/units"},
        },
        supports_check_mode=True,
    )
    name = module.params["name"]
    files = [Path(path) for path in module.params["files"]]
    record = Path(module.params["records"], name)
    now = digest(files)
    before = state(module, name)
    unknown = read_text(record) != now
    stale = module.params["changed"] or (unknown and not started_after(before, files))
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
        write_text(record, now, folder_mode=0o700)
    module.exit_json(changed=bool(verbs), verbs=verbs)


if __name__ == "__main__":
    main()
