"""The user's kubeconfig: a context for each testbed, every other entry left as it is."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fogbed.errors import PlatformError

_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def add_context(path: Path, name: str, admin: str) -> bool:
    """Merge an ``admin.conf`` into a kubeconfig as cluster, user and context ``name``.

    The current context changes only where there is none. Return whether the file changed.

    Raises:
        PlatformError: the file cannot be read as a kubeconfig, or not be written.
    """
    new = _parsed(admin, "the cluster's admin.conf")
    cluster, user = new["clusters"][0]["cluster"], new["users"][0]["user"]
    context = {"cluster": name, "user": name}
    values = {"clusters": cluster, "users": user, "contexts": context}
    config = _read(path)
    before = _text(config)
    for kind, value in values.items():
        _put(config, kind, name, value)
    config["current-context"] = config.get("current-context") or name
    return _write(path, config, before)


def remove_context(path: Path, name: str) -> bool:
    """Remove what ``add_context`` added; return whether anything was there."""
    if not path.exists():
        return False
    config = _read(path)
    before = _text(config)
    for kind in _KINDS:
        config[kind] = [entry for entry in config.get(kind) or [] if entry.get("name") != name]
    if config.get("current-context") == name:
        config["current-context"] = ""
    return _write(path, config, before)


def _put(config: dict[str, Any], kind: str, name: str, value: Any) -> None:  # noqa: ANN401 - YAML
    entry = {"name": name, _KINDS[kind]: value}
    entries = list(config.get(kind) or [])
    places = [index for index, each in enumerate(entries) if each.get("name") == name]
    if places:
        entries[places[0]] = entry
    else:
        entries.append(entry)
    config[kind] = entries


def _read(path: Path) -> dict[str, Any]:
    if not path.exists() or not path.read_text(encoding="utf-8").strip():
        return {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    return _parsed(path.read_text(encoding="utf-8"), str(path))


def _parsed(text: str, what: str) -> dict[str, Any]:
    try:
        config = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise _unreadable(what) from error
    if not isinstance(config, dict):
        raise _unreadable(what)
    return config


def _unreadable(what: str) -> PlatformError:
    return PlatformError(
        f"{what} is not a kubeconfig", hint="mend it, or name another file with KUBECONFIG"
    )


def _text(config: dict[str, Any]) -> str:
    out = io.StringIO()
    yaml = YAML()
    yaml.width = 100_000  # a certificate stays on its line, as kubectl writes it
    yaml.dump(config, out)
    return out.getvalue()


def _write(path: Path, config: dict[str, Any], before: str) -> bool:
    text = _text(config)
    if text == before and path.exists():
        return False
    target = path.resolve()  # people keep it under a link
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.fogbed-new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(target)
    return True
