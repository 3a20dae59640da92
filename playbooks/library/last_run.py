#!/usr/bin/python
"""A note of the last good run, and whether the host is still what it says.

The note is a table of what the host is (see host_state) when a whole run has ended well, with a
digest of what was asked of it. It is believed only where all of that is found again: read anew,
not remembered. It goes before anything is changed, so that a run killed anywhere leaves none.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import read_text, write_text
from ansible.module_utils.host_state import MEMORY, host_state

DOCUMENTATION = r"""
module: last_run
short_description: Note what a host is after a good run, and compare it with the note
options:
  state:
    description:
      - C(compared) says whether the host is as noted, and forgets a note that is not so.
      - C(noted) writes the note once what runs is ready; C(forgotten) removes it.
    type: str
    choices: [compared, noted, forgotten]
    required: true
  asked: {description: What the host is asked to be, as a digest, type: str, default: ""}
  nodes: {description: Names of the cluster's nodes, type: list, elements: str, default: []}
  hours: {description: How long a note is believed., type: int, default: 24}
  timeout: {description: Seconds to wait until what runs is ready., type: int, default: 60}
  root: {description: A folder in place of /, type: path, default: /}
author: [fogbed]
"""

RETURN = r"""
settled: {description: Whether the host is as noted, type: bool, returned: always}
reasons: {description: Why it is not, type: list, elements: str, returned: always}
notes: {description: What a user is told of it, type: list, elements: str, returned: always}
"""

NOTE = f"{MEMORY}/last-run"
# How many of them a user is told.
TOLD = 4
_ARGUMENTS = {
    "state": {"type": "str", "choices": ["compared", "noted", "forgotten"], "required": True},
    "asked": {"type": "str", "default": ""},
    "nodes": {"type": "list", "elements": "str", "default": []},
    "hours": {"type": "int", "default": 24},
    "timeout": {"type": "int", "default": 60},
    "root": {"type": "path", "default": "/"},
}


def read(path: Path) -> dict[str, Any]:
    """Return the note; an empty one if there is none, or none that can be read."""
    try:
        note = json.loads(read_text(path) or "{}")
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def refusal(note: dict[str, Any], asked: str, now: float, hours: int) -> str:
    """Return why a note says nothing about this run, whatever the host is; or nothing.

    Its age is one reason: what no table has in it must not stay unseen for ever.
    """
    if not isinstance(note.get("state"), dict):
        return "there is no note of a good run"
    if note.get("asked") != asked:
        return "the testbed or the playbooks have changed"
    if not 0 <= now - float(note.get("at", 0)) < hours * 3600:
        return f"the last good run is not within {hours} hours"
    return ""


def differences(noted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return the names of what is not as noted, and of what is new or gone."""
    names = noted.keys() | found.keys()
    return sorted(name for name in names if noted.get(name) != found.get(name))


def told(reasons: list[str]) -> str:
    """Return a sentence about what is not as noted: somebody changed it between two runs."""
    more = f" and {len(reasons) - TOLD} more" if len(reasons) > TOLD else ""
    return f"not as the last run left it: {', '.join(reasons[:TOLD])}{more}"


def unready(found: dict[str, str]) -> list[str]:
    """Return what runs, and not as it should."""
    return sorted(name for name, text in found.items() if name[:6] == "ready " and text != "True")


class Host:
    """This host, or a folder that stands for it."""

    def __init__(self, module: AnsibleModule) -> None:
        """Where things are."""
        self.module = module
        self.root = module.params["root"].rstrip("/")
        self.note = Path(self.root + NOTE)
        self.notes: list[str] = []

    def ask(self, words: list[str]) -> str:
        """Return what a program prints; nothing where it fails or is not there."""
        if shutil.which(words[0]) is None:
            return ""
        code, out, _ = self.module.run_command(words, environ_update={"LC_ALL": "C"})
        return out if code == 0 else ""

    def state(self) -> dict[str, str]:
        """Return what it is now."""
        nodes = self.module.params["nodes"]
        return host_state(self.ask, root=self.root, but=NOTE, nodes=nodes)


def compared(host: Host) -> list[str]:
    """Return why the host is not as noted; the note is gone then."""
    want = host.module.params
    note = read(host.note)
    why = refusal(note, want["asked"], time.time(), want["hours"])
    reasons = [why] if why else differences(note["state"], host.state())
    if reasons:
        forget(host)
    if reasons and not why:
        host.notes.append(told(reasons))
    return reasons


def noted(host: Host) -> list[str]:
    """Write the note; return what is not ready after all, and then there is none."""
    until = time.monotonic() + host.module.params["timeout"]
    found = host.state()
    while unready(found) and time.monotonic() < until:
        time.sleep(1)
        found = host.state()
    reasons = unready(found)
    if not reasons and not host.module.check_mode:
        note = {"asked": host.module.params["asked"], "at": time.time(), "state": found}
        write_text(host.note, json.dumps(note), mode=0o600, folder_mode=0o700)
    return reasons


def forget(host: Host) -> None:
    """Remove the note."""
    if not host.module.check_mode:
        host.note.unlink(missing_ok=True)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    host = Host(module)
    if module.params["state"] == "forgotten":
        forget(host)
        module.exit_json(changed=False, settled=False, reasons=[])
    try:
        reasons = (compared if module.params["state"] == "compared" else noted)(host)
    except (OSError, ValueError) as error:
        # A host that cannot be read in full is no settled one; what is wrong, the roles say.
        forget(host)
        reasons = [f"the host cannot be read: {error}"]
    # A note is our own memory: nothing of the host changes by it.
    settled = not reasons
    module.exit_json(changed=False, settled=settled, reasons=reasons, notes=host.notes)


if __name__ == "__main__":
    main()
