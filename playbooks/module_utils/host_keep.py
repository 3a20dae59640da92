"""What a host was before fogbed changed it, in a folder that remembers."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import (
    copy,
    digest,
    read_lines,
    replace,
    same,
    there_is,
    write_lines,
)
from ansible.module_utils.host_units import unit_verbs

_SAVED = "/var/backups/fogbed"


class Store:
    """The folder that remembers."""

    def __init__(self, module: AnsibleModule) -> None:
        """Where things are."""
        self.module = module
        self.root = module.params["root"].rstrip("/")
        self.base = Path(module.params["store"] or f"{self.root}/var/lib/fogbed/before")
        self.dry = module.check_mode
        self.done: list[str] = []
        self.notes: list[str] = []

    def on_host(self, path: str) -> Path:
        """Return where a file of the host is."""
        return Path(self.root + path)

    def copy_of(self, path: str) -> Path:
        """Return where the copy of a file is kept."""
        return self.base / "files" / path.lstrip("/")

    def listed(self, name: str) -> list[str]:
        """Return the entries of a list, such as the paths that were not there."""
        return read_lines(self.base / name)

    def add(self, name: str, lines: list[str]) -> None:
        """Add entries to a list."""
        self.done.extend(lines)
        if lines and not self.dry:
            write_lines(self.base / name, [*self.listed(name), *lines])

    def keep_packages(self) -> None:
        """Keep the names of installed packages, once, before anything is changed."""
        if self.root or (self.base / "packages").exists():
            return
        form = "${db:Status-Abbrev} ${Package}\\n"
        out = self.module.run_command(["dpkg-query", "-W", "-f", form], check_rc=True)[1]
        names = {line.split()[-1] for line in out.splitlines() if line.startswith(("ii", "hi"))}
        self.add("packages", sorted(names))

    def keep(self, path: str) -> None:
        """Keep a copy of a file, or the remark that there is none."""
        if there_is(self.copy_of(path)) or path in self.listed("absent"):
            self.save_edited(path)
            self.begin(path)
            return
        here = self.on_host(path)
        if not there_is(here):
            self.add("absent", [*self.missing_folders(path), path])
            return
        if here.is_dir() and not here.is_symlink():
            self.module.fail_json(msg=f"{path} is a folder: only files are kept")
        self.done.append(path)
        if not self.dry:
            self.copy_of(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = self.base / "copying"
            fresh.unlink(missing_ok=True)
            copy(here, fresh)
            fresh.replace(self.copy_of(path))

    def missing_folders(self, path: str) -> list[str]:
        """Return the folders that a file to come needs: with a slash at the end, deepest last."""
        parents = [str(folder) for folder in Path(path).parents if folder != Path("/")]
        missing = [f"{folder}/" for folder in parents if not self.on_host(folder).exists()]
        missing.reverse()
        return [name for name in missing if name not in self.listed("absent")]

    def unit_state(self, unit: str) -> tuple[str, str]:
        """Return how a unit is: enabled or not, running or not."""
        words = ["systemctl", "show", "-p", "LoadState,UnitFileState,ActiveState", unit]
        out = self.module.run_command(words)[1]
        state = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        file_state = state.get("UnitFileState") or state.get("LoadState", "not-found")
        return file_state, state.get("ActiveState", "inactive")

    def keep_unit(self, unit: str) -> None:
        """Keep the state of a unit."""
        if any(line.split()[0] == unit for line in self.listed("units")):
            return
        self.add("units", [" ".join([unit, *self.unit_state(unit)])])

    def kept_files(self) -> list[str]:
        """Return the paths of which there is a copy."""
        top = self.base / "files"
        found = (path for path in top.rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(f"/{path.relative_to(top)}" for path in found)

    def left(self) -> dict[str, str]:
        """Return the digests of files as the last finished run left them, by path."""
        lines = (line.split(maxsplit=1) for line in self.listed("left"))
        return {path: digest for digest, path in lines}

    def all_paths(self) -> list[str]:
        """Return every path that was ever kept, whether there was a file or not."""
        absent = [path for path in self.listed("absent") if not path.endswith("/")]
        return [*self.kept_files(), *absent]

    def note(self) -> None:
        """Note how files are left that were at work on since they were noted last."""
        left = self.left()
        new = [path for path in self.all_paths() if path not in left]
        lines = [f"{digest(self.on_host(path))} {path}" for path in new]
        if lines and not self.dry:
            write_lines(self.base / "left", [*self.listed("left"), *lines])

    def begin(self, path: str) -> None:
        """From now on a file is being worked on: how it was left says nothing any more."""
        line = f"{self.left().get(path)} {path}"
        if line in self.listed("left"):
            self.forget("left", [line])

    def save_edited(self, path: str, *, unknown: bool = False) -> None:
        """Save a file that is not as the last run left it; ``unknown``: also one not noted."""
        here, left = self.on_host(path), self.left().get(path)
        if not there_is(here) or not (unknown if left is None else left != digest(here)):
            return
        number, target = 0, self.on_host(f"{_SAVED}{path}")
        while there_is(target):
            if same(here, target):
                return
            number += 1
            target = self.on_host(f"{_SAVED}{path}.{number}")
        self.notes.append(f"{path} was edited since fogbed wrote it: see {target}")
        if not self.dry:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            copy(here, target)

    def save_before_restore(self, path: str) -> None:
        """Save what giving back would overwrite and nobody can say is fogbed's."""
        kept = self.copy_of(path)
        self.save_edited(path, unknown=there_is(kept) and not same(kept, self.on_host(path)))

    def restore(self, path: str) -> None:
        """Give back a file as it was."""
        kept, here = self.copy_of(path), self.on_host(path)
        self.save_before_restore(path)
        self.begin(path)
        if there_is(kept):
            if not same(kept, here):
                self.done.append(path)
                if not self.dry:
                    here.parent.mkdir(parents=True, exist_ok=True)
                    replace(kept, here)
            if not self.dry:
                kept.unlink()
        elif path in self.listed("absent"):
            if there_is(here):
                self.done.append(path)
                if not self.dry:
                    here.unlink()
            self.forget("absent", [path])

    def forget(self, name: str, entries: list[str]) -> None:
        """Take entries off a list."""
        if not self.dry:
            left = [line for line in self.listed(name) if line not in entries]
            write_lines(self.base / name, left)

    def restore_folders(self) -> None:
        """Remove folders that we caused, if nothing lies in them now."""
        for folder in sorted((x for x in self.listed("absent") if x.endswith("/")), reverse=True):
            here = self.on_host(folder)
            if here.is_dir() and not any(here.iterdir()) and not self.dry:
                here.rmdir()
            if not here.is_dir():
                self.forget("absent", [folder])

    def restore_unit(self, line: str) -> None:
        """Give back a unit as it was, as far as it is still there."""
        unit, was_enabled, was_active = line.split()
        enabled, active = self.unit_state(unit)
        verbs = unit_verbs((was_enabled, was_active), (enabled, active))
        self.done.extend(f"{verb} {unit}" for verb in verbs)
        for verb in () if self.dry else verbs:
            code, _, err = self.module.run_command(["systemctl", verb, unit])
            if code and verb != "start":
                self.module.fail_json(msg=f"systemctl {verb} {unit}: {err.strip()}")
        self.forget("units", [line])
