"""Playbooks on a testbed of Pis: what is run, and what a failure means to a user."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from fogbed import paths
from fogbed.clients.ansible import PlaybookOrder, PlaybookResult, run_playbook
from fogbed.clients.ansible_events import TaskFailure
from fogbed.clients.progress import Watch
from fogbed.errors import PlatformError, UsageError
from fogbed.platforms.pi.folder import PiFolder
from fogbed.platforms.pi.reach.refusals import explain
from fogbed.spec.testbed import Testbed

# What a module says -> the way out. The first that fits; {host} is filled in. What SSH and sudo say
# stands in refusals.py.
_WAYS_OUT = (
    (r"(?i)no space left on device|enospc", "make room on {host}, then give the command again"),
    (
        r"(?i)404 +not found|does not have a release file|failed to fetch",
        "is the address under sources.apt right? `fogbed doctor` tries every source",
    ),
    (
        r"(?i)failed to (pull|resolve)|dial tcp .* connect|imagepullbackoff|registry",
        "can {host} reach the registry? See sources.registries; `fogbed doctor` tries them all",
    ),
)
_DEFAULT_WAY_OUT = "mend it, then give the command again: it goes on from here"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookOptions:
    """What a user may ask of a run: some nodes, some tags, a rehearsal; sudo's password."""

    limit: Sequence[str] = ()
    tags: Sequence[str] = ()
    check: bool = False
    become_password: str | None = field(default=None, repr=False)


NO_OPTIONS = PlaybookOptions()
# The role of site.yml that changes nothing.
_LOOKS = "preflight"
# Playbooks that begin with preflight, which tries sudo once.
_TRY_SUDO = frozenset({"site", "node-add"})


