"""Flink's distribution and its S3 plugins, as files for an image.

From a folder, else from this installation and from where Maven looks.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from fogbed import paths
from fogbed.clients import process
from fogbed.clients.images.context import BuildContext, ContextFile, recipe_files
from fogbed.clients.progress import Progress
from fogbed.errors import CommandError, UsageError

PLUGINS = ("presto", "hadoop")
_PARTS = ("bin", "lib", "opt", "plugins")
_ARCHIVES = ("flink-*-bin*.tgz", "apache_flink_libraries-*.whl", "apache*flink*libraries-*.tar.gz")
_DIST = re.compile(r"flink-dist-([0-9][0-9A-Za-z.-]*)\.jar")
_PLUGIN = re.compile(r"flink-s3-fs-(presto|hadoop)-([0-9][0-9A-Za-z.-]*)\.jar")
_FETCHER = "org.apache.maven.plugins:maven-dependency-plugin:2.8:get"
_FETCH_S = 1800.0


def unpack_within(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive, nothing of which may leave ``folder``; ValueError if something would."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
        return
    # Python before 3.11.4 (Debian 12's is 3.11.2) has no filters
    root = folder.resolve()
    for each in tar.getmembers():
        ends = [folder / each.name]
        ends += [(folder / each.name).parent / each.linkname] if each.issym() else []
        ends += [folder / each.linkname] if each.islnk() else []
        is_plain = each.isreg() or each.isdir() or each.issym() or each.islnk()
        if not is_plain or not all(end.resolve().is_relative_to(root) for end in ends):
            raise ValueError(f"{each.name} would be unpacked outside of its folder")
    tar.extractall(folder)  # noqa: S202 - each of them was looked at


def flink_context(given: Path | None, scratch: Path, progress: Progress) -> BuildContext:
    """Return what the image of Flink is built from.

    Args:
        given: A folder with the distribution as an archive or a wheel, and the S3 plugins; what
            is not there comes from this installation and from Maven as it is configured here.
        scratch: An empty folder that lives until the image is built.
        progress: Told what is fetched, and what nobody here has seen before.

    Raises:
        UsageError: something is neither there nor to be had, or is not what it is called.
    """
    home = _distribution(given, scratch, progress)
    version = _version(home)
    jars = _plugins(given, progress)
    _compare(jars, progress)
    files = [*recipe_files("flink"), *_own(home), *_as_plugins(jars, version)]
    return BuildContext(image="flink", version=version, files=tuple(files))


def recorded_digests() -> Mapping[str, str]:
    """Return the sha256 of each S3 plugin that fogbed was tried with, by the name of its jar."""
    text = paths.asset("images", "flink", "plugins.sha256").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines())
    return {name: digest for digest, name in rows}


# -- the distribution ------------------------------------------------------------------------------


def _distribution(given: Path | None, scratch: Path, progress: Progress) -> Path:
    """Return the folder with Flink's bin, lib, opt and plugins."""
    archives = (
        [path for pattern in _ARCHIVES for path in sorted(given.glob(pattern))] if given else []
    )
    if len(archives) > 1:
        names = ", ".join(path.name for path in archives)
        raise UsageError(f"{given} holds Flink more than once: {names}", hint="leave one there")
    if archives:
        with progress.step(f"unpacking {archives[0].name}"):
            _unpack(archives[0], scratch)
        return _home_in(scratch, archives[0])
    if given and _dist_jars(given):
        return _home_in(given, given)
    package = importlib.util.find_spec("pyflink")
    for folder in package.submodule_search_locations or () if package else ():
        if _dist_jars(Path(folder)):
            return Path(folder)
    raise UsageError(
        "Flink is not in this installation of fogbed" + (f", nor in {given}" if given else ""),
        hint="install fogbed-testbed[laptop] (313 MB); or download Flink's archive or the wheel "
        "apache-flink-libraries into a folder and give it with --context",
    )


def _dist_jars(folder: Path) -> list[Path]:
    return [path for path in folder.glob("**/lib/flink-dist-*.jar") if _DIST.fullmatch(path.name)]


