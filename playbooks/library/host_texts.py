#!/usr/bin/python
"""Text files of a host, many in one step: read them, write those that differ.

Written for the places where a plain copy fails: a FAT boot partition, which has no owners and
loses power in the middle of a write, and files that are mount points, such as /etc/hosts of a
container, which cannot be renamed over.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.host_files import move, own

DOCUMENTATION = r"""
module: host_texts
short_description: Read and write text files of a host
options:
  read: {description: Files to read, type: list, elements: str, default: []}
  listing: {description: Folders whose files are read too, type: list, elements: str, default: []}
  exists: {description: Files read as empty where they are, type: list, elements: str, default: []}
  write: {description: Text by file, type: dict, default: {}}
  remove: {description: Files that are not to be there, type: list, elements: str, default: []}
  root: {description: A folder in place of /, type: path, default: /}
author: [fogbed]
"""

RETURN = r"""
texts: {description: "Text by file; null where there is none.", type: dict, returned: always}
"""

_ARGUMENTS = {
    "read": {"type": "list", "elements": "str", "default": []},
    "listing": {"type": "list", "elements": "str", "default": []},
    "exists": {"type": "list", "elements": "str", "default": []},
    "write": {"type": "dict", "default": {}},
    "remove": {"type": "list", "elements": "str", "default": []},
    "root": {"type": "path", "default": "/"},
}


def read(path: Path) -> str | None:
    """Return the text of a file, None if there is none."""
    try:
        # Not as text: that would read every end of a line as \n, and write it back so.
        return path.read_bytes().decode("utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None


def flush(path: Path) -> None:
    """Let a file or folder reach the card."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, text: str) -> None:
    """Put the text in the file's place at once, with the old file's mode and owner."""
    fresh = path.with_name(f"{path.name}.fogbed-new")
    fresh.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    if path.exists():
        fresh.chmod(path.stat().st_mode & 0o7777)
        own(fresh, path.stat())
    else:
        fresh.chmod(0o644)
    flush(fresh)
    move(fresh, path)
    flush(path.parent)


def difference(path: str, before: str | None, after: str) -> dict[str, str]:
    """Return what --diff shows."""
    return {
        "before": before or "",
        "after": after,
        "before_header": path if before is not None else f"{path} (new)",
        "after_header": path,
    }


def change(module: AnsibleModule, root: Path) -> list[dict[str, str]]:
    """Write and remove; return the differences."""
    diffs = []
    # First, for two files may not bear each other: apt's sources of one repository.
    for name in module.params["remove"]:
        path = root / name.lstrip("/")
        before = read(path)
        if before is None:
            continue
        diffs.append(difference(name, before if "\0" not in before[:4096] else "(binary)", ""))
        if not module.check_mode:
            path.unlink()
    for name, text in sorted(module.params["write"].items()):
        # A link is followed: what it points to is what is read at boot.
        path = Path(os.path.realpath(root / name.lstrip("/")))
        before = read(path)
        if before == text:
            continue
        diffs.append(difference(name, before, text))
        if not module.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace(path, text)
    return diffs


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=_ARGUMENTS, supports_check_mode=True)
    root = Path(module.params["root"])
    names = list(module.params["read"])
    for folder in module.params["listing"]:
        there = root / folder.lstrip("/")
        if there.is_dir():
            files = (x.name for x in there.iterdir() if x.is_file())
            names += sorted(f"{folder.rstrip('/')}/{name}" for name in files)
    texts: dict[str, Any] = {name: read(root / name.lstrip("/")) for name in names}
    for name in module.params["exists"]:
        texts[name] = "" if (root / name.lstrip("/")).exists() else None
    try:
        diffs = change(module, root)
    except OSError as error:
        module.fail_json(msg=f"Cannot write {error.filename}: {error.strerror}")
    module.exit_json(changed=bool(diffs), diff=diffs, texts=texts)


if __name__ == "__main__":
    main()
