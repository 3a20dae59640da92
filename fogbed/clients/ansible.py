"""Ansible playbooks, run by ansible-runner: events as they happen, a log of everything.

ansible-runner turns host key checking off, writes down the whole environment and lets a playbook
live on when its parent is killed; here it does none of these.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from fogbed import paths
from fogbed.clients.ansible_events import (
    PlaybookEvent,
    TaskFailure,
    failures_after,
    playbook_event,
)
from fogbed.errors import CommandError, Interrupted

if TYPE_CHECKING:
    import ansible_runner

# What every process of a playbook carries in its environment, so that it can be found again.
MARK = "FOGBED_PLAYBOOKS_OF"
_KEPT_LOGS = 20
# Ansible's own and its modules' temporary files: one that is killed leaves them.
_TEMPORARY = "tmp"
_END_S = 10.0
_NOT_FOUND = 127
_SSH = "ANSIBLE_SSH_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookOrder:
    """What to run. ``folder`` is where logs go; one order at a time works in it.

    ``config`` is the ansible.cfg that says where roles, modules and plugins lie.
    ``become_password`` is typed into ansible-playbook's own prompt: it stands in no argument, file
    or environment.
    """

    playbook: Path
    config: Path
    inventory: Path
    folder: Path
    name: str
    limit: Sequence[str] = ()
    tags: Sequence[str] = ()
    check: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    become_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybookResult:
    """How a playbook ended. ``changed`` counts changed tasks by host; ``log`` has everything."""

    returncode: int
    failures: tuple[TaskFailure, ...]
    changed: Mapping[str, int]
    log: Path
    duration_s: float


def run_playbook(order: PlaybookOrder, on_event: Callable[[PlaybookEvent], None]) -> PlaybookResult:
    """Run a playbook to its end; ``on_event`` is called for each event as it happens.

    Raises:
        CommandError: ansible-playbook could not be started at all.
        Interrupted: Ctrl-C or SIGTERM; the playbook has been ended.
    """
    end_leftovers(order.folder)
    failures: tuple[TaskFailure, ...] = ()
    changed: dict[str, int] = {}

    def handle(raw: dict[str, Any]) -> bool:
        nonlocal failures
        if raw["event"] == "playbook_on_stats":
            changed.update(_changed(raw["event_data"]))
        event = playbook_event(raw)
        if event is not None:
            failures = failures_after(failures, event)
            on_event(event)
        return False  # the log has it; ansible-runner need not keep a file for every event

    started = time.monotonic()
    asked: list[int] = []
    runner = _prepared(order, handle, lambda: bool(asked))
    log = Path(runner.config.artifact_dir, "stdout")
    with interruption_told(log):
        with _signals_go_to(asked):
            runner.run()
        _keep_the_newest(order.folder)
        if asked:
            end_leftovers(order.folder)
            raise KeyboardInterrupt
    if runner.rc == _NOT_FOUND:
        raise CommandError("ansible-playbook could not be started", hint="fogbed doctor says why")
    return PlaybookResult(
        returncode=runner.rc,
        failures=failures,
        changed=changed,
        log=log,
        duration_s=time.monotonic() - started,
    )


@contextmanager
def interruption_told(log: Path) -> Iterator[None]:
    """Have Ctrl-C, from a playbook's start on, say where everything stands that was said.

    Raises:
        Interrupted: Ctrl-C or SIGTERM.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted",
            hint=f"the same command goes on from here; everything that was said: {log}",
        ) from None


@contextmanager
def _signals_go_to(asked: list[int]) -> Iterator[None]:
    """Note signals instead of raising them: ansible-runner then ends in order, its files closed."""

    def note(number: int, _frame: object) -> None:
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_leftovers(folder: Path) -> None:
    """End what an earlier order in ``folder`` left running, and remove its temporary files.

    Its controller may have been killed.
    """
    left = [process for process in psutil.process_iter() if _is_of(process, folder)]
    for process in left:
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=_END_S)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    shutil.rmtree(folder / _TEMPORARY, ignore_errors=True)


