"""The bundle: a run's folder, ``runs/<utc>-<name>/``, and what each file in it holds.

::

    experiment.yml testbed.yml profile.yml  what ran, resolved, every default written out
    profile-N.yml                           the profile that action N changes to
    traces/NAME.csv                         the traces that links of these replay
    environment.json                        versions, machine, data: ``environment.capture``
    journal.jsonl                           one line per event, as it happened (below)
    network/NN-<label>.json                 asked and measured, per state of the network (below)
    metrics/samples-NNNNN.parquet           1 s samples; read them all: ``Bundle.samples``
    metrics/prometheus.parquet              what the testbed's Prometheus scraped: ``scraped``
    metrics/alerts.json                     the alerts that fired there (below)
    output/position.json                    where the source stood: ``{"rides": int, ...}``
    output/completeness.json                expected, found, lost, doubled, wrong, rejected
    output/rides/                           the job's own files (sink ``files``)
    savepoints/                             those of rescales and of the end
    verdict.json                            status, assertions, figures (below)
    report.html                             one self-contained page

**journal.jsonl**: every line has ``time`` (epoch s), ``at`` (s from the first ride; null before it)
and ``event``, one of ``EVENTS``. An ``action`` line also has ``index`` (1-based), ``do``,
``title``, ``planned_s``, ``actual_s`` (both from the first ride), ``lateness_ms``, ``finished_s``,
``overlapped`` (an earlier action was still under way), ``outcome`` (``done`` | ``failed`` |
``left out``) and ``detail`` (for a rescale the stopwatch, for exec returncode and output, for
network the pairs that changed). One that was left out has null for when it really was, and
``why`` in its detail. An ``emulation-drift`` line says what is out of tolerance ``since_s``: the
worst of the pairs that have become so (``source``, ``target``, ``asked_ms``, ``measured_ms`` (null:
nothing came back), ``allowed_ms``, ``sent``, ``lost``), the ``others``, and how many ``pairs`` are
so by now.

**network/NN-label.json**: ``label``, ``how`` (``probe`` before the job, ``load`` while it ran),
``from_s`` ``to_s`` (s from the first ride or null), ``nodes`` [n], and n x n matrices,
row = source, null where unknown: ``asked_delay_ms`` ``asked_jitter_ms`` (one way), ``asked_rtt_ms``
``bare_rtt_ms`` ``expected_rtt_ms`` ``rtt_p50_ms`` ``rtt_p99_ms`` ``error_ms`` ``allowed_error_ms``
(the tolerance asked for and what chance does to this sample) ``within`` (bool) ``probes`` (count),
with jitter ``expected_spread_ms`` ``rtt_spread_ms`` (from the 10th to the 90th percentile)
``allowed_spread_error_ms`` (how far these two may be apart);
``rates`` [{``source``, ``target``, ``asked_bps``, ``measured_bps``, ``ok``, ``detail``}] and
``losses`` [{.., ``asked``, ``measured``, ..}], ``faults`` [{``fault``, ..}] (packets corrupted,
doubled, out of order), ``one_ways`` [{.., ``low_ms``, ``high_ms``, ..}] and ``drops``, all measured
before the job only, with the ``worst`` pair and the likely ``cause`` where it is not ok;
of a state that lasted ``laws`` [{``source``, ``target``, ``probes`` [[s from the first ride, RTT
that jitter and traces ask for at that moment, RTT measured], ..]}]; where they are asked for also
``asked_corrupt`` ``asked_duplicate`` ``asked_reorder`` and ``traces`` [{``source``, ``target``,
``name``, ``key``, ``loop``, ``stretch``, ``columns``}];
``absent`` [{``node``, ``from_s``, ``to_s``, ``why``}]: nodes that were down, whose pairs are not
judged for that time; ``tolerance`` ``or_ms`` and ``ok``. Where nothing was emulated ``not_judged``
says why: ``ok``, ``error_ms``, ``allowed_error_ms`` and ``within`` are null, and what is expected
is the bare RTT.

**metrics/alerts.json**: ``alerts`` [{``name``, ``labels``, ``from``, ``to`` (epoch s)}], in the
order of time. Neither it nor ``prometheus.parquet`` is there where the testbed has no Prometheus.

**verdict.json**: ``status`` (``passed`` | ``failed`` | ``not judged`` (there are assertions, and
none could be judged) | ``error`` | ``interrupted`` | ``invalid`` | ``running``), ``ok``,
``name``, ``repetition``, ``started`` ``ended`` ``origin`` (epoch s),
``phases`` [{``name``, ``from_s``, ``to_s``}], ``assertions`` [{``title``, ``ok`` (null: it could
not be judged), ``value``, ``unit``, ``detail``}], ``not_judged`` (how many of them),
``figures`` [{``name``, ``value``, ``unit``, ``detail``}], ``error``
(null or {``message``, ``hint``, ``details``}), ``failures`` (what ``on_error`` let pass),
``unseen`` [{``what``, ``from_s``, ``to_s``, ``why``}] (what did not answer for 5 s or more),
``invalid_from_s`` (since when the network was not as asked; null where it was) and
``replay`` (the command that runs it again).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fogbed.errors import UsageError
from fogbed.files import write_whole

EVENTS = (
    "run-started",
    "step",
    "network-verified",
    "job-submitted",
    "first-ride",
    "phase",
    "action",
    "emulation-drift",
    "process",
    "note",
    "job-stopped",
    "run-ended",
)
SAMPLES_SCHEMA = pa.schema(
    [
        ("time", pa.float64()),
        ("name", pa.string()),
        ("operator", pa.string()),
        ("subtask", pa.int32()),
        ("node", pa.string()),
        ("value", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A run's folder: where its files are, and what they hold, also of a run cut short."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's identity: the folder's name."""
        return self.folder.name

    @property
    def experiment_file(self) -> Path:
        """The resolved experiment."""
        return self.folder / "experiment.yml"

    @property
    def journal_file(self) -> Path:
        """One line per event."""
        return self.folder / "journal.jsonl"

    @property
    def environment_file(self) -> Path:
        """Versions, machine and data."""
        return self.folder / "environment.json"

    @property
    def verdict_file(self) -> Path:
        """Status, assertions and figures."""
        return self.folder / "verdict.json"

    @property
    def report_file(self) -> Path:
        """The page for people."""
        return self.folder / "report.html"

    @property
    def network_folder(self) -> Path:
        """Asked and measured matrices."""
        return self.folder / "network"

    @property
    def metrics_folder(self) -> Path:
        """Samples."""
        return self.folder / "metrics"

    @property
    def alerts_file(self) -> Path:
        """The alerts of the testbed's Prometheus that fired."""
        return self.metrics_folder / "alerts.json"

    @property
    def output_folder(self) -> Path:
        """The source's position, completeness, and the job's files in ``rides/``."""
        return self.folder / "output"

    def experiment_text(self) -> str:
        """Return the resolved experiment as YAML, "" before it was written."""
        return _text(self.experiment_file)

    def spec_text(self, kind: str) -> str:
        """Return ``testbed.yml`` or ``profile.yml`` as YAML ("testbed", "profile")."""
        return _text(self.folder / f"{kind}.yml")

    def environment(self) -> dict[str, Any]:
        """Return the environment, {} before it was captured."""
        return _object(self.environment_file)

    def verdict(self) -> dict[str, Any]:
        """Return the verdict, {} where the run was killed before it wrote one."""
        return _object(self.verdict_file)

    def journal(self) -> list[dict[str, Any]]:
        """Return every event in order; a last line cut off by a kill is left out."""
        lines = _text(self.journal_file).split("\n")
        return [json.loads(line) for line in lines[:-1] if line]

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the events of one kind, in order."""
        return [line for line in self.journal() if line["event"] == event]

    def matrices(self) -> list[dict[str, Any]]:
        """Return every state of the network, asked and measured, in the order of time."""
        return [_object(path) for path in sorted(self.network_folder.glob("*.json"))]

    def position(self) -> dict[str, Any]:
        """Return where the source stood at the end, {} if the run never got there."""
        return _object(self.output_folder / "position.json")

    def completeness(self) -> dict[str, Any]:
        """Return the comparison with the oracle, {} if it was not made."""
        return _object(self.output_folder / "completeness.json")

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that fired, in the order of time; none where nobody could say."""
        return list(_object(self.alerts_file).get("alerts", ()))

    def samples(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the samples with the columns of ``SAMPLES_SCHEMA``, in the order of time.

        Only those called ``names`` where given. Empty, with its columns, if there are none.
        """
        wanted = [("name", "in", list(names))] if names is not None else None
        parts = [
            # Arrow takes a relative name with a colon for a URI
            pq.read_table(path.absolute(), schema=SAMPLES_SCHEMA, filters=wanted)
            for path in sorted(self.metrics_folder.glob("samples-*.parquet"))
        ]
        table = pa.concat_tables(parts) if parts else SAMPLES_SCHEMA.empty_table()
        frame: pd.DataFrame = table.to_pandas()
        return frame.sort_values("time", kind="stable", ignore_index=True)


def create(runs_dir: Path, name: str) -> Bundle:
    """Make a run's folder with its rooms; ``name`` is already stamped with the time.

    Another run of that name in the same second is told apart by a number behind it.

    Raises:
        UsageError: the folder cannot be made.
    """
    bundle = Bundle(runs_dir / name)
    number = count(2)
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        while not _made(bundle.folder):
            bundle = Bundle(runs_dir / f"{name}-{next(number)}")
        for folder in (bundle.network_folder, bundle.metrics_folder, bundle.output_folder):
            folder.mkdir()
    except OSError as error:
        raise UsageError(
            f"{bundle.folder} cannot be made: {error.strerror}",
            hint="name another folder with --runs",
        ) from error
    return bundle


def _made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def find_run(runs_dir: Path, run: str) -> Bundle:
    """Return a bundle by its path, its name, the start of its name, or ``last``.

    Raises:
        UsageError: there is none, or several begin so.
    """
    if not run:
        # every name begins so: an empty variable of a script would take the only run there is
        raise UsageError("which run? its name is empty", hint="write its name, or last")
    if (Path(run) / "journal.jsonl").exists():
        return Bundle(Path(run))
    runs = list_runs(runs_dir)
    found = runs[-1:] if run == "last" else [b for b in runs if b.name.startswith(run)]
    exact = [b for b in found if b.name == run] or found
    if len(exact) == 1:
        return exact[0]
    names = ", ".join(b.name for b in (exact or runs)[-5:]) or "none yet"
    what = "several runs begin with" if exact else "there is no run called"
    raise UsageError(f"{what} {run!r} in {runs_dir}", hint=f"runs here: {names}")


def list_runs(runs_dir: Path) -> list[Bundle]:
    """Return every bundle of a folder, oldest first."""
    return [Bundle(p.parent) for p in sorted(runs_dir.glob("*/journal.jsonl"))]


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write an object whole or not at all: a reader never meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(value, indent=1, default=str) + "\n")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _object(path: Path) -> dict[str, Any]:
    text = _text(path)
    return dict(json.loads(text)) if text else {}
