#!/usr/bin/python
"""Packages at wanted versions, also after an earlier run was killed in the middle of dpkg's work.

A version is a beginning: "1.36" is met by 1.36.4-1.1. What is installed and meets it is left alone.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.apt_versions import is_fresh, matches
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import read_lines

DOCUMENTATION = r"""
module: apt_packages
short_description: Packages at wanted versions, held; or what we installed purged
options:
  packages: {description: Each a C(name) and a C(version), type: list, elements: dict, default: []}
  hold: {description: Hold them., type: bool, default: false}
  allow_downgrade: {description: Go back to an older version if asked., type: bool, default: false}
  state: {description: What is to be, type: str, choices: [present, purged], default: present}
  folder: {description: Where we remember., type: path, default: /var/lib/fogbed}
  timeout: {description: Seconds to wait for another apt or dpkg., type: int, default: 900}
  index_age: {description: Seconds until the index is fetched again., type: int, default: 3600}
"""

OPTIONS = (
    "Dpkg::Options::=--force-confdef",
    "Dpkg::Options::=--force-confold",
    "APT::Install-Recommends=false",
    "Acquire::Retries=3",
    "Acquire::http::Timeout=30",
    "Acquire::https::Timeout=30",
)
ENVIRONMENT = {
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    # needrestart would restart services, or ask, in the middle of the play.
    "NEEDRESTART_SUSPEND": "1",
    "APT_LISTCHANGES_FRONTEND": "none",
}
CHANCES = 3
LOCKED = re.compile(r"Could not get lock|is another process using it|locked by another process")
NETWORK = re.compile(
    r"Failed to fetch|Unable to fetch|Could not (resolve|connect)|Connection (failed|timed out)"
    r"|Temporary failure|Hash Sum mismatch|unexpected size"
)


class Apt:
    """apt and dpkg on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        """Where we remember."""
        self.module = module
        self.folder = Path(module.params["folder"])
        self.until = time.monotonic() + module.params["timeout"]
        self.update_problem = ""

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run a command, tried again while another apt or dpkg holds the lock."""
        while True:
            code, out, err = self.module.run_command(list(words), environ_update=ENVIRONMENT)
            if code == 0 or not LOCKED.search(err) or time.monotonic() > self.until:
                return code, out, err
            time.sleep(3)

    def get(self, *words: str) -> tuple[int, str, str]:
        """Run an apt-get command with our options."""
        lock = f"DPkg::Lock::Timeout={max(1, int(self.until - time.monotonic()))}"
        options = [part for option in (*OPTIONS, lock) for part in ("-o", option)]
        return self.run("apt-get", "-q", "-y", *options, *words)

    def fail(self, what: str, out: str, err: str) -> NoReturn:
        """End with apt's own words."""
        problem = [x for x in (err + out).splitlines() if x.startswith(("E:", "dpkg:", "Err:"))]
        words = " ".join(problem[-6:]) or err.strip()[-600:]
        more = f" Its index could not be fetched either: {self.update_problem}" * bool(
            self.update_problem
        )
        self.module.fail_json(msg=f"{what}: {words}{more}", stdout=out, stderr=err)

    def record(self, name: str, entries: list[str]) -> None:
        """Add entries to one of our lists."""
        path = self.folder / name
        lines = read_lines(path)
        new = [entry for entry in entries if entry not in lines]
        if new:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = path.with_name(f"{name}.new")
            fresh.write_text("".join(f"{line}\n" for line in [*lines, *new]), encoding="utf-8")
            fresh.replace(path)

    def repair(self) -> bool:
        """Finish what a killed run began; return True if there was something."""
        torn = any(path.name.isdigit() for path in Path("/var/lib/dpkg/updates").glob("*"))
        if not torn and not self.run("dpkg", "--audit")[1].strip():
            return False
        if self.module.check_mode:
            return True
        code, out, err = self.run("dpkg", "--configure", "-a", "--force-confdef", "--force-confold")
        # Unpacked without what it needs: apt fetches that.
        if code or self.run("apt-get", "check")[0]:
            code, out, err = self.get("--fix-broken", "install")
        if code:
            self.fail("An interrupted package installation cannot be finished", out, err)
        return True

    def installed(self, names: list[str]) -> dict[str, str]:
        """Return {name: version} of those that are installed and configured."""
        form = "${Package}\t${db:Status-Abbrev}\t${Version}\n"
        out = self.run("dpkg-query", "-W", "-f", form, *names)[1]
        rows = [line.split("\t") for line in out.splitlines()]
        return {name: version for name, state, version in rows if state[1:2] == "i"}

    def update(self) -> None:
        """Fetch the index if it is old. Why that failed matters only if the installation does."""
        stamp = self.folder / "apt" / "updated"
        if is_fresh(stamp, self.module.params["index_age"]):
            return
        code, out, err = self.get("update")
        problems = [x for x in (out + err).splitlines() if x.startswith(("E:", "Err:"))]
        if code or problems:
            self.update_problem = " ".join(problems[:4]) or err.strip()[-300:]
            return
        stamp.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        stamp.touch()

    def offered(self, name: str) -> list[str]:
        """Return the versions that apt could install, newest first."""
        rows = [line.split("|") for line in self.run("apt-cache", "madison", name)[1].splitlines()]
        return list(dict.fromkeys(row[1].strip() for row in rows if len(row) > 1))

    def choose(self, package: dict[str, Any]) -> str:
        """Return NAME=VERSION of the newest version that meets what is wanted."""
        name, beginning = package["name"], str(package.get("version") or "")
        versions = self.offered(name)
        fitting = [version for version in versions if matches(version, beginning)]
        if fitting:
            return f"{name}={fitting[0]}"
        there = f"It offers {', '.join(versions[:5])}." if versions else "It knows no such package."
        why = f" The index could not be fetched: {self.update_problem}" * bool(self.update_problem)
        wanted = f"{name} {beginning}".strip()
        return self.module.fail_json(
            msg=f"apt has no {wanted}. {there} Check the version and the address of its "
            f"repository (versions and sources of the testbed).{why}"
        )

    def refuse_downgrade(self, chosen: list[str], installed: dict[str, str]) -> None:
        """Stop before a newer version is replaced by an older one."""
        if self.module.params["allow_downgrade"]:
            return
        for name, version in (word.split("=", 1) for word in chosen):
            old = installed.get(name)
            if old and self.run("dpkg", "--compare-versions", old, "gt", version)[0] == 0:
                self.module.fail_json(
                    msg=f"{name} {old} is installed, newer than the wanted {version}. Ask for that "
                    f"version in the testbed, or remove the package first."
                )

    def refuse_held(self, names: list[str], on_hold: list[str], installed: dict[str, str]) -> None:
        """Stop before a package is changed that somebody else holds at its version."""
        ours = read_lines(self.folder / "held")
        theirs = [f"{x} {installed[x]}" for x in names if x in set(on_hold) - set(ours)]
        if theirs:
            self.module.fail_json(
                msg=f"{', '.join(theirs)} is held on this host (`apt-mark showhold`), and another "
                "version is wanted. Ask for the held one in the testbed (versions), or let it go: "
                f"`sudo apt-mark unhold {' '.join(x.split()[0] for x in theirs)}`"
            )

    def install(self, chosen: list[str], *, held: bool) -> None:
        """Install; a network that fails is given three chances."""
        words = ["install", *chosen]
        if held:
            words.insert(1, "--allow-change-held-packages")
        if self.module.params["allow_downgrade"]:
            words.insert(1, "--allow-downgrades")
        plan = self.get("--simulate", *words)[1]
        gone = re.findall(r"^Remv (\S+)", plan, re.MULTILINE)
        # Before the work: a run killed in it must not forget whose they are.
        self.record("removed", gone)
        self.record("installed", [word.split("=")[0] for word in chosen])
        for attempt in range(1, CHANCES + 1):
            code, out, err = self.get(*words)
            if code == 0:
                return
            if attempt == CHANCES or not NETWORK.search(err + out):
                break
            time.sleep(5 * attempt)
            self.get("update")
        self.fail(f"apt cannot install {' '.join(chosen)}", out, err)


