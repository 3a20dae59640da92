"""Flink on a laptop testbed, and what an experiment has changed of it while it is up."""

from __future__ import annotations

from dataclasses import asdict, replace

from fogbed.clients.progress import Progress
from fogbed.plan.flink_buffers import LinkDemand
from fogbed.plan.local_processes import GRAFANA, LocalPlan, process_name
from fogbed.plan.services.jobmanager import JOBMANAGER
from fogbed.plan.services.taskmanager import TASKMANAGER
from fogbed.platforms.base import Endpoints
from fogbed.platforms.local.folder import Launched
from fogbed.platforms.local.planning import Decided, plan_here
from fogbed.platforms.local.registration import wait_until_gone, wait_until_registered
from fogbed.platforms.local.running import RunningTestbed
from fogbed.platforms.local.watchers import watchers_for
from fogbed.platforms.local.workers import LocalWorkers
from fogbed.platforms.long_links import chosen_for
from fogbed.platforms.registration import refuse_while_a_job_runs
from fogbed.platforms.requests import Scheduler
from fogbed.platforms.schedulers import require_free
from fogbed.platforms.state import only_one


class RefittedTestbed(RunningTestbed):
    """A testbed on this computer whose Flink can be made another one."""

    def endpoints(self) -> Endpoints:
        """Return the URL of Flink's web page and REST interface, and of what watches the testbed.

        Raises:
            PlatformError: the testbed is not up.
        """
        return self._launched().endpoints()

    def workers(self) -> LocalWorkers:
        """Return which nodes carry a TaskManager, to change it."""
        return LocalWorkers(self)

    def use_scheduler(self, scheduler: Scheduler, progress: Progress) -> None:
        """Have the JobManager run with ``scheduler``; restart it only when it runs another one.

        Raises:
            PlatformError: a job is running (the error names it), or the spec fixes the other one.
        """
        launched = self._launched()
        if launched.scheduler == scheduler:
            return
        require_free(self.testbed, scheduler)
        why = f"the JobManager must start again ({scheduler} scheduler)"
        refuse_while_a_job_runs(self.endpoints().flink, self.testbed.name, why)
        with only_one(self.testbed.name), progress.step(f"JobManager: {scheduler} scheduler"):
            # first: whoever interrupts what follows leaves the new one, not the old one's name
            plan = self._plan_anew(replace(launched, scheduler=scheduler))
            workers = self.workers().list()
            (jobmanager,) = plan.of(JOBMANAGER.name)
            self._steering().replace(jobmanager, f"restarted with the {scheduler} scheduler")
            wait_until_registered(self, workers, progress)

    def use_links(self, asked: LinkDemand, progress: Progress) -> str:
        """Have the TaskManagers run with the buffers that an experiment asks for.

        They start again only when they have others. Returns the choice and its reason.

        Raises:
            UsageError: the size that the spec fixes leaves too few for the job.
            PlatformError: they have others, and a job is running (the error names it).
        """
        launched = self._launched()
        wanted = chosen_for(self.testbed, asked)
        changed = replace(launched, links=asdict(asked))
        if wanted.same_as(chosen_for(self.testbed, launched.demand)):
            self._folder.write_launched(changed)
            return wanted.told
        why = "the TaskManagers must start again (other network buffers)"
        refuse_while_a_job_runs(self.endpoints().flink, self.testbed.name, why)
        with only_one(self.testbed.name), progress.step("TaskManagers: other network buffers"):
            self._restart_workers(self._plan_anew(changed), progress)
        return wanted.told

    def _restart_workers(self, plan: LocalPlan, progress: Progress) -> None:
        running, steering = self.workers().list(), self._steering()
        why = "restarted with other network buffers"
        for node in running:
            steering.stop(process_name(TASKMANAGER.name, node), why)
        for node in running:
            wait_until_gone(self, node, progress)
        for process in plan.of(TASKMANAGER.name):
            steering.replace(process, why, starts=process.node in running)
        wait_until_registered(self, running, progress)

    def _plan_anew(self, launched: Launched) -> LocalPlan:
        """Write down, and return, the plan of a testbed that is up and is to be as ``launched``."""
        watchers = watchers_for(self.testbed, shown=GRAFANA in launched.more_ports)
        decided = Decided(
            launched.number, launched.scheduler, launched.emulator, watchers, launched.demand
        )
        plan = plan_here(self.testbed, self._folder.root, decided)
        self._folder.write_plan(plan)
        self._folder.write_launched(launched)
        return plan
