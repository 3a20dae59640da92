"""Flink's REST interface: one method per request, nothing decided here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from fogbed.clients import flink_values as values
from fogbed.clients.flink_values import Jar, Job, JobSummary, Operation, Subtask
from fogbed.clients.sessions import HoldsSession
from fogbed.errors import ServiceAwayError, ServiceBusyError, ServiceError
from fogbed.plan.slots import TaskManager

_TIMEOUT_S = 30.0
# the jar's main method and the job's submission run inside this request
_RUN_TIMEOUT_S = 120.0


class FlinkClient(HoldsSession):
    """A session cluster's JobManager, by the URL of its REST interface.

    Every method raises ServiceError, with method, URL, status and body, when the JobManager does
    not answer or refuses: ServiceAwayError where nothing answers, ServiceBusyError where no answer
    comes within ``timeout_s`` seconds, or the JobManager has no leader yet. ``session`` may be
    given to put another transport under it.
    """

    def __init__(
        self, url: str, session: requests.Session | None = None, *, timeout_s: float = _TIMEOUT_S
    ) -> None:
        super().__init__(session)
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s

    # -- the cluster ---------------------------------------------------------------------------

    def configuration(self) -> dict[str, str]:
        """Return the JobManager's own configuration."""
        return {entry["key"]: entry["value"] for entry in self._get("/jobmanager/config")}

    def scheduler(self) -> str:
        """Return which scheduler the JobManager runs jobs with: ``adaptive`` or ``default``."""
        name = self.configuration().get("jobmanager.scheduler", "default").lower()
        return "adaptive" if name.startswith("adaptive") else "default"

    def task_managers(self) -> tuple[TaskManager, ...]:
        """Return the registered TaskManagers, by name."""
        found = self._get("/taskmanagers")["taskmanagers"]
        return tuple(sorted(map(values.parse_task_manager, found), key=lambda tm: tm.name))

    def slots_held(self, job_id: str) -> dict[str, int]:
        """Return how many slots of each TaskManager a job holds."""
        held = {}
        for task_manager in self.task_managers():
            answer = self._get(f"/taskmanagers/{quote(task_manager.name, safe='')}")
            slots = sum(slot["jobId"] == job_id for slot in answer["allocatedSlots"])
            if slots:
                held[task_manager.name] = slots
        return held

    # -- jars ----------------------------------------------------------------------------------

    def jars(self) -> tuple[Jar, ...]:
        """Return the jars that were uploaded to this JobManager."""
        return tuple(
            Jar(id=entry["id"], name=entry["name"]) for entry in self._get("/jars")["files"]
        )

    def upload_jar(self, path: Path, *, name: str) -> str:
        """Upload a jar under ``name`` and return its id."""
        with path.open("rb") as jar:
            parts = {"jarfile": (name, jar, "application/java-archive")}
            answer = self._ask("POST", "/jars/upload", files=parts)
        return str(answer["filename"]).rsplit("/", 1)[-1]

    def run_jar(
        self,
        jar_id: str,
        *,
        entry_class: str,
        arguments: Sequence[str],
        savepoint: str | None = None,
    ) -> str:
        """Start a job from an uploaded jar and return the job's id."""
        body: dict[str, Any] = {"entryClass": entry_class, "programArgsList": list(arguments)}
        if savepoint is not None:
            body["savepointPath"] = savepoint
        path = f"/jars/{quote(jar_id)}/run"
        return str(self._ask("POST", path, body=body, timeout_s=_RUN_TIMEOUT_S)["jobid"])

    def plan_jar(self, jar_id: str, *, entry_class: str, arguments: Sequence[str]) -> None:
        """Have the jar's program build its job graph without starting it."""
        body = {"entryClass": entry_class, "programArgsList": list(arguments)}
        self._ask("POST", f"/jars/{quote(jar_id)}/plan", body=body, timeout_s=_RUN_TIMEOUT_S)

    # -- jobs ----------------------------------------------------------------------------------

    def jobs(self) -> tuple[JobSummary, ...]:
        """Return every job the JobManager remembers, the latest first."""
        found = map(values.parse_summary, self._get("/jobs/overview")["jobs"])
        return tuple(sorted(found, key=lambda job: job.started, reverse=True))

    def job(self, job_id: str) -> Job:
        """Return a job and its vertices."""
        return values.parse_job(self._get(f"/jobs/{job_id}"))

    def parameters(self, job_id: str) -> dict[str, str]:
        """Return a job's global parameters: what its program was started with."""
        answer = self._get(f"/jobs/{job_id}/config").get("execution-config") or {}
        return {key: str(value) for key, value in answer.get("user-config", {}).items()}

    def subtasks(self, job_id: str, vertex_id: str) -> tuple[Subtask, ...]:
        """Return the subtasks of a vertex, by index."""
        return values.parse_subtasks(self._get(f"/jobs/{job_id}/vertices/{vertex_id}"))

    def failures(self, job_id: str) -> tuple[str, ...]:
        """Return why a job failed, a line for each time, the latest first."""
        entries = self._get(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        return tuple(values.root_cause(entry["stacktrace"]) for entry in entries)

    def failure(self, job_id: str) -> str | None:
        """Return why a job failed last, in one line; None if it never did."""
        return next(iter(self.failures(job_id)), None)

    def cancel(self, job_id: str) -> None:
        """Ask for a job to be cancelled."""
        self._ask("PATCH", f"/jobs/{job_id}?mode=cancel")

    # -- metrics -------------------------------------------------------------------------------

    def metric_names(self, job_id: str, vertex_id: str) -> tuple[str, ...]:
        """Return the metrics of a vertex, each as ``<subtask>.<name>``."""
        found = self._get(f"/jobs/{job_id}/vertices/{vertex_id}/metrics")
        return tuple(entry["id"] for entry in found)

    def metrics(self, job_id: str, vertex_id: str, names: Sequence[str]) -> dict[str, float]:
        """Return values by name (``<subtask>.<name>``); those that are not there are left out."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/metrics?get={quote(','.join(names))}"
        return {entry["id"]: float(entry["value"]) for entry in self._get(path)}

    def job_metrics(self, job_id: str, names: Sequence[str]) -> dict[str, float]:
        """Return values of a job's own metrics (numRestarts, numRescales, ...) by name."""
        path = f"/jobs/{job_id}/metrics?get={quote(','.join(names))}"
        return {entry["id"]: float(entry["value"]) for entry in self._get(path)}

    def checkpoint_counts(self, job_id: str) -> dict[str, int]:
        """Return how many checkpoints completed, failed, were restored, are in progress."""
        return dict(self._get(f"/jobs/{job_id}/checkpoints")["counts"])

    def last_savepoint(self, job_id: str) -> str | None:
        """Return where the last savepoint of a job is, as Flink spells it; None if it has none."""
        latest = self._get(f"/jobs/{job_id}/checkpoints").get("latest") or {}
        found = (latest.get("savepoint") or {}).get("external_path")
        return str(found) if found else None

    # -- state and parallelism -----------------------------------------------------------------

    def start_checkpoint(self, job_id: str) -> str:
        """Start a full checkpoint and return the request's id."""
        body = {"checkpointType": "FULL"}
        return str(self._ask("POST", f"/jobs/{job_id}/checkpoints", body=body)["request-id"])

    def checkpoint(self, job_id: str, request_id: str) -> Operation:
        """Return how far a checkpoint that was started has come."""
        return values.parse_operation(self._get(f"/jobs/{job_id}/checkpoints/{request_id}"))

    def start_savepoint(self, job_id: str, *, folder: str) -> str:
        """Start a savepoint into ``folder`` (a URI); the job goes on. Returns the request's id."""
        body = {"target-directory": folder, "cancel-job": False, "formatType": "CANONICAL"}
        return str(self._ask("POST", f"/jobs/{job_id}/savepoints", body=body)["request-id"])

    def start_stop(
        self, job_id: str, *, folder: str, native: bool = False, trigger_id: str | None = None
    ) -> str:
        """Start stop-with-savepoint into ``folder`` (a URI), without drain: the request's id.

        ``trigger_id`` (32 hexadecimal digits) is that id; asked again with it, Flink stops once.
        """
        body = {
            "targetDirectory": folder,
            "drain": False,
            "formatType": "NATIVE" if native else "CANONICAL",
            **({} if trigger_id is None else {"triggerId": trigger_id}),
        }
        return str(self._ask("POST", f"/jobs/{job_id}/stop", body=body)["request-id"])

    def savepoint(self, job_id: str, request_id: str) -> Operation:
        """Return how far a savepoint, or a stop with savepoint, has come."""
        return values.parse_operation(self._get(f"/jobs/{job_id}/savepoints/{request_id}"))

    def requirements(self, job_id: str) -> dict[str, tuple[int, int]]:
        """Return the (lower, upper) bound of every vertex's parallelism; adaptive only."""
        answer = self._get(f"/jobs/{job_id}/resource-requirements")
        return {
            vertex: (
                requirement["parallelism"]["lowerBound"],
                requirement["parallelism"]["upperBound"],
            )
            for vertex, requirement in answer.items()
        }

    def require(self, job_id: str, bounds: Mapping[str, tuple[int, int]]) -> None:
        """Set the bounds of every vertex's parallelism; all vertices must be named."""
        body = {
            vertex: {"parallelism": {"lowerBound": lower, "upperBound": upper}}
            for vertex, (lower, upper) in bounds.items()
        }
        self._ask("PUT", f"/jobs/{job_id}/resource-requirements", body=body)

    # -- transport -----------------------------------------------------------------------------

    def _get(self, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
        return self._ask("GET", path)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        files: Any = None,  # noqa: ANN401 - as requests takes it
        timeout_s: float | None = None,
    ) -> Any:  # noqa: ANN401 - JSON of any shape
        url = self.url + path
        try:
            answer = self._session.request(
                method,
                url,
                json=body,
                files=files,
                timeout=timeout_s or self._timeout_s,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            kind = ServiceBusyError if isinstance(error, requests.Timeout) else ServiceAwayError
            raise kind(
                f"{method} {url}: no answer",
                hint="is the testbed up? `fogbed status` shows it; else check the URL",
                details=_plain(error),
            ) from error
        if not 200 <= answer.status_code < 300:  # noqa: PLR2004 - what HTTP calls success
            has_no_leader = answer.status_code == requests.codes.service_unavailable
            refused = ServiceBusyError if has_no_leader else ServiceError
            raise refused(
                f"{method} {url} was answered with {answer.status_code}",
                details=_said(answer.text),
            )
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise ServiceError(
                f"{method} {url} was not answered by Flink",
                hint="give the URL of a JobManager's REST interface",
                details=answer.text[:500],
            ) from error


def _said(body: str) -> str:
    """Return what Flink says went wrong: the causes of its stack traces, else the body."""
    try:
        errors = json.loads(body)["errors"]
    except (ValueError, KeyError, TypeError):
        return body[:2000]
    said = (values.root_cause(str(error)) for error in errors)
    return "\n".join(dict.fromkeys(line for line in said if line != "no reason was given"))


def _plain(error: requests.RequestException) -> str:
    reason = getattr(error.args[0], "reason", error) if error.args else error
    return str(reason)[:500]