def present(module: AnsibleModule, apt: Apt) -> None:
    """Repair, install what lacks, hold."""
    repaired = apt.repair()
    packages = module.params["packages"]
    names = [package["name"] for package in packages]
    installed = apt.installed(names)
    lacking = [
        x
        for x in packages
        if x["name"] not in installed
        or not matches(installed[x["name"]], str(x.get("version") or ""))
    ]
    on_hold = apt.run("apt-mark", "showhold")[1].split()
    to_hold = [name for name in names if name not in on_hold] if module.params["hold"] else []
    after = "".join(f"{x['name']} {x.get('version') or ''}\n" for x in lacking)
    diff = {"before": "".join(f"{n} {v}\n" for n, v in installed.items() if n in after)}
    diff["after"] = after
    changed = repaired or bool(lacking) or bool(to_hold)
    if module.check_mode:
        module.exit_json(changed=changed, diff=diff, installed=installed)
    if lacking:
        apt.refuse_held([x["name"] for x in lacking if x["name"] in installed], on_hold, installed)
        apt.update()
        chosen = [apt.choose(package) for package in lacking]
        apt.refuse_downgrade(chosen, installed)
        apt.install(chosen, held=bool(set(on_hold) & {x["name"] for x in lacking}))
        # A held package that is changed is no longer held. What somebody else holds stays theirs.
        changed_now = {x["name"] for x in lacking}
        held_now = [x for x in names if x in changed_now or x not in on_hold]
        to_hold = held_now if module.params["hold"] else []
    if to_hold:
        apt.record("held", to_hold)
        apt.run("apt-mark", "hold", *to_hold)
    module.exit_json(changed=changed, diff=diff, installed=apt.installed(names))