def _home_in(folder: Path, origin: Path) -> Path:
    found = _dist_jars(folder)
    if len(found) != 1:
        raise UsageError(
            f"{origin} holds {len(found) or 'no'} flink-dist jars where one is looked for",
            hint="give Flink's own archive (flink-VERSION-bin-scala_2.12.tgz), or its wheel",
        )
    return found[0].parent.parent


def _unpack(archive: Path, scratch: Path) -> None:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                wheel.extractall(scratch)  # noqa: S202 - zipfile keeps within the folder
        else:
            with tarfile.open(archive) as tar:
                unpack_within(tar, scratch)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise UsageError(
            f"{archive} cannot be unpacked: {error}", hint="download it again"
        ) from error


def _version(home: Path) -> str:
    (jar,) = _dist_jars(home)
    match = _DIST.fullmatch(jar.name)
    return match[1] if match else ""


def _own(home: Path) -> Iterator[ContextFile]:
    """Return Flink's own files, without the S3 plugins, and a conf folder to start from."""
    for part in _PARTS:
        for path in sorted(home.joinpath(part).rglob("*")):
            if path.is_file() and not _PLUGIN.fullmatch(path.name):
                place = path.relative_to(home).as_posix()
                yield ContextFile(name=f"flink/{place}", source=path)


# -- the S3 plugins --------------------------------------------------------------------------------


def _plugins(given: Path | None, progress: Progress) -> dict[str, Path]:
    found = {}
    for name in PLUGINS:
        here = sorted(given.glob(f"**/flink-s3-fs-{name}-*.jar")) if given else []
        here = [path for path in here if _PLUGIN.fullmatch(path.name)]
        if len(here) > 1:
            raise UsageError(
                f"{given} holds the S3 plugin {name} more than once: "
                + ", ".join(path.name for path in here),
                hint="leave one there",
            )
        found[name] = here[0] if here else _fetched(name, progress)
    return found


def _fetched(name: str, progress: Progress) -> Path:
    """Return the plugin that fogbed was tried with, from the cache or fetched with Maven."""
    (jar,) = [each for each in recorded_digests() if each.startswith(f"flink-s3-fs-{name}-")]
    folder = paths.cache_dir() / "flink-plugins"
    path = folder / jar
    if path.is_file() and _digest(path) == recorded_digests()[jar]:
        return path
    way_out = f"put {jar} into a folder, and give it with --context"
    if shutil.which("mvn") is None:
        raise UsageError(
            f"{jar} is not here, and there is no mvn to fetch it with",
            hint=f"install Maven, or {way_out}",
        )
    paths.require_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    version = jar.removeprefix(f"flink-s3-fs-{name}-").removesuffix(".jar")
    artifact = f"org.apache.flink:flink-s3-fs-{name}:{version}"
    argv = ["mvn", "-q", "-B", _FETCHER, "-Dtransitive=false"]
    with progress.step(f"fetching {jar}"):
        done = process.run([*argv, f"-Dartifact={artifact}", f"-Ddest={path}"], timeout_s=_FETCH_S)
    try:
        done.require()
    except CommandError as error:
        raise UsageError(
            f"Maven cannot fetch {jar}", hint=way_out, details=error.details
        ) from error
    return path


def _compare(jars: Mapping[str, Path], progress: Progress) -> None:
    """Hold the plugins against the recorded digests; another version is told, not refused."""
    recorded = recorded_digests()
    for path in jars.values():
        digest = _digest(path)
        if path.name not in recorded:
            progress.note(f"{path.name} is new to fogbed: sha256 {digest}")
        elif digest != recorded[path.name]:
            raise UsageError(
                f"{path} has the sha256 {digest}, where {recorded[path.name]} is recorded",
                hint="it is damaged, or somebody changed it: download it again",
            )


def _as_plugins(jars: Mapping[str, Path], version: str) -> Iterator[ContextFile]:
    """Return the plugins under their own names, and under the name that goes with this Flink.

    Manifests enable a plugin by the name that the official image of Flink's version has.
    """
    for name, path in jars.items():
        yield ContextFile(name=f"flink/opt/{path.name}", source=path)
        wanted = f"flink-s3-fs-{name}-{version}.jar"
        if path.name != wanted:
            yield ContextFile(name=f"flink/opt/{wanted}", link=path.name)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
