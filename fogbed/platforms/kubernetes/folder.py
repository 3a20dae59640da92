"""What a testbed on Kubernetes keeps on this computer; what is secret in it is 0600."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from fogbed.files import write_whole
from fogbed.platforms.state import ORIGIN, spec_file, testbeds_dir


@dataclass(frozen=True, slots=True)
class KubeFolder:
    """``$XDG_STATE_HOME/fogbed/testbeds/NAME``: there from the first ``up`` to ``down``."""

    name: str

    @property
    def root(self) -> Path:
        """The folder itself."""
        return testbeds_dir() / self.name

    @property
    def spec(self) -> Path:
        """The testbed's resolved spec, as it was brought up last."""
        return spec_file(self.name)

    @property
    def origin(self) -> Path:
        """Where the path of the testbed's own file is kept."""
        return self.root / ORIGIN

    @property
    def kubeconfig(self) -> Path:
        """The key to the cluster: fogbed's own copy, of one context."""
        return self.root / "kubeconfig"

    @property
    def credentials(self) -> Path:
        """What opens the testbed's object store."""
        return self.root / "credentials.json"

    @property
    def bare(self) -> Path:
        """The bare network between the nodes, as it was measured last."""
        return self.root / "bare.json"

    def make(self) -> None:
        """Make the folder, for nobody else to read."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.root.chmod(0o700)

    def begin(self, *, spec: str, origin: Path | None = None) -> None:
        """Write down what is about to be made, so that ``down`` can find it whatever happens."""
        self.make()
        write_whole(self.spec, spec)
        if origin is not None:
            write_whole(self.origin, f"{origin}\n")

    def remove(self, *, keep_credentials: bool) -> None:
        """Remove it all; ``keep_credentials`` leaves what opens the data that is kept."""
        is_kept = keep_credentials and self.credentials.exists()
        kept = self.credentials.read_text(encoding="utf-8") if is_kept else ""
        shutil.rmtree(self.root, ignore_errors=True)
        if kept:
            self.make()
            write_whole(self.credentials, kept, mode=0o600)
