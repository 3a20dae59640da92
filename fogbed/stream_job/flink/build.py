"""The job's jar: kept beside its sources, made from them byte for byte the same.

A laptop needs no JDK: the jar is in the repository and in the wheel. Whoever changes the sources
builds it anew; the digest of the sources in its manifest tells when that was forgotten.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from fogbed.clients import process
from fogbed.errors import JobError
from fogbed.files import write_whole
from fogbed.spec.job_description import JobDescription
from fogbed.spec.nearest_landmark import NEAREST_LANDMARK

RELEASE: Final = 17

_SOURCES: Final = Path(__file__).parents[1] / "java"
_DIGEST: Final = "Sources-SHA256"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_COMPILE_TIMEOUT_S: Final = 300.0
_JDK_HINT: Final = "sudo apt-get install openjdk-17-jdk-headless (only building the jar needs it)"


def jar_path(job: JobDescription = NEAREST_LANDMARK) -> Path:
    """Return where a job's jar is; ``is_fresh`` says whether ours was made from these sources."""
    return _SOURCES / job.jar


def sources_digest() -> str:
    """Return the SHA-256 over names and contents of the Java sources, as 64 hex digits."""
    digest = hashlib.sha256()
    for source in _sources():
        content = source.read_bytes()
        digest.update(f"{source.relative_to(_SOURCES).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def jar_digest(jar: Path) -> str | None:
    """Return the digest of the sources that ``jar`` was made from, None if it does not say."""
    with zipfile.ZipFile(jar) as archive:
        manifest = archive.read("META-INF/MANIFEST.MF").decode()
    found = re.search(rf"^{_DIGEST}: ([0-9a-f]+)", re.sub(r"\r?\n ", "", manifest), re.MULTILINE)
    return found.group(1) if found else None


def is_fresh() -> bool:
    """Say whether the jar is there and was made from the sources as they are now."""
    jar = jar_path()
    return jar.exists() and jar_digest(jar) == sources_digest()


def build_jar(
    *, target: Path | None = None, java_home: Path | None = None, search_path: str | None = None
) -> Path:
    """Compile the sources and write the jar to ``target`` (default: beside the sources).

    ``javac`` is the one of ``java_home``, else the first in ``search_path`` (default: PATH).

    Raises:
        JobError: no JDK 17 or later, no Flink distribution, the sources do not compile, or the jar
            cannot be written.
    """
    javac = find_javac(java_home=java_home, search_path=search_path)
    jar = target or jar_path()
    with tempfile.TemporaryDirectory(prefix="fogbed-build-") as folder:
        _compile(javac, Path(folder))
        content = _archive(Path(folder))
    try:
        write_whole(jar, content)
    except OSError as error:
        raise JobError(
            f"{jar} cannot be written: {error.strerror}",
            hint="the jar that is there goes on working; build as the owner of that folder",
        ) from error
    return jar


def find_javac(*, java_home: Path | None = None, search_path: str | None = None) -> Path:
    """Return a ``javac`` that can compile for Java 17.

    Raises:
        JobError: there is none, or it is older.
    """
    folder = str(java_home / "bin") if java_home is not None else search_path
    found = shutil.which("javac", path=folder)
    if found is None:
        where = f" in {java_home}" if java_home is not None else ""
        raise JobError(
            f"building the job's jar needs a JDK, and there is no javac{where}", hint=_JDK_HINT
        )
    version = process.run([found, "-version"], timeout_s=60)
    number = re.search(r"javac (\d+)", version.stdout + version.stderr)
    if number is None or int(number.group(1)) < RELEASE:
        said = (version.stdout + version.stderr).strip()
        raise JobError(
            f"building the job's jar needs JDK {RELEASE} or later; {found} is {said!r}",
            hint=_JDK_HINT,
        )
    return Path(found)


def _sources() -> list[Path]:
    return sorted(_SOURCES.rglob("*.java"), key=lambda path: path.relative_to(_SOURCES).as_posix())


def flink_jars() -> list[Path]:
    """Return the jars of the Flink distribution, which the job is compiled against.

    Raises:
        JobError: it is not installed.
    """
    spec = importlib.util.find_spec("pyflink")
    folders = spec.submodule_search_locations if spec is not None else None
    jars = sorted(Path(folders[0], "lib").glob("*.jar")) if folders else []
    if not jars:
        raise JobError(
            "building the job's jar needs the Flink distribution, and it is not installed",
            hint="pip install 'fogbed-testbed[laptop]'",
        )
    return jars


def _compile(javac: Path, folder: Path) -> None:
    jars = ":".join(map(str, flink_jars()))
    argv: list[str | Path] = [javac, "--release", str(RELEASE), "-proc:none", "-encoding", "UTF-8"]
    argv += ["-Xlint:all,-path,-classfile", "-Werror", "-g:source,lines", "-cp", jars]
    done = process.run([*argv, "-d", folder, *_sources()], timeout_s=_COMPILE_TIMEOUT_S)
    if done.returncode:
        raise JobError("the job's sources do not compile", details=done.stderr.strip()[-4000:])


def _archive(folder: Path) -> bytes:
    """Return a jar of the classes: sorted, with fixed times, stored so that no zlib matters."""
    classes = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.class")
    }
    manifest = _manifest({"Main-Class": NEAREST_LANDMARK.entry_class, _DIGEST: sources_digest()})
    entries: Mapping[str, bytes] = {
        "META-INF/MANIFEST.MF": manifest,
        **dict(sorted(classes.items())),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return target.getvalue()


def _manifest(attributes: Mapping[str, str]) -> bytes:
    """Return a jar's manifest; its lines may have 72 bytes and go on after a space."""
    lines: Iterable[str] = (
        f"{key}: {value}" for key, value in {"Manifest-Version": "1.0", **attributes}.items()
    )
    folded = (
        "\r\n ".join([line[:70], *(line[i : i + 69] for i in range(70, len(line), 69))])
        for line in lines
    )
    return ("\r\n".join(folded) + "\r\n\r\n").encode()
