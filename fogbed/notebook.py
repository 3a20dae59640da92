"""fogbed from Python: a run's figures, and those of a testbed that is up, as tables of pandas.

``import fogbed`` has what is public here. Times that are given are those of ``fogbed metrics
query``: a duration ("10s", "5m", or a number of seconds) counts from a run's first ride, without a
run back from now; a date with a time is taken too.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fogbed import paths, platforms
from fogbed.experiment.querying.sources import open_answers
from fogbed.experiment.querying.tables import frame_of
from fogbed.experiment.querying.when import Frame, frame_of_now, frame_of_run, parse_when
from fogbed.experiment.record import bundle as bundles
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.record.specs import testbed_of_run
from fogbed.spec.testbed import Testbed

Moment = str | float | None
_BACK_S = 900.0  # what a testbed is asked of where nothing else is said, as in the terminal


@dataclass(frozen=True, slots=True)
class Run:
    """One run, by its folder: how it ended, and what was measured; also of one that goes on."""

    folder: Path

    @property
    def name(self) -> str:
        """What it is called in commands and in Prometheus: the name of its folder."""
        return self.folder.name

    @property
    def verdict(self) -> dict[str, Any]:
        """What ``verdict.json`` says: ``status``, ``assertions``, ``figures`` and more.

        {} where the run was killed before it wrote one; ``fogbed.experiment.record.bundle`` has
        every key.
        """
        return self._bundle.verdict()

    @property
    def figures(self) -> pd.DataFrame:
        """The run's figures as the report has them: name, value, unit, detail; a row each."""
        columns = ["name", "value", "unit", "detail"]
        return pd.DataFrame(self.verdict.get("figures", []), columns=columns)

    def samples(self, *names: str) -> pd.DataFrame:
        """Return what was sampled once a second, of the metrics called ``names``, or of all.

        Columns: time (UTC), at (seconds from the first ride; NaN where there was none), name,
        operator, subtask, node, value, whose unit is the metric's (``fogbed metrics list``).
        """
        frame = self._bundle.samples(names or None)
        rides = self._bundle.events("first-ride")
        origin = rides[0]["origin"] if rides else float("nan")
        frame.insert(1, "at", frame["time"] - origin)
        frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True).dt.round("ms")
        return frame

    def query(
        self,
        promql: str,
        *,
        at: Moment = None,
        from_: Moment = None,
        to: Moment = None,
        step: Moment = None,
    ) -> pd.DataFrame:
        """Return a query's values over the run: time (UTC), name, a column for each label, value.

        Its testbed's Prometheus answers; of a run that it does not know, or when it is gone, the
        bundle does so, and then plain selectors only.

        Raises:
            UsageError: it cannot be answered, or the times contradict each other.
            ServiceError: Prometheus gives no answer.
        """
        frame = frame_of_run(self._bundle, time.time())
        testbed = testbed_of_run(self._bundle)
        times = {"at": at, "from_": from_, "to": to, "step": step}
        return _answer(promql, testbed, self._bundle, frame, times)

    @property
    def _bundle(self) -> Bundle:
        return Bundle(self.folder)


def open_run(run: str | Path = "last", *, runs: str | Path | None = None) -> Run:
    """Return a run by its path, its name, the beginning of its name, or ``last``.

    ``runs``: the folder that it is looked for in, ``./runs`` unless it is given.

    Raises:
        UsageError: there is none, or several begin so.
    """
    return Run(bundles.find_run(_runs_dir(runs), str(run)).folder.absolute())


def list_runs(runs: str | Path | None = None) -> list[Run]:
    """Return every run of a folder (``./runs`` unless it is given), oldest first."""
    return [Run(each.folder.absolute()) for each in bundles.list_runs(_runs_dir(runs))]


def query(  # noqa: PLR0913 - one per option of the command
    promql: str,
    *,
    testbed: str | Path | None = None,
    at: Moment = None,
    from_: Moment = None,
    to: Moment = None,
    step: Moment = None,
) -> pd.DataFrame:
    """Return a query's values of a testbed that is up: time (UTC), name, labels, value.

    ``testbed``: its name or file; the only one that is up unless it is given. Without times it is
    asked for now.

    Raises:
        UsageError: it cannot be answered, the testbed is not up or has no Prometheus.
        PlatformError, ServiceError: Prometheus cannot be reached.
    """
    found = platforms.find_testbed(testbed)
    times = {"at": at, "from_": from_, "to": to, "step": step}
    return _answer(promql, found, None, frame_of_now(time.time(), _BACK_S), times)


def _answer(
    promql: str, testbed: Testbed, run: Bundle | None, frame: Frame, times: dict[str, Moment]
) -> pd.DataFrame:
    texts = {option: _text(moment) for option, moment in times.items()}
    when = parse_when(frame, is_range=run is not None, **texts)
    with open_answers(testbed, run) as answers:
        return frame_of(answers.query(promql, when))


def _text(moment: Moment) -> str | None:
    return f"{moment}s" if isinstance(moment, int | float) else moment


def _runs_dir(runs: str | Path | None) -> Path:
    return paths.runs_dir() if runs is None else Path(runs)