def _is_of(process: psutil.Process, folder: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return process.pid != os.getpid() and process.environ().get(MARK) == str(folder)
    return False


def _prepared(
    order: PlaybookOrder, handle: Callable[[dict[str, Any]], bool], is_stopped: Callable[[], bool]
) -> ansible_runner.Runner:
    try:
        # Ansible is an extra: a laptop's testbed does without
        import ansible_runner  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise CommandError(
            "Ansible is not installed", hint="install it with: pip install 'fogbed-testbed[pi]'"
        ) from error
    temporary = order.folder / _TEMPORARY
    temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = [word for word, wanted in _options(order) if wanted]
    password = order.become_password
    with _session_silent():
        runner = ansible_runner.interface.init_runner(
            private_data_dir=str(order.folder),
            artifact_dir=str(order.folder),
            ident=f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{order.name}",
            playbook=str(order.playbook),
            inventory=str(order.inventory),
            limit=":".join(order.limit) or None,
            tags=",".join(order.tags) or None,
            cmdline=" ".join(options) or None,
            extravars=dict(order.variables),
            passwords={r"BECOME password.*:\s*$": password} if password is not None else None,
            envvars=_environment(order, temporary),
            settings={"pexpect_timeout": 1},
            fact_cache_type="",
            project_dir=str(order.playbook.parent),
            suppress_env_files=True,
            quiet=True,
            event_handler=handle,
            status_handler=_forget_environment,
            cancel_callback=is_stopped,
        )
    runner.config.command[0] = _program()
    return runner


@contextmanager
def _session_silent() -> Iterator[None]:
    """Keep what the session says to Ansible from ansible-runner, which hands it all on.

    It is said for somebody's own playbooks, and goes over our ansible.cfg: with another list of
    inventory plugins ours has no host, and no host is a success to Ansible. How SSH is spoken
    (``ANSIBLE_SSH_ARGS``) is told of the way to the machines, and stays.
    """
    names = [n for n in os.environ if n.startswith("ANSIBLE_") and not n.startswith(_SSH)]
    said = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(said)


def _environment(order: PlaybookOrder, temporary: Path) -> dict[str, str]:
    return {
        MARK: str(order.folder),
        "ANSIBLE_CONFIG": str(order.config),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        # two testbeds may have nodes of the same name; the folder is nobody else's to read
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(order.folder / "facts"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(_connections(order.inventory)),
        "ANSIBLE_LOCAL_TEMP": str(temporary),
        "TMPDIR": str(temporary),
        "ANSIBLE_NOCOLOR": "1",
        # Ansible refuses to start in a locale that is not UTF-8, or not on this computer
        "LC_ALL": "C.UTF-8",
    }


def _connections(inventory: Path) -> Path:
    """Return where shared connections are kept.

    Ansible tells them apart by host, port and user only: with another key or other known hosts, a
    connection of before would let in who is not let in any more.
    """
    digest = hashlib.sha256(inventory.read_bytes()).hexdigest()
    return paths.runtime_dir() / f"cp-{digest[:8]}"


def _program() -> str:
    """Return the ansible-playbook that was installed with us: PATH may not lead to it."""
    beside = Path(sys.executable).with_name("ansible-playbook")
    return str(beside) if beside.exists() else "ansible-playbook"


def _options(order: PlaybookOrder) -> list[tuple[str, bool]]:
    return [
        ("--check", order.check),
        ("--diff", order.check),
        ("--ask-become-pass", order.become_password is not None),
    ]


def _forget_environment(status: dict[str, Any], runner_config: Any) -> None:  # noqa: ANN401 - untyped
    """Remove the file in which ansible-runner notes the user's whole environment."""
    if status["status"] == "running":
        Path(runner_config.artifact_dir, "command").unlink(missing_ok=True)


def _changed(stats: Mapping[str, Any]) -> dict[str, int]:
    hosts = {host for part in ("ok", "changed", "failures", "dark") for host in stats.get(part, ())}
    return {host: stats.get("changed", {}).get(host, 0) for host in sorted(hosts)}


def _keep_the_newest(folder: Path) -> None:
    shutil.rmtree(folder / _TEMPORARY, ignore_errors=True)
    logs = sorted(path for path in folder.iterdir() if (path / "stdout").is_file())
    for old in logs[:-_KEPT_LOGS]:
        for file in sorted(old.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        old.rmdir()
