"""The user's kubeconfig: a context for each testbed, every byte that is not ours as it was."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fogbed.clients.kubeconfig_text import (
    with_entry,
    with_text,
    without_entry,
    without_text,
)
from fogbed.errors import PlatformError, UsageError
from fogbed.files import write_whole

_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}
_CURRENT = "current-context"
# The comment is for taking our last entry out again: there was no file, or nothing in it.
_NEW = "apiVersion: v1  # fogbed found {}\nkind: Config\npreferences: {{}}\n"
_NO_FILE, _EMPTY_FILE = _NEW.format("no file"), _NEW.format("an empty file")
_BLANK = "\ufeff \t\r\n"
_OTHERS = 0o077


def require_room(path: Path, name: str, servers: Collection[str]) -> None:
    """Return if ``add_context`` would replace nothing of somebody else's.

    What stands under ``name`` is ours if its cluster is at one of ``servers`` (URLs).

    Raises:
        UsageError: a cluster, user or context of that name is somebody else's, or the file cannot
            be read as a kubeconfig.
    """
    try:
        config = _parsed(_read(path), str(path))
    except PlatformError as error:
        raise UsageError(error.message, hint=error.hint) from error
    there = [kind for kind in _KINDS if any(_entries(config, kind, name))]
    if there and not _is_at(config, name, servers):
        raise UsageError(
            f"{path} has {' and '.join(there)} called {name} that are not this testbed's",
            hint=f"rename the testbed, or yours (kubectl config rename-context {name} OTHER, and "
            "its cluster and user by hand), or name another file with KUBECONFIG",
        )


def add_context(path: Path, name: str, admin: str) -> bool:
    """Merge an ``admin.conf`` into a kubeconfig as cluster, user and context ``name``.

    The current context changes only where there is none. Return whether the file changed.

    Raises:
        PlatformError: the file cannot be read as a kubeconfig, or not be written.
    """
    new = _parsed(admin, "the cluster's admin.conf")
    cluster, user = new["clusters"][0]["cluster"], new["users"][0]["user"]
    values = {"clusters": cluster, "users": user, "contexts": {"cluster": name, "user": name}}
    before = _read(path)
    new_file = _EMPTY_FILE if path.exists() else _NO_FILE
    text = before if before.strip(_BLANK) else before + new_file
    config = _parsed(text, str(path))
    wanted = deepcopy(config)
    for kind, value in values.items():
        entry = {"name": name, _KINDS[kind]: value}
        there = [each for each in config.get(kind) or [] if each.get("name") == name]
        wanted[kind] = _merged(config.get(kind) or [], entry)
        if not there or any(each != entry for each in there):
            text = _changed(path, text, with_entry, kind, entry)
    if not config.get(_CURRENT):
        wanted[_CURRENT] = name
        text = _changed(path, text, with_text, _CURRENT, name)
    return _write(path, before, text, wanted)


def remove_context(path: Path, name: str, servers: Collection[str]) -> bool:
    """Remove what ``add_context`` added; return whether anything was there.

    A cluster of that name at none of ``servers`` is somebody else's and stays, with its user.

    Raises:
        PlatformError: as for ``add_context``.
    """
    before = text = _read(path)
    config = _parsed(text, str(path)) if text.strip() else {}
    if not _is_at(config, name, servers):
        return False
    wanted = deepcopy(config)
    for kind in _KINDS:
        left = [entry for entry in config.get(kind) or [] if entry.get("name") != name]
        if left != (config.get(kind) or []):
            wanted[kind] = left
            text = _changed(path, text, without_entry, kind, name)
    if config.get(_CURRENT) == name:
        wanted[_CURRENT] = ""
        text = _changed(path, text, without_text, _CURRENT)
    if text == _NO_FILE:
        return _remove(path)
    if text.endswith(_EMPTY_FILE) and not text.removesuffix(_EMPTY_FILE).strip(_BLANK):
        text, wanted = text.removesuffix(_EMPTY_FILE), {}
    return _write(path, before, text, wanted)


def server_of(text: str) -> str:
    """Return the URL of the first cluster of an ``admin.conf``; empty where there is none."""
    clusters = _parsed(text, "the cluster's admin.conf").get("clusters") or [{}]
    return str((clusters[0].get("cluster") or {}).get("server", ""))


def is_open_to_others(path: Path) -> bool:
    """Whether other users may read a kubeconfig; its rights are its owner's affair."""
    with suppress(OSError):
        return bool(path.stat().st_mode & _OTHERS)
    return False


def _entries(config: Mapping[str, Any], kind: str, name: str) -> list[Any]:
    return [each for each in config.get(kind) or [] if each.get("name") == name]


def _is_at(config: Mapping[str, Any], name: str, servers: Collection[str]) -> bool:
    clusters = _entries(config, "clusters", name)
    return bool(clusters) and all(
        (each.get("cluster") or {}).get("server") in servers for each in clusters
    )


def _merged(entries: list[Any], entry: dict[str, Any]) -> list[Any]:
    merged = [entry if each.get("name") == entry["name"] else each for each in entries]
    return merged if entry in merged else [*merged, entry]


def _changed(path: Path, text: str, change: Any, *words: object) -> str:  # noqa: ANN401 - one of three
    try:
        return str(change(text, *words))
    except (UsageError, YAMLError) as error:
        raise _beyond_us(path) from error


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise PlatformError(
                f"{path} is not a file", hint="name a file of your own with KUBECONFIG"
            )
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise _unreadable(str(path)) from error
    except OSError as error:
        raise PlatformError(f"{path} cannot be read: {error.strerror}") from error


def _parsed(text: str, what: str) -> dict[str, Any]:
    try:
        config = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise _unreadable(what if mark is None else f"{what}:{mark.line + 1}") from error
    config = {} if config is None else config
    if not isinstance(config, dict) or any(_is_no_list(config.get(kind)) for kind in _KINDS):
        raise _unreadable(what)
    return config


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    # nothing under a key may be spelled as null, or as no key
    empty = {key for key in (*_KINDS, _CURRENT) if not config.get(key)}
    return {key: value for key, value in config.items() if key not in empty}


def _is_no_list(value: Any) -> bool:  # noqa: ANN401 - YAML
    if value is None:
        return False
    return not isinstance(value, list) or not all(isinstance(each, dict) for each in value)


def _unreadable(what: str) -> PlatformError:
    return PlatformError(
        f"{what}: fogbed cannot read it as a kubeconfig",
        hint="it was left as it is; mend it, or name another file with KUBECONFIG",
    )


def _beyond_us(path: Path) -> PlatformError:
    return PlatformError(
        f"{path} is written in a way that fogbed cannot change",
        hint="it was left as it is; name another file with KUBECONFIG",
    )


def _write(path: Path, before: str, text: str, wanted: dict[str, Any]) -> bool:
    if text == before:
        return False
    try:
        is_as_wanted = _comparable(_parsed(text, str(path))) == _comparable(wanted)
    except PlatformError:
        is_as_wanted = False
    if not is_as_wanted:
        raise _beyond_us(path)
    with _failure_told(path):
        target = path.resolve()  # people keep it under a link
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(target, text, mode=0o600, keeps_rights=True)
    return True


def _remove(path: Path) -> bool:
    with _failure_told(path):
        path.resolve().unlink()
    return True


@contextmanager
def _failure_told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise PlatformError(
            f"{path} cannot be written: {why}", hint="name another file with KUBECONFIG"
        ) from error
