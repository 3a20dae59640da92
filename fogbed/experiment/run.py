"""One repetition, from the empty bundle to the verdict."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict

from fogbed.errors import ExperimentError, FogbedError
from fogbed.experiment import conclusion
from fogbed.experiment.actions.carrying_out import Actions
from fogbed.experiment.actions.kind import ActionContext
from fogbed.experiment.borrowed_testbed import BorrowedTestbed
from fogbed.experiment.bringing_up import bring_up
from fogbed.experiment.clock import deadline_of
from fogbed.experiment.lane import Lane
from fogbed.experiment.long_links import demand_of
from fogbed.experiment.network_plans import plan_changes
from fogbed.experiment.pushing.pushing import Pushing, open_pushing
from fogbed.experiment.record.bundle import write_json
from fogbed.experiment.record.sample_store import SampleStore
from fogbed.experiment.repertoire import Repertoire
from fogbed.experiment.run_context import RunContext
from fogbed.experiment.run_network import RunNetwork
from fogbed.experiment.sampling.live_figures import snapshot
from fogbed.experiment.sampling.live_samples import LiveSamples
from fogbed.experiment.sampling.sampler import Sampler
from fogbed.experiment.silences import Silences
from fogbed.experiment.watch import Watch
from fogbed.experiment.workloads.workload import Workload
from fogbed.plan.timeline import Mark, PlannedAction
from fogbed.platforms.long_links import chosen_for
from fogbed.platforms.measuring import Sample
from fogbed.signals import shielded

FIRST_RIDE_TIMEOUT_S = 60.0


class Run:
    """Does the steps of a run and undoes them, whatever happens in between."""

    def __init__(self, context: RunContext, hold: BorrowedTestbed, repertoire: Repertoire) -> None:
        self._context = context
        self._hold = hold
        self._repertoire = repertoire
        self._journal = context.journal
        self._halt = threading.Event()
        self._failures: list[FogbedError] = []
        self._halted_by: FogbedError | None = None
        self._step = "beginning"
        self._started = context.clock.now()
        self._workload: Workload | None = None
        self._network: RunNetwork | None = None
        self._actions: Actions | None = None
        self._pushing: Pushing | None = None
        self._samples = LiveSamples(context.job)
        self._silences = Silences(context.journal, context.clock)
        self._watch = Watch(context.platform, context.clock, self._silences)

    def go(self) -> BaseException | None:
        """Run; return what ended the run early, None if it went to its end.

        Whatever happens, the job is stopped, the network cleared and the bundle complete. Every
        FogbedError and KeyboardInterrupt is returned, other exceptions too: the caller raises
        them when the verdict is written.
        """
        undo = ExitStack()
        stopped_by: BaseException | None = None
        self._journal.write(
            "run-started",
            name=self._context.resolved.experiment.name,
            repetition=self._context.repetition,
        )
        try:
            self._do(undo)
        except BaseException as error:  # noqa: BLE001 - kept, and raised once all is cleaned up
            stopped_by = error
        finally:
            with shielded():
                try:
                    undo.close()
                except Exception as error:  # noqa: BLE001 - a bug; raised as well, after the verdict
                    stopped_by = stopped_by or error
                stopped_by = self._conclude(stopped_by)
        return stopped_by

    def _do(self, undo: ExitStack) -> None:
        context = self._context
        links = demand_of(context.resolved, context.timeline, self._repertoire)
        chosen_for(context.resolved.testbed, links)  # what cannot be is told before anything
        self._begin("bringing the testbed up")
        workload = bring_up(context, self._hold, links)
        self._begin("shaping the network")
        plans = plan_changes(context.resolved, context.timeline, self._repertoire)
        network = self._network = RunNetwork(context, plans, self._silences)
        self._undo(undo, "clearing the network", network.clear)
        undo.enter_context(network.renewed())
        network.prepare()
        # well before the job: an agent's start would be missed at its beginning
        undo.callback(network.round_trips.stop)
        network.round_trips.start()
        self._workload = workload
        self._undo(undo, "cancelling the job", workload.cancel)
        self._begin("submitting the job")
        self._journal.write("job-submitted", **workload.submit())
        self._actions = self._make_actions(workload, network)
        self._undo(undo, "undoing the actions", self._actions.undo)
        self._replay(workload, self._actions, network)

    def _replay(self, workload: Workload, actions: Actions, network: RunNetwork) -> None:
        context = self._context
        sources = [*workload.sources(), *context.dependencies.sources(context.platform)]
        sampler = Sampler(
            [*sources, network.round_trips],
            SampleStore(context.bundle.metrics_folder),
            context.clock,
            seen=self._seen,
            failed=lambda source, error: self._silences.begin(f"samples of {source}", error),
            answered=lambda source: self._silences.end(f"samples of {source}"),
        )
        self._pushing = open_pushing(context)
        with ExitStack() as until_stopped:
            until_stopped.callback(self._write_states, network, actions)
            until_stopped.callback(network.round_trips.stop)
            until_stopped.callback(self._note_processes, is_last=True)  # the sampler looks no more
            if self._pushing is not None:
                self._pushing.start()
                until_stopped.callback(self._pushing.stopped)
            sampler.start()
            until_stopped.callback(sampler.stop)
            self._begin("waiting for the first ride")
            origin = self._await_first_ride(workload)
            network.begin(origin)
            self._keep_schedule(actions, origin)
            self._begin("stopping the job")
            stopped = workload.stop()
        position = stopped["position"]
        write_json(context.bundle.output_folder / "position.json", position)
        self._journal.write("job-stopped", savepoint=stopped["savepoint"], rides=position["rides"])
        if context.is_compared:
            self._begin("comparing the output with the oracle")
            found = workload.compare(context.bundle.output_folder)
            write_json(context.bundle.output_folder / "completeness.json", found)

    def _await_first_ride(self, workload: Workload) -> float:
        clock = self._context.clock
        end = clock.monotonic() + FIRST_RIDE_TIMEOUT_S
        while (origin := self._watch.first_ride(workload)) is None:
            if (problem := self._watch.problem(workload)) is not None:
                raise ExperimentError(f"the job ended before its first ride: {problem}")
            if clock.wait_until(clock.monotonic() + 0.1, self._halt) or clock.monotonic() > end:
                raise ExperimentError(
                    f"no ride was replayed within {FIRST_RIDE_TIMEOUT_S:g} s of the submission",
                    hint="`fogbed logs NODE` shows what the source's TaskManager says",
                )
        self._journal.origin = origin
        self._journal.write("first-ride", origin=origin)
        return origin

    def _make_actions(self, workload: Workload, network: RunNetwork) -> Actions:
        context = self._context

        def of_action(planned: PlannedAction) -> ActionContext:
            return ActionContext(
                index=planned.index,
                run=context,
                workload=workload,
                network=network,
                samples=self._samples,
            )

        return Actions(
            self._repertoire.actions,
            of_action,
            self._journal,
            context.clock,
            job_lane=Lane(context.dependencies.executor()),
            failed=self._failed,
            executor=context.dependencies.executor,
        )

    def _keep_schedule(self, actions: Actions, origin: float) -> None:
        context = self._context
        try:
            for mark in context.timeline.marks():
                deadline = deadline_of(context.clock, origin + mark.at_s)
                if context.clock.wait_until(deadline, self._halt):
                    break
                self._reach(mark, actions, origin)
            if not self._halt.is_set() and not actions.finish():
                raise ExperimentError("an action was still under way long after the run's end")
        finally:
            actions.close()
        if self._halted_by is not None:
            raise self._halted_by
        actions.undo()

    def _reach(self, mark: Mark, actions: Actions, origin: float) -> None:
        if mark.phase is not None:
            self._step = mark.phase.name
            self._journal.write("phase", name=mark.phase.name, planned_s=mark.at_s)
        elif mark.action is not None:
            actions.start(mark.action, origin)

    def _failed(self, planned: PlannedAction, error: FogbedError) -> None:
        what = f"action {planned.index} ({planned.title}) failed: {error.message}"
        self._fail(ExperimentError(what, hint=error.hint, details=error.details))

    def _fail(self, error: FogbedError, *, is_end: bool = False) -> None:
        """Take note of a failure; of those that end the run the first is told: the rest follow."""
        self._failures.append(error)
        if is_end or self._context.resolved.experiment.on_error == "abort":
            self._halted_by = self._halted_by or error
            self._halt.set()

    def _seen(self, time: float, rows: Sequence[Sample]) -> None:
        self._samples.append(time, rows)
        if self._pushing is not None:
            self._pushing.seen(time, rows)
        origin, workload = self._journal.origin, self._workload
        if origin is None or workload is None:
            return
        context = self._context
        context.observer.sample(snapshot(context.timeline, context.job, time - origin, rows))
        self._note_processes()
        self._look_at_network()
        restarted = self._watch.restarted(rows)
        if restarted is not None:
            self._journal.write("note", text=restarted)
        problem = self._watch.problem(workload)
        if problem is not None and not self._halt.is_set():
            self._fail(ExperimentError(f"the job ended before the run: {problem}"), is_end=True)

    def _note_processes(self, *, is_last: bool = False) -> None:
        """Journal what happened to processes since the last look.

        One that died is a failure, unless an action has brought that about, or it only watched.
        """
        for event in self._watch.happened(is_last=is_last):
            text = f"{event.process}: {event.event} {event.note}".rstrip()
            self._journal.write("process", text=text, happened=asdict(event))
            if self._network is not None:
                self._network.note_event(event)
            planned = self._actions is not None and self._actions.planned_events.has(event)
            if event.event == "died" and not (planned or event.is_of_a_watcher):
                self._fail(ExperimentError(f"{event.process} died", hint="`fogbed logs NODE`"))

    def _look_at_network(self) -> None:
        if self._network is not None and self._actions is not None:
            self._network.look(self._actions.planned_events.deaths())

    def _write_states(self, network: RunNetwork, actions: Actions) -> None:
        origin = self._journal.origin
        if origin is not None:
            end_s = self._context.clock.now() - origin
            network.write_states(end_s, actions.planned_events.deaths())

    def _begin(self, step: str) -> None:
        self._step = step
        self._journal.write("step", what=step)

    def _undo(self, undo: ExitStack, what: str, do: Callable[[], None]) -> None:
        def quietly() -> None:
            try:
                do()
            except FogbedError as error:
                self._journal.write("note", text=f"{what} failed: {error.message}")

        undo.callback(quietly)

    def _conclude(self, stopped_by: BaseException | None) -> BaseException | None:
        """Write verdict and report; return what ended the run."""
        context = self._context
        if stopped_by is not None:
            why = str(stopped_by) or "interrupted"  # KeyboardInterrupt has no text
            self._journal.write("note", text=f"ended while {self._step}: {why}")
        status = conclusion.write_verdict(
            context,
            self._repertoire,
            started=self._started,
            failures=self._failures,
            silences=self._silences,
            stopped_by=stopped_by,
        )
        conclusion.close(
            context,
            self._pushing,
            status=status,
            started=self._started,
            is_hurried=isinstance(stopped_by, KeyboardInterrupt),
        )
        return stopped_by
