"""This checkout's code, its scripts for namespaces and the packages that they need, for a guest.

A guest has Debian's Python, of the version of ours, and no packages: ours are brought along.
"""

from __future__ import annotations

import io
import sys
import sysconfig
import tarfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
NEEDED = ("numpy", "platformdirs", "psutil", "pydantic", "pyroute2", "ruamel.yaml")
"""What ``fogbed.network`` and what it imports have from elsewhere."""
SOURCES = ("fogbed/**/*.py", "tests/netns/*.py")
LEFT_OUT = {"tests", "f2py", "include"}


def checkout() -> bytes:
    """Return a tar.gz: ``fogbed`` and ``tests/netns``, and packages in ``packages``."""
    blob = io.BytesIO()
    with tarfile.open(fileobj=blob, mode="w:gz", compresslevel=1) as tar:
        for pattern in SOURCES:
            for path in sorted(ROOT.glob(pattern)):
                tar.add(path, str(path.relative_to(ROOT)))
        site = Path(sysconfig.get_path("purelib")).resolve()
        for name in _with_what_they_need(NEEDED):
            for file in metadata.distribution(name).files or ():
                path = Path(file.locate()).resolve()
                if path.is_relative_to(site) and path.is_file() and not LEFT_OUT & {*file.parts}:
                    tar.add(path, f"packages/{path.relative_to(site)}")
    return blob.getvalue()


def _with_what_they_need(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            needed = map(Requirement, metadata.requires(name) or ())
            waiting += [
                each.name
                for each in needed
                if each.marker is None or each.marker.evaluate({"extra": ""})
            ]
    return found
