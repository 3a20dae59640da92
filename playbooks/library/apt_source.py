#!/usr/bin/python
"""An apt repository with its signing key, and its index fetched, as one step that may be killed.

`deb822_repository` needs python3-debian on the node and leaves the index to another task: a run
killed between the two would never fetch it. Here a stamp is written after the fetch.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import read_text
from ansible.module_utils.urls import open_url

DOCUMENTATION = r"""
module: apt_source
short_description: An apt repository with its key and its index
description:
  - Writes C(/etc/apt/sources.list.d/NAME.sources) and C(/etc/apt/keyrings/NAME.asc) (or C(.gpg)).
  - Fetches the index of this repository alone, and only if the repository or its key is new.
options:
  name: {description: Name of the files., type: str, required: true}
  uri: {description: Address of the repository., type: str}
  suite: {description: Suite, C(/) for a flat one., type: str, default: /}
  components: {description: Components., type: list, elements: str, default: []}
  key: {description: Address of the signing key., type: str}
  state: {description: There or not., type: str, choices: [present, absent], default: present}
  stamps: {description: Where the stamps lie., type: path, default: /var/lib/fogbed/apt}
  timeout: {description: Seconds to wait for apt's lock., type: int, default: 300}
"""

ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"
UPDATE = ("apt-get", "-q", "-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any")


def sources_text(uri: str, suite: str, components: list[str], keyring: Path) -> str:
    """The deb822 stanza."""
    lines = ["# Written by fogbed.", "Types: deb", f"URIs: {uri}", f"Suites: {suite}"]
    if components:
        lines.append(f"Components: {' '.join(components)}")
    return "\n".join([*lines, f"Signed-By: {keyring}"]) + "\n"


def stamp_of(text: str, key_url: str) -> str:
    """What identifies a repository whose index was fetched."""
    return hashlib.sha256(f"{key_url}\n{text}".encode()).hexdigest() + "\n"


def write(module: AnsibleModule, path: Path, data: bytes) -> None:
    """Replace a file at once."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=module.tmpdir, delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    module.atomic_move(file.name, str(path))


def is_key(data: bytes) -> bool:
    """Whether this is a PGP key, armoured or not."""
    return ARMOUR in data or data[:1] in (b"\x98", b"\x99", b"\xc6")


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
            time.sleep(2**attempt)
        else:
            if is_key(data):
                return data
            break
    return module.fail_json(  # type: ignore[no-any-return]
        msg=f"Cannot fetch the signing key {url}: {why}. Is the address right "
        "(sources.keys and sources.apt of the testbed)?"
    )


def all_known(module: AnsibleModule) -> bool:
    """Whether every other repository was read before: a fresh image comes without any index."""
    out = module.run_command(["apt-get", "update", "--print-uris"])[1]
    releases = [line.split()[1] for line in out.splitlines() if "_InRelease" in line]
    missing = [name for name in releases if not Path("/var/lib/apt/lists", name).exists()]
    return len(missing) <= 1


def update(module: AnsibleModule, sources: Path) -> None:
    """Fetch the index of this repository; wait while another apt holds the lock."""
    alone = ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
    # What is installed from here depends on the distribution's packages.
    whole = not all_known(module)
    command = [*UPDATE, *([] if whole else alone), "update"]
    until = time.monotonic() + module.params["timeout"]
    chances = 3
    while chances and time.monotonic() < until:
        code, out, err = module.run_command(command, environ_update={"LC_ALL": "C"})
        if code == 0:
            if whole:
                # What apt_packages asks for the age of all indexes.
                write(module, Path(module.params["stamps"], "updated"), b"")
            return
        chances -= "Could not get lock" not in err
        time.sleep(3 if chances else 0)
    problem = [line for line in (err + out).splitlines() if line.startswith(("E:", "Err", "W:"))]
    module.fail_json(
        msg=f"apt cannot read {module.params['uri']}: {' '.join(problem) or err.strip()}",
        stdout=out,
        stderr=err,
    )


def absent(module: AnsibleModule, paths: list[Path]) -> None:
    """Remove the files that are there."""
    there = [path for path in paths if path.exists()]
    if not module.check_mode:
        for path in there:
            path.unlink()
    module.exit_json(changed=bool(there), removed=[str(path) for path in there])


def present(module: AnsibleModule, sources: Path, keyrings: list[Path], stamp: Path) -> None:
    """Write what differs, fetch the index if anything did."""
    want = module.params
    keyring = next((path for path in keyrings if path.exists()), keyrings[0])
    text = sources_text(want["uri"], want["suite"], want["components"], keyring)
    fresh = (
        read_text(stamp) == stamp_of(text, want["key"])
        and read_text(sources) == text
        and keyring.exists()
    )
    diff = {
        "before": read_text(sources),
        "after": text,
        "before_header": str(sources),
        "after_header": str(sources),
    }
    if fresh or module.check_mode:
        module.exit_json(changed=not fresh, diff=diff)
    key = fetch_key(module, want["key"])
    keyring = keyrings[0] if ARMOUR in key else keyrings[1]
    text = sources_text(want["uri"], want["suite"], want["components"], keyring)
    write(module, keyring, key)
    write(module, sources, text.encode())
    update(module, sources)
    write(module, stamp, stamp_of(text, want["key"]).encode())
    module.exit_json(changed=True, diff=diff)


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
            "stamps": {"type": "path", "default": "/var/lib/fogbed/apt"},
            "timeout": {"type": "int", "default": 300},
        },
        required_if=[("state", "present", ("uri", "key"))],
        supports_check_mode=True,
    )
    name = module.params["name"]
    sources = Path("/etc/apt/sources.list.d", f"{name}.sources")
    keyrings = [Path("/etc/apt/keyrings", f"{name}.{suffix}") for suffix in ("asc", "gpg")]
    stamp = Path(module.params["stamps"], name)
    if module.params["state"] == "absent":
        absent(module, [sources, *keyrings, stamp])
    present(module, sources, keyrings, stamp)


if __name__ == "__main__":
    main()
