#!/usr/bin/python
"""What a host was before fogbed changed it: installed packages, files, units; and the way back.

Everything is written to a name of its own first and renamed, so a run killed anywhere leaves
either nothing or all of an entry.
"""

from __future__ import annotations

import errno
import filecmp
import os
import shutil

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: keep_files
short_description: Keep files and states of units as they are, or give them back
options:
  state:
    description: C(kept) before a change; C(restored) to undo it.
    type: str
    choices: [kept, restored]
    default: kept
  paths: {description: The files. None with C(restored) means all., type: list, elements: path, default: []}
  units: {description: The units., type: list, elements: str, default: []}
  everything: {description: Restore all that was kept., type: bool, default: false}
  store: {description: Where it is kept; below root unless told, type: path}
  root: {description: A folder in place of /., type: path, default: /}
"""


def read_lines(path):
    """The lines of a file, none if it is missing."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def write_lines(path, lines):
    """Replace a file at once."""
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)


def copy(source, target):
    """A copy with mode, owner and times; links stay links."""
    shutil.copy2(source, target, follow_symlinks=False)
    entry = os.lstat(source)
    try:
        os.lchown(target, entry.st_uid, entry.st_gid)
    except OSError as error:
        # A FAT boot partition has no owners.
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise


def replace(source, target):
    """Put a copy of source in target's place, in one step where that is possible."""
    fresh = f"{target}.fogbed-new"
    copy(source, fresh)
    try:
        os.replace(fresh, target)
    except OSError as error:
        # A file that is itself a mount point, such as /etc/hosts of a container.
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        os.unlink(fresh)
        shutil.copyfile(source, target)
        shutil.copystat(source, target)


def same(one, other):
    """Whether two files have the same contents and mode."""
    if not os.path.lexists(other) or os.path.islink(one) != os.path.islink(other):
        return False
    if os.path.islink(one):
        return os.readlink(one) == os.readlink(other)
    modes = [os.stat(path).st_mode for path in (one, other)]
    return filecmp.cmp(one, other, shallow=False) and modes[0] == modes[1]


class Store:
    """The folder that remembers."""

    def __init__(self, module):
        """Where things are."""
        self.module = module
        self.root = module.params["root"].rstrip("/")
        self.base = module.params["store"] or f"{self.root}/var/lib/fogbed/before"
        self.dry = module.check_mode
        self.done = []

    def on_host(self, path):
        """Where a file of the host is."""
        return self.root + path

    def copy_of(self, path):
        """Where the copy of a file is kept."""
        return os.path.join(self.base, "files", path.lstrip("/"))

    def listed(self, name):
        """The entries of a list, such as the paths that were not there."""
        return read_lines(os.path.join(self.base, name))

    def add(self, name, lines):
        """Add entries to a list."""
        self.done.extend(lines)
        if lines and not self.dry:
            write_lines(os.path.join(self.base, name), [*self.listed(name), *lines])

    def keep_packages(self):
        """The names of installed packages, once, before anything is changed."""
        if self.root or os.path.exists(os.path.join(self.base, "packages")):
            return
        form = "${db:Status-Abbrev} ${Package}\\n"
        out = self.module.run_command(["dpkg-query", "-W", "-f", form], check_rc=True)[1]
        names = {line.split()[-1] for line in out.splitlines() if line.startswith(("ii", "hi"))}
        self.add("packages", sorted(names))

    def keep(self, path):
        """A copy of a file, or the remark that there is none."""
        if os.path.lexists(self.copy_of(path)) or path in self.listed("absent"):
            return
        here = self.on_host(path)
        if not os.path.lexists(here):
            self.add("absent", [*self.missing_folders(path), path])
            return
        if os.path.isdir(here) and not os.path.islink(here):
            self.module.fail_json(msg=f"{path} is a folder: only files are kept")
        self.done.append(path)
        if not self.dry:
            os.makedirs(os.path.dirname(self.copy_of(path)), mode=0o700, exist_ok=True)
            fresh = os.path.join(self.base, "copying")
            if os.path.lexists(fresh):
                os.unlink(fresh)
            copy(here, fresh)
            os.replace(fresh, self.copy_of(path))

    def missing_folders(self, path):
        """The folders that a file to come needs, each with a slash at its end, deepest last."""
        missing = []
        folder = os.path.dirname(path)
        while folder not in ("", "/") and not os.path.exists(self.on_host(folder)):
            missing.insert(0, folder + "/")
            folder = os.path.dirname(folder)
        return [name for name in missing if name not in self.listed("absent")]

    def unit_state(self, unit):
        """How a unit is: enabled or not, running or not."""
        words = ["systemctl", "show", "-p", "LoadState,UnitFileState,ActiveState", unit]
        out = self.module.run_command(words)[1]
        state = dict(line.split("=", 1) for line in out.splitlines() if "=" in line)
        file_state = state.get("UnitFileState") or state.get("LoadState", "not-found")
        return file_state, state.get("ActiveState", "inactive")

    def keep_unit(self, unit):
        """The state of a unit."""
        if any(line.split()[0] == unit for line in self.listed("units")):
            return
        self.add("units", [" ".join([unit, *self.unit_state(unit)])])

    def kept_files(self):
        """The paths of which there is a copy."""
        top = os.path.join(self.base, "files")
        found = [os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names]
        return sorted("/" + os.path.relpath(path, top) for path in found)

    def restore(self, path):
        """A file as it was."""
        kept, here = self.copy_of(path), self.on_host(path)
        if os.path.lexists(kept):
            if not same(kept, here):
                self.done.append(path)
                if not self.dry:
                    os.makedirs(os.path.dirname(here), exist_ok=True)
                    replace(kept, here)
            if not self.dry:
                os.unlink(kept)
        elif path in self.listed("absent"):
            if os.path.lexists(here):
                self.done.append(path)
                if not self.dry:
                    os.unlink(here)
            self.forget("absent", [path])

    def forget(self, name, entries):
        """Take entries off a list."""
        if not self.dry:
            left = [line for line in self.listed(name) if line not in entries]
            write_lines(os.path.join(self.base, name), left)

    def restore_folders(self):
        """Remove folders that we caused, if nothing lies in them now."""
        for folder in sorted((x for x in self.listed("absent") if x.endswith("/")), reverse=True):
            here = self.on_host(folder)
            if os.path.isdir(here) and not os.listdir(here) and not self.dry:
                os.rmdir(here)
            if not os.path.isdir(here):
                self.forget("absent", [folder])

    def restore_unit(self, line):
        """A unit as it was, as far as it is still there."""
        unit, was_enabled, was_active = line.split()
        enabled, active = self.unit_state(unit)
        verbs = unit_verbs((was_enabled, was_active), (enabled, active))
        self.done.extend(f"{verb} {unit}" for verb in verbs)
        for verb in () if self.dry else verbs:
            code, _, err = self.module.run_command(["systemctl", verb, unit])
            if code and verb != "start":
                self.module.fail_json(msg=f"systemctl {verb} {unit}: {err.strip()}")
        self.forget("units", [line])


