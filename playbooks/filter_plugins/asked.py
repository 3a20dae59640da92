"""What a run asks of a host, as one digest: the testbed's variables and the playbooks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

# How a host is reached changes nothing on it; where it is does.
_ABOUT_HOSTS = ("ansible_host", "group_names")
# Magic variables that tell of this computer or this run, and what preflight and the look noted.
_OF_THE_RUN = ("groups", "hostvars", "omit", "playbook_dir", "environment")
_BEGINNINGS = ("ansible_", "fogbed_look", "inventory_", "preflight_")
_SOURCES = (".j2", ".py", ".yml")


def asked_digest(hosts: Sequence[Mapping[str, object]], host: str, folder: str) -> str:
    """The digest for one host.

    Args:
        hosts: The variables of every host: each is told of the others.
        host: Which of them.
        folder: Where the playbooks lie.
    """
    variables = [dict(_variables(each)) for each in hosts]
    text = json.dumps([host, variables], sort_keys=True, default=str)
    return hashlib.sha256(f"{text}\n{_playbooks(Path(folder))}".encode()).hexdigest()


def _variables(host: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name in host:
        is_ours = name not in _OF_THE_RUN and not name.startswith(_BEGINNINGS)
        if is_ours or name in _ABOUT_HOSTS:
            yield name, host[name]


def _playbooks(folder: Path) -> str:
    """The digest of the playbooks, roles, modules and plugins: another fogbed asks otherwise."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SOURCES and path.is_file():
            whole.update(str(path.relative_to(folder)).encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


class FilterModule:
    """The filters, as Ansible finds them."""

    def filters(self) -> dict[str, Callable[..., object]]:
        """Return the filters by name."""
        return {"asked_digest": asked_digest}
