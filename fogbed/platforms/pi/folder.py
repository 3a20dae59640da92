"""What a testbed of Pis keeps on the controller: no secret but the kubeconfig, which is 0600."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fogbed.files import write_whole
from fogbed.platforms.state import StateFolder


@dataclass(frozen=True, slots=True)
class PiFolder(StateFolder):
    """A testbed's folder, with what Ansible and the nodes need."""

    @property
    def inventory(self) -> Path:
        """The inventory that the playbooks were run with last."""
        return self.root / "hosts.yml"

    @property
    def rehearsal(self) -> Path:
        """The inventory of a rehearsal: what a testbed is to become, not what it is."""
        return self.root / "rehearsal.yml"

    @property
    def removed(self) -> Path:
        """What is needed to reach nodes that were removed and not purged; it outlives ``down``."""
        return self.root / "removed.json"

    @property
    def removed_hosts(self) -> Path:
        """The inventory of such a node alone, while it is purged."""
        return self.root / "removed-hosts.yml"

    @property
    def playbooks(self) -> Path:
        """Where each run of a playbook leaves its log."""
        return self.root / "playbooks"

    def begin(self, *, inventory: str, spec: str | None, origin: Path | None = None) -> None:
        """Write down what is about to be made, so that ``down`` can find it whatever happens.

        A rehearsal gives no ``spec``: it makes nothing that ``down`` would have to find.
        ``origin``: the testbed's own file; None leaves what is known of it.
        """
        self.make()
        write_whole(self.rehearsal if spec is None else self.inventory, inventory)
        if spec is not None:
            write_whole(self.spec, spec)
            if origin is not None:
                write_whole(self.origin, f"{origin}\n")

    def kept(self) -> Mapping[Path, bytes | None]:
        """Return what is written down of the testbed, file by file; None for one that is not."""
        files = (self.inventory, self.spec, self.origin, self.removed)
        return {path: path.read_bytes() if path.exists() else None for path in files}

    def put_back(self, kept: Mapping[Path, bytes | None]) -> None:
        """Have written down again what ``kept`` gave earlier."""
        for path, content in kept.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                write_whole(path, content)

    def write_kubeconfig(self, text: str) -> None:
        """Keep the administrator's kubeconfig, readable by nobody else from the first byte on."""
        write_whole(self.kubeconfig, text, mode=0o600)

    def remove(self, *, keep_credentials: bool = True) -> None:
        """Remove everything but the logs of the playbooks, and what is not purged yet.

        ``keep_credentials`` leaves what opens the data that MinIO's node keeps.
        """
        kept = [self.playbooks, self.removed, *([self.credentials] if keep_credentials else [])]
        for entry in self.root.iterdir() if self.root.exists() else ():
            if entry in kept:
                continue
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)
        with suppress(OSError):  # not empty: the logs stay
            self.root.rmdir()
