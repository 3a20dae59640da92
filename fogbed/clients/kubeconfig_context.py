"""One context taken out of the user's kubeconfig: a way into one cluster, and into no other."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fogbed.errors import UsageError

# Keys whose values are files, beside the kubeconfig where they are not absolute.
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}


def take_context(files: Sequence[Path], name: str | None) -> str:
    """Return a kubeconfig that has one context of the user's, with its cluster and its user.

    ``files``: as kubectl reads them, what stands in an earlier one counts. ``name``: None for the
    context that is current.

    Raises:
        UsageError: there is no such context, or it is not whole, or a file cannot be read.
    """
    configs = [(path, _read(path)) for path in files if path.exists()]
    wanted = name or _current(configs)
    where = ":".join(map(str, files))
    if wanted is None:
        raise UsageError(
            f"which cluster? {where} has no current context",
            hint=f"write context: in the testbed's file; {_known(configs)}",
        )
    context = _entry(configs, "contexts", wanted)
    if context is None:
        raise UsageError(
            f"there is no context {wanted} in {where}",
            hint=f"{_known(configs)}; KUBECONFIG names other files",
        )
    cluster = _entry(configs, "clusters", str(context.get("cluster", "")))
    user = _entry(configs, "users", str(context.get("user", "")))
    if cluster is None or user is None:
        missing = "cluster" if cluster is None else "user"
        raise UsageError(
            f"context {wanted} in {where} names the {missing} {context.get(missing)!r}, which is "
            "not there",
            hint="mend the kubeconfig (kubectl config view shows it), or name another context",
        )
    return _dumped(wanted, cluster, user)


def place_of(text: str) -> tuple[str, str]:
    """Return context and API server of what ``take_context`` gave; empty where it does not say."""
    try:
        config = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError):
        return "", ""
    found = config if isinstance(config, dict) else {}
    servers = [
        str((each.get("cluster") or {}).get("server")) for each in _entries(found, "clusters")
    ]
    return str(found.get("current-context") or ""), servers[0] if servers else ""


def _read(path: Path) -> Mapping[str, Any]:
    try:
        config = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError, ValueError) as error:
        raise UsageError(
            f"{path}: fogbed cannot read it as a kubeconfig",
            hint="mend it, or name another file with KUBECONFIG",
        ) from error
    return config if isinstance(config, dict) else {}


def _current(configs: Sequence[tuple[Path, Mapping[str, Any]]]) -> str | None:
    return next((str(c["current-context"]) for _, c in configs if c.get("current-context")), None)


def _entry(
    configs: Sequence[tuple[Path, Mapping[str, Any]]], kind: str, name: str
) -> dict[str, Any] | None:
    for path, config in configs:
        for each in _entries(config, kind):
            if each.get("name") == name:
                return _with_whole_paths(dict(each.get(_KINDS[kind]) or {}), path.absolute().parent)
    return None


def _entries(config: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    found = config.get(kind)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _known(configs: Sequence[tuple[Path, Mapping[str, Any]]]) -> str:
    names = [str(each.get("name")) for _, c in configs for each in _entries(c, "contexts")]
    return f"there are: {', '.join(dict.fromkeys(names)) or 'none'}"


def _with_whole_paths(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    for key in _FILES:
        if value.get(key):
            value[key] = str(folder / value[key])
    program = value.get("exec")
    # a bare name is looked for on PATH, by kubectl too
    if isinstance(program, dict) and "/" in str(program.get("command", "")):
        value["exec"] = {**program, "command": str(folder / program["command"])}
    return value


def _dumped(name: str, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": dict(cluster)}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    text = io.StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(config, text)
    return text.getvalue()
