"""What a testbed is planned with: the Java and Flink of this computer, a number that is free."""

from __future__ import annotations

from pathlib import Path

from fogbed import links
from fogbed.plan.flink_settings import Runtime
from fogbed.platforms.local import class_archive
from fogbed.platforms.local.folder import TestbedFolder
from fogbed.platforms.local.java import find_flink, find_java
from fogbed.platforms.state import testbeds_dir

_NUMBERS = range(1, 255)


def find_runtime(*, lists: Path | None) -> Runtime:
    """Return what runs Flink here; where there is no archive yet, classes are listed in ``lists``.

    Every path is plain: a class path has no spelling for a colon. Without ``lists`` nothing is
    touched.

    Raises:
        PlatformError: Java or Flink is missing.
    """
    java = find_java()
    found, plugins = find_flink()
    jars = tuple(links.plain(jar.parent) / jar.name for jar in found)
    archive = class_archive.find(java, jars, lists) if lists is not None else None
    return Runtime(
        java=java.program,
        java_version=java.version,
        jars=jars,
        plugins=links.plain(plugins),
        archive=archive,
        class_lists=None if archive else lists,
    )


def free_number(name: str) -> int:
    """Return the lowest testbed number that no other testbed of this user has."""
    others = (TestbedFolder(path.parent.name) for path in testbeds_dir().glob("*/launched.json"))
    launched = (other.launched() for other in others if other.name != name)
    taken = {known.number for known in launched if known is not None}
    return next(number for number in _NUMBERS if number not in taken)
