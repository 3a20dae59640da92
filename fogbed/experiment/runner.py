"""Runs an experiment: every repetition into a bundle of its own, and nothing left behind."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from fogbed import paths
from fogbed.clients.progress import Progress
from fogbed.errors import FogbedError, Interrupted
from fogbed.experiment.borrowed_testbed import BorrowedTestbed
from fogbed.experiment.clock import Clock, SystemClock
from fogbed.experiment.events import UNWATCHED, Observer
from fogbed.experiment.network_plans import timeline_of
from fogbed.experiment.record import bundle as bundles
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.journal import Journal
from fogbed.experiment.record.resolved_specs import write_specs
from fogbed.experiment.repertoire import REPERTOIRE, Repertoire
from fogbed.experiment.run import Run
from fogbed.experiment.run_context import Dependencies, RunContext
from fogbed.experiment.run_lock import hold_run_lock
from fogbed.platforms.base import Platform
from fogbed.platforms.ownership import give_back
from fogbed.signals import shielded
from fogbed.spec import ResolvedExperiment


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What an experiment came to: a bundle and a verdict per repetition, in order."""

    bundles: tuple[Bundle, ...]
    verdicts: tuple[Mapping[str, Any], ...]

    @property
    def ok(self) -> bool:
        """Every repetition passed."""
        return all(verdict["ok"] for verdict in self.verdicts)

    @property
    def folder(self) -> Path:
        """The folder of the last repetition."""
        return self.bundles[-1].folder


def run_experiment(  # noqa: PLR0913 - everything the run touches is handed to it
    resolved: ResolvedExperiment,
    platform: Platform,
    *,
    runs_dir: Path,
    progress: Progress,
    observer: Observer = UNWATCHED,
    clock: Clock | None = None,
    dependencies: Dependencies | None = None,
    repertoire: Repertoire = REPERTOIRE,
    command: str = "",
) -> RunResult:
    """Run every repetition and return their verdicts; an assertion that fails is a verdict.

    Raises:
        UsageError: another run is on the testbed, or another job; nothing was touched.
        DatasetError: the rides or landmarks cannot be read; nothing was touched.
        FogbedError: a repetition could not be run to its end; its bundle says how far it came.
        Interrupted: Ctrl-C or SIGTERM; everything has been cleaned up.
    """
    clock, dependencies = clock or SystemClock(), dependencies or _real_dependencies()
    given = partial(
        RunContext,
        resolved=resolved,
        platform=platform,
        timeline=timeline_of(resolved, repertoire),
        dependencies=dependencies,
        clock=clock,
        progress=progress,
        observer=observer,
        command=command,
        described=dependencies.describe(resolved),
    )
    stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%dT%H%M%SZ")
    done: list[Bundle] = []
    undo = ExitStack()
    with hold_run_lock(paths.runtime_dir(), resolved.testbed.name) as lock:
        hold = BorrowedTestbed(platform, lock, undo)
        try:
            for repetition in range(1, resolved.experiment.repetitions + 1):
                done.append(_make_bundle(resolved, runs_dir, stamp, repetition))
                with closing(Journal(done[-1].journal_file, clock, observer)) as journal:
                    run = given(bundle=done[-1], journal=journal, repetition=repetition)
                    stopped_by = Run(run, hold, repertoire).go()
                give_back(runs_dir)
                _go_on(stopped_by, done[-1])
            hold.went_well = True
        finally:
            with shielded():
                undo.close()
                lock.forget()
    return RunResult(bundles=tuple(done), verdicts=tuple(bundle.verdict() for bundle in done))


def _real_dependencies() -> Dependencies:
    # duckdb, pyroute2 and their like are loaded for a real run only
    from fogbed.experiment.dependencies import real_dependencies  # noqa: PLC0415

    return real_dependencies()


def _go_on(stopped_by: BaseException | None, bundle: Bundle) -> None:
    """Raise what ended a run early, with where its bundle is."""
    where = f"what was recorded is in {bundle.folder}"
    if isinstance(stopped_by, KeyboardInterrupt):
        raise Interrupted(f"interrupted; {where}") from stopped_by
    if isinstance(stopped_by, FogbedError):
        stopped_by.hint = f"{stopped_by.hint}; {where}" if stopped_by.hint else where
    if stopped_by is not None:
        raise stopped_by


def _make_bundle(
    resolved: ResolvedExperiment, runs_dir: Path, stamp: str, repetition: int
) -> Bundle:
    """Make the folder of a repetition; those of one experiment share their beginning."""
    experiment = resolved.experiment
    several = f"-r{repetition}" if experiment.repetitions > 1 else ""
    made = bundles.create(runs_dir, f"{stamp}-{experiment.name}{several}")
    write_specs(resolved, made)
    return made
