#!/usr/bin/python
"""An apt repository with its signing key, and its index fetched, as one step that may be killed.

`deb822_repository` needs python3-debian on the node and leaves the index to another task: a run
killed between the two would never fetch it. Here a stamp is written after the fetch.

apt reads nothing at all any more when two of its sources name one repository with different keys
("Conflicting values set for option Signed-By"). So what the host has already is used if it serves
and its key verifies; else it is set aside, with the file kept, until the host is given back. All is
tried on a copy first, and written so that apt can read its sources at every moment.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from ansible.module_utils.apt_folder import AptFolder
from ansible.module_utils.apt_sources import only
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import digest, read_text, write_bytes, write_text
from ansible.module_utils.urls import open_url

DOCUMENTATION = r"""
module: apt_source
short_description: An apt repository with its key and its index
description:
  - Writes C(/etc/apt/sources.list.d/NAME.sources) and C(/etc/apt/keyrings/NAME.asc) (or C(.gpg)).
  - Or uses the host's own entry for the same repository, or sets that aside.
  - Fetches the index of this repository alone, and only if the repository or its key is new.
options:
  name: {description: Name of the files., type: str, required: true}
  uri: {description: Address of the repository., type: str}
  suite: {description: Suite, C(/) for a flat one., type: str, default: /}
  components: {description: Components., type: list, elements: str, default: []}
  key: {description: Address of the signing key., type: str}
  state: {description: There or not., type: str, choices: [present, absent], default: present}
  timeout: {description: Seconds to wait for apt's lock., type: int, default: 300}
  root: {description: A folder in place of /, type: path, default: /}
  store: {description: Where the files of others are kept; below root unless told, type: path}
"""

RETURN = r"""
used: {description: The host's own file that serves, type: str, returned: always}
notes: {description: What was set aside where, type: list, elements: str, returned: always}
"""

ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"


def sources_text(uri: str, suite: str, components: list[str], keyring: Path) -> str:
    """The deb822 stanza."""
    lines = ["# Written by fogbed.", "Types: deb", f"URIs: {uri}", f"Suites: {suite}"]
    if components:
        lines.append(f"Components: {' '.join(components)}")
    return "\n".join([*lines, f"Signed-By: {keyring}"]) + "\n"


def is_key(data: bytes) -> bool:
    """Whether this is a PGP key, armoured or not."""
    return ARMOUR in data or data[:1] in (b"\x98", b"\x99", b"\xc6")


def fetch_as_apt(module: AnsibleModule, url: str) -> bytes:
    """What apt itself gets from an address, by its own settings; nothing if it fails."""
    target = Path(tempfile.mkdtemp(dir=module.tmpdir), "key")
    helper = ["/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=root", "download-file"]
    code = module.run_command([*helper, url, str(target)])[0]
    return target.read_bytes() if code == 0 and target.exists() else b""


def fetch_key(module: AnsibleModule, url: str) -> bytes:
    """The key's bytes, tried again while the network is slow to come."""
    why: object = "what it returns is not a PGP key"
    for attempt in range(4):
        try:
            data: bytes = open_url(url, timeout=30, http_agent="fogbed").read()
        except (OSError, ValueError) as error:
            why = error
            # The answer of a server is no better the next time.
            if getattr(error, "code", 0) in (403, 404):
                break
            # A host may reach the outside through a proxy that only apt was told of.
            data = fetch_as_apt(module, url)
            if is_key(data):
                return data
            time.sleep(2**attempt)
        else:
            if is_key(data):
                return data
            break
    return module.fail_json(  # type: ignore[no-any-return]
        msg=f"Cannot fetch the signing key {url}: {why}. Is the address right "
        "(sources.keys and sources.apt of the testbed)?"
    )


class Repository:
    """The repository that is wanted, on this host."""

    def __init__(self, module: AnsibleModule) -> None:
        """Where its files are."""
        self.module = module
        self.want = module.params
        name = self.want["name"]
        self.apt = AptFolder(module, name)
        self.ours = self.apt.ours
        top = self.apt.folder / "keyrings"
        self.keyrings = [top / f"{name}.{suffix}" for suffix in ("asc", "gpg")]
        self.tried = [path.with_name(f".{path.name}") for path in self.keyrings]
        stamps = self.apt.root / "var/lib/fogbed/apt"
        self.stamp, self.updated = stamps / name, stamps / "updated"

    def text(self, keyring: Path) -> str:
        """Return the stanza with a key."""
        return sources_text(self.want["uri"], self.want["suite"], self.want["components"], keyring)

    def state(self) -> str:
        """Return what there is of this repository now, as one hash."""
        named = AptFolder(self.module, self.want["name"]).naming(
            self.want["uri"], self.want["suite"]
        )
        keys = [*self.keyrings, *(Path(key) for _, each in named for key in each.key_files())]
        parts = [self.want[key] for key in ("uri", "suite", "components", "key")]
        texts = [read_text(self.ours), *(f"{path} {x.text}" for path, x in named)]
        whole = f"{parts}\n{texts}\n{[digest(key) for key in keys]}"
        return hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest() + "\n"

    def fail(self, msg: str) -> NoReturn:
        """End; apt is left as it can be read."""
        self.heal()
        self.module.fail_json(msg=msg)

    def heal(self) -> None:
        """Remove our file where it, and only it, keeps apt from reading its sources."""
        if self.ours.exists() and self.apt.problem() and not self.apt.problem(*self.apt.shadow({})):
            self.ours.unlink()

    def theirs(self) -> str:
        """Return the host's own file that serves, once its index was fetched; empty if none."""
        want = self.want
        for path, found in self.apt.naming(want["uri"], want["suite"]):
            if not found.serves(want["components"], self.apt.arch):
                continue
            text = only(path.name, found, want["uri"], want["suite"], self.apt.arch)
            readable = not self.apt.problem(*self.apt.shadow({}))
            if readable and not self.apt.update(text, path.suffix):
                self.apt.write({}, "")
                return str(path)
        return ""

    def own(self) -> list[str]:
        """Write our file, with what others have of the repository set aside; return the notes."""
        key = fetch_key(self.module, self.want["key"])
        kind = 0 if ARMOUR in key else 1
        keyring, tried = self.keyrings[kind], self.tried[kind]
        write_bytes(tried, key)
        try:
            problem = self.apt.update(self.text(tried), ".sources")
        finally:
            tried.unlink()
        if problem:
            self.fail(f"apt cannot read {self.want['uri']}: {problem}")
        text = self.text(keyring)
        changes = self.apt.set_aside(self.want["uri"], self.want["suite"])
        problem = self.apt.problem(*self.apt.shadow({**changes, self.ours: text}))
        if problem:
            self.fail(
                f"apt cannot read the sources that this host has: {problem} Mend them until "
                "`apt-get update` works there. They were left as they are."
            )
        write_bytes(keyring, key)
        self.apt.write(changes, text)
        why = "is set aside until the host is given back: it does not serve, or its key does not"
        return [f"{self.want['uri']} in {path} {why}" for path in changes]

    def remember(self) -> None:
        """Note what is there; fetch the other indexes of a host that has none."""
        # What is installed from here depends on the distribution's packages. That another
        # repository cannot be read matters only if an installation fails.
        if not self.apt.all_known() and self.apt.get("update", strict=True)[0] == 0:
            # What apt_packages asks for the age of all indexes.
            write_text(self.updated, "", folder_mode=0o700)
        write_text(self.stamp, self.state(), folder_mode=0o700)


def absent(module: AnsibleModule, repository: Repository) -> None:
    """Remove the files that are there: the source before its key."""
    paths = [repository.ours, *repository.keyrings, *repository.tried, repository.stamp]
    there = [path for path in paths if path.exists()]
    if not module.check_mode:
        for path in there:
            path.unlink()
    module.exit_json(changed=bool(there), removed=[str(path) for path in there])


def present(module: AnsibleModule, repository: Repository) -> None:
    """See to it that the repository is read, if anything of it is not as the last run left it."""
    fresh = read_text(repository.stamp) == repository.state()
    ours = repository.ours
    before = read_text(ours)
    if fresh or module.check_mode:
        after = before if fresh else repository.text(repository.keyrings[0])
        diff = {"before": before, "after": after, "before_header": str(ours)}
        module.exit_json(changed=not fresh, diff=diff, used="", notes=[])
    used = repository.theirs()
    notes = [] if used else repository.own()
    repository.remember()
    for words in notes:
        module.warn(words)
    diff = {"before": before, "after": read_text(ours), "before_header": str(ours)}
    module.exit_json(changed=True, diff=diff, used=used, notes=notes)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "uri": {"type": "str"},
            "suite": {"type": "str", "default": "/"},
            "components": {"type": "list", "elements": "str", "default": []},
            "key": {"type": "str", "no_log": False},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 300},
            "root": {"type": "path", "default": "/"},
            "store": {"type": "path"},
        },
        required_if=[("state", "present", ("uri", "key"))],
        supports_check_mode=True,
    )
    (absent if module.params["state"] == "absent" else present)(module, Repository(module))


if __name__ == "__main__":
    main()