def purge(apt: Apt, names: list[str]) -> list[str]:
    """Purge packages that are known to dpkg in any state."""
    out = apt.run("dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *names)[1]
    known = sorted({x.split()[0] for x in out.splitlines() if not x.split()[1].startswith("un")})
    if not known or apt.module.check_mode:
        return known
    code, out, err = apt.get("purge", "--allow-change-held-packages", *known)
    if code:
        apt.fail(f"apt cannot purge {' '.join(known)}", out, err)
    return known


def purged(module: AnsibleModule, apt: Apt) -> None:
    """Purge what we installed and what came with it, bring back what had to go for it."""
    before = set(read_lines(apt.folder / "before" / "packages"))
    if not before:
        module.exit_json(changed=False)
    apt.repair()
    ours = [x for x in read_lines(apt.folder / "installed") if x not in before]
    held = read_lines(apt.folder / "held")
    if held and not module.check_mode:
        apt.run("apt-mark", "unhold", *held)
    gone = purge(apt, ours) if ours else []
    idle = re.findall(r"^Remv (\S+)", apt.get("--simulate", "autoremove")[1], re.MULTILINE)
    idle = [name.split(":")[0] for name in idle]
    left = [name for name in idle if name not in before]
    gone += purge(apt, left) if left else []
    back = [x for x in read_lines(apt.folder / "removed") if x in before]
    back = [name for name in back if name not in apt.installed(back)] if back else []
    if back and not module.check_mode:
        code, out, err = apt.get("install", *back)
        if code:
            apt.fail(f"apt cannot install {' '.join(back)} again", out, err)
    module.exit_json(changed=bool(gone or back), purged=gone, installed_again=back)


_ARGUMENTS = {
    "packages": {"type": "list", "elements": "dict", "default": []},
    "hold": {"type": "bool", "default": False},
    "allow_downgrade": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "purged"], "default": "present"},
    "folder": {"type": "path", "default": "/var/lib/fogbed"},
    "timeout": {"type": "int", "default": 900},
    "index_age": {"type": "int", "default": 3600},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    (purged if module.params["state"] == "purged" else present)(module, Apt(module))


if __name__ == "__main__":
    main()