class PlaybookFailed(PlatformError):  # noqa: N818 - as a user says it
    """A playbook that did not end well; ``result`` is how it ended."""

    def __init__(
        self, message: str, result: PlaybookResult, *, hint: str, details: str | None = None
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.result = result

    @property
    def has_touched(self) -> bool:
        """Whether any node may be another than before: preflight only looks."""
        failures = self.result.failures
        looked = bool(failures) and all(each.role == _LOOKS for each in failures)
        return not looked or any(self.result.changed.values())


def playbook_path(name: str) -> Path:
    """Return a shipped playbook, as in ``playbook_path("site")``."""
    return paths.asset("playbooks", f"{name}.yml")


def shared_defaults() -> dict[str, Any]:
    """Return the values that the roles give to shared variables when an inventory does not."""
    found: dict[str, Any] = {}
    yaml = YAML(typ="safe")
    for name in ("settings.yml", "versions.yml"):
        path = paths.asset("playbooks", "roles", "fogbed", "defaults", "main", name)
        found |= yaml.load(path.read_text(encoding="utf-8"))
    return found


def play(  # noqa: PLR0913 - what a run of a playbook is
    testbed: Testbed,
    name: str,
    watch: Watch,
    *,
    options: PlaybookOptions = NO_OPTIONS,
    variables: Mapping[str, Any] | None = None,
    inventory: Path | None = None,
) -> PlaybookResult:
    """Run a shipped playbook on a testbed that has its folder.

    ``inventory``: other hosts than the testbed's.

    Raises:
        PlatformError: it failed somewhere; the error says where, why, and how to go on.
    """
    folder = PiFolder(testbed.name)
    order = PlaybookOrder(
        playbook=playbook_path(name),
        config=paths.asset("ansible.cfg"),
        inventory=inventory or (folder.rehearsal if options.check else folder.inventory),
        folder=folder.playbooks,
        name=name,
        limit=options.limit,
        tags=options.tags,
        check=options.check,
        variables=variables or {},
        become_password=options.become_password,
    )
    if options.become_password is not None and name not in _TRY_SUDO:
        _run(replace(order, playbook=playbook_path("sudo"), name="sudo", tags=()), watch)
    return _run(order, watch)


def _run(order: PlaybookOrder, watch: Watch) -> PlaybookResult:
    result = run_playbook(order, watch)
    if result.returncode != 0:
        raise playbook_error(order.name, result)
    return result


def require_possible(testbed: Testbed, name: str, options: PlaybookOptions) -> None:
    """Return if what is asked can be done; UsageError if it names what is not there."""
    require_nodes(testbed, options.limit)
    require_tags(name, options.tags)


def require_nodes(testbed: Testbed, names: Sequence[str]) -> None:
    """Return if the testbed has every node of ``names``; UsageError with all that it lacks."""
    known = [node.name for node in testbed.nodes]
    missing = [name for name in names if name not in known]
    if missing:
        raise UsageError(
            f"testbed {testbed.name} has no node {', '.join(missing)}",
            hint=f"it has {', '.join(known)}",
        )


def require_tags(name: str, tags: Sequence[str]) -> None:
    """Return if a playbook has every tag of ``tags``; UsageError with all that it lacks.

    Ansible itself does nothing for a tag that is nowhere, and says that all went well.
    """
    if not tags:
        return
    plays = YAML(typ="safe").load(playbook_path(name).read_text(encoding="utf-8"))
    parts = [*plays, *(role for play in plays for role in play.get("roles", ()))]
    known = {tag for part in parts for tag in part.get("tags", ())} - {"always"}
    missing = [tag for tag in tags if tag not in known]
    if missing:
        raise UsageError(
            f"there is no part {', '.join(missing)} in {name}.yml",
            hint=f"--tags takes {', '.join(sorted(known))}",
        )


def told_result(result: PlaybookResult) -> str:
    """Return what a playbook changed, and how long it took, as a line for a user."""
    done = f"{len(result.changed)} nodes, {sum(result.changed.values())} changes"
    return f"{done}, {result.duration_s:.0f} s; log: {result.log}"


def playbook_error(name: str, result: PlaybookResult) -> PlaybookFailed:
    """Return a failed playbook as an error: host, task, the module's message, the way on."""
    hint = f"everything that was said: {result.log}"
    if not result.failures:
        tail = result.log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
        return PlaybookFailed(f"{name}.yml could not be run", result, details=tail, hint=hint)
    # what a role tried and then judged is told by its judgement: the last word on each host
    final = list({failure.host: failure for failure in result.failures}.values())
    first = final[0]
    hosts = ", ".join(failure.host for failure in final)
    details = "\n".join(_told(final))
    return PlaybookFailed(
        f"{first.play or name} failed on {hosts}",
        result,
        details=details,
        hint=f"{way_out(first)}\n      {hint}",
    )


def way_out(failure: TaskFailure) -> str:
    """Return what to do about a failure."""
    if failure.role == _LOOKS:
        # each of its refusals ends with the way out
        return _DEFAULT_WAY_OUT
    said = f"{failure.message}\n{failure.output}"
    # that a connection was refused may be said of any server, unless Ansible itself says it of SSH
    _, known = explain(said, failure.host, of_sudo=not failure.is_unreachable)
    if known:
        return known
    for pattern, words in _WAYS_OUT:
        if re.search(pattern, said):
            return words.format(host=failure.host)
    return _DEFAULT_WAY_OUT


def _told(failures: Sequence[TaskFailure]) -> Iterator[str]:
    """Yield each failure once, with all hosts that it struck."""
    struck: dict[tuple[str, str, str], list[str]] = {}
    for each in failures:
        key = (each.task, each.message, "" if each.is_unreachable else each.output)
        struck.setdefault(key, []).append(each.host)
    for (task, message, output), hosts in struck.items():
        yield f"{', '.join(dict.fromkeys(hosts))}: {task}"
        yield from (f"  {line}" for line in message.splitlines())
        if output and output not in message:
            yield from (f"  | {line}" for line in output.splitlines())
