"""A blob from the controller into containerd: put on the node once, read there once, and gone.

``copy`` would read it four times more on a slow card: for its own checksums, and to move it.
"""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The controller's half of the module of this name."""

    # The blob has a folder of its own; no temporary one is made for each.
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict | None = None) -> dict:
        """Send the file, then let the module take it in."""
        result = super().run(tmp, task_vars)
        wanted = dict(self._task.args)
        source = Path(wanted["src"])
        if not source.is_file():
            return result | {"failed": True, "msg": f"{source} is not on this computer"}
        if self._task.check_mode:
            return result | {"changed": True, "blob": wanted["digest"]}
        self._connection.put_file(str(source), wanted["dest"])
        module = "containerd_blob"
        return result | self._execute_module(module, module_args=wanted, task_vars=task_vars)
