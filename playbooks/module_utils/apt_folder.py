"""The source files of a host's apt: read, tried before they count, and then written."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ansible.module_utils.apt_sources import NAME, Repository, repositories, without
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import write_bytes
from ansible.module_utils.host_keep import Store

_STRICT = ("-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any")
# Answers that are no better the next time.
_FINAL = re.compile(
    r"GPG error|NO_PUBKEY|not signed|404 |File not found|does not have a Release file|Malformed"
    r"|Conflicting|Unsupported"
)
_CODEC = ("utf-8", "surrogateescape")


class AptFolder:
    """The files below /etc/apt, all but one that is ours."""

    def __init__(self, module: AnsibleModule, name: str) -> None:
        """``name``: of our own file, without its ending."""
        self.module = module
        self.root = Path(module.params["root"])
        self.folder = self.root / "etc/apt"
        self.ours = self.folder / "sources.list.d" / f"{name}.sources"
        self.arch = module.run_command(["dpkg", "--print-architecture"])[1].strip()
        self.files = {path: path.read_bytes().decode(*_CODEC) for path in self._paths()}

    def _paths(self) -> list[Path]:
        parts = sorted(self.ours.parent.glob("*"))
        known = [path for path in parts if NAME.fullmatch(path.name) and path != self.ours]
        return [path for path in (self.folder / "sources.list", *known) if path.is_file()]

    def naming(self, uri: str, suite: str) -> list[tuple[Path, Repository]]:
        """Return what others have of a repository, in apt's order."""
        return [
            (path, repository)
            for path, text in self.files.items()
            for repository in repositories(path.name, text)
            if repository.names(uri, suite, self.arch)
        ]

    def set_aside(self, uri: str, suite: str) -> dict[Path, str]:
        """Return the new texts of files in which a repository is set aside."""
        return {
            path: without(path.name, self.files[path], uri, suite, self.arch)
            for path, _ in self.naming(uri, suite)
        }

    def get(self, *words: str, strict: bool = False) -> tuple[int, str, str]:
        """Run an apt-get command on this folder."""
        root = [] if self.root == Path("/") else ["-o", f"Dir={self.root}"]
        options = [*root, *(_STRICT if strict else ())]
        command = ["apt-get", "-q", *options, *words]
        code, out, err = self.module.run_command(command, environ_update={"LC_ALL": "C"})
        return code, out, err

    def problem(self, *words: str) -> str:
        """Return why apt cannot read its sources, by its own words; empty if it can."""
        code, _, err = self.get(*words, "indextargets")
        lines = [line for line in err.splitlines() if line.startswith("E:")]
        return (" ".join(lines) or err.strip() or "apt-get indextargets fails") if code else ""

    def shadow(self, changes: Mapping[Path, str]) -> list[str]:
        """Return options for a copy of the folder with other texts, for apt to try."""
        top = Path(tempfile.mkdtemp(dir=self.module.tmpdir))
        (top / "sources.list.d").mkdir()
        (top / "sources.list").touch()
        for path, text in {**self.files, **changes}.items():
            (top / path.relative_to(self.folder)).write_bytes(text.encode(*_CODEC))
        return [
            "-o",
            f"Dir::Etc::sourcelist={top}/sources.list",
            "-o",
            f"Dir::Etc::sourceparts={top}/sources.list.d",
        ]

    def update(self, text: str, kind: str) -> str:
        """Fetch the index of what one file names; return why that fails, empty if it does not."""
        top = Path(tempfile.mkdtemp(dir=self.module.tmpdir))
        candidate = top / f"candidate{kind}"
        candidate.write_bytes(text.encode(*_CODEC))
        alone = ["-o", f"Dir::Etc::sourcelist={candidate}", "-o", "Dir::Etc::sourceparts=-"]
        until = time.monotonic() + self.module.params["timeout"]
        chances, out, err = 3, "", ""
        while chances > 0 and time.monotonic() < until:
            code, out, err = self.get(*alone, "update", strict=True)
            if code == 0:
                return ""
            if "Could not get lock" not in err:
                chances -= 3 if _FINAL.search(err + out) else 1
            time.sleep(3 if chances > 0 else 0)
        lines = [x for x in (err + out).splitlines() if x.startswith(("E:", "Err", "W:"))]
        return " ".join(lines) or err.strip() or "another apt holds its lock"

    def all_known(self) -> bool:
        """Whether every repository was read before: a fresh image comes without any index."""
        out = self.get("update", "--print-uris")[1]
        releases = [line.split()[1] for line in out.splitlines() if "_InRelease" in line]
        lists = self.root / "var/lib/apt/lists"
        return all((lists / name).exists() for name in releases)

    def write(self, changes: Mapping[Path, str], ours: str) -> None:
        """Write texts of others' files, kept first, and then ours: so apt can read them all along.

        An empty text of ours removes the file.
        """
        if not ours:
            self.ours.unlink(missing_ok=True)
        store = Store(self.module)
        for path, text in changes.items():
            store.keep(f"/{path.relative_to(self.root)}")
            write_bytes(path, text.encode(*_CODEC), mode=path.stat().st_mode & 0o7777)
        if ours:
            write_bytes(self.ours, ours.encode())