def unit_verbs(before, now):
    """The systemctl verbs that lead back."""
    if "not-found" in (before[0], now[0]):
        return []
    verbs = []
    if now[0].startswith("masked") and not before[0].startswith("masked"):
        verbs.append("unmask")
        now = ("disabled", now[1])
    if before[1] not in ("active", "activating") and now[1] == "active":
        verbs.append("stop")
    wanted = {"enabled": "enable", "disabled": "disable", "masked": "mask"}.get(before[0])
    # The state behind a mask is not seen: enabling what is enabled does no harm.
    if wanted and before[0] != now[0] or (wanted == "enable" and "unmask" in verbs):
        verbs.append(wanted)
    if before[1] == "active" and now[1] != "active":
        verbs.append("start")
    return verbs


def keep(store, paths, units):
    """Keep what is named; the packages are kept with the first of anything."""
    if not store.dry:
        os.makedirs(store.base, mode=0o700, exist_ok=True)
    store.keep_packages()
    for path in paths:
        store.keep(path)
    for unit in units:
        store.keep_unit(unit)


def restore(store, paths, units, *, everything):
    """Give back what is named, or all."""
    if not os.path.isdir(store.base):
        return
    if everything:
        absent = [path for path in store.listed("absent") if not path.endswith("/")]
        paths = [*store.kept_files(), *absent]
    for path in paths:
        store.restore(path)
    store.restore_folders()
    # Generators of units read files outside of /etc/systemd too, such as /etc/fstab and /etc/rpi.
    if store.done and not store.dry and not store.root:
        store.module.run_command(["systemctl", "daemon-reload"])
    for line in store.listed("units"):
        if everything or line.split()[0] in units:
            store.restore_unit(line)


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["kept", "restored"], "default": "kept"},
            "paths": {"type": "list", "elements": "path", "default": []},
            "units": {"type": "list", "elements": "str", "default": []},
            "everything": {"type": "bool", "default": False},
            "store": {"type": "path"},
            "root": {"type": "path", "default": "/"},
        },
        supports_check_mode=True,
    )
    store = Store(module)
    if module.params["state"] == "kept":
        keep(store, module.params["paths"], module.params["units"])
    else:
        restore(
            store,
            module.params["paths"],
            module.params["units"],
            everything=module.params["everything"],
        )
    # The list of packages is long, and nobody reads it here.
    module.exit_json(changed=bool(store.done), entries=store.done[:20])


if __name__ == "__main__":
    main()
