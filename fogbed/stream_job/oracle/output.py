"""Is the output complete: every accepted ride there once, with the oracle's answer?

The committed files of the ``files`` sink are compared with what the oracle says of every ride the
source had emitted when the job stopped. DuckDB joins the two on disk, so that memory stays flat
for millions of rides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fogbed import links
from fogbed.errors import JobError
from fogbed.plan.job import JobRequest
from fogbed.stream_job.flink.positions import Position
from fogbed.stream_job.flink.submit import SubmittedJob
from fogbed.stream_job.oracle import answers as oracle
from fogbed.stream_job.rides.datasets import HEADER
from fogbed.stream_job.rides.landmarks import Landmarks, find_landmarks
from fogbed.stream_job.rides.reject_sql import decimal_sql, no_end_sql, reason_sql, time_sql
from fogbed.stream_job.storage import Storage

_BATCH = 100_000
_MEMORY = "512MB"
_EXAMPLES = 5
_COLUMNS = ", ".join(f"'{column}': 'VARCHAR'" for column in HEADER.split(","))
_RIDES = f"""
SELECT ride, lon, lat, epoch(pickup)::BIGINT AS start, {reason_sql()} AS reason
FROM (SELECT ride_id::BIGINT AS ride, {decimal_sql("pickup_lon")} AS lon,
        {decimal_sql("pickup_lat")} AS lat, {time_sql("pickup_time")} AS pickup,
        {time_sql("dropoff_time")} AS dropoff, {no_end_sql("dropoff_time")} AS no_end
    FROM read_csv(?, auto_detect=false, header=true, delim=',', quote='', escape='',
        nullstr='never written', columns={{{_COLUMNS}}}))
"""  # noqa: S608 - of our own constants
_FOUND = """
CREATE TABLE found AS SELECT * FROM read_csv(?, auto_detect=false, header=false,
    delim=',', quote='"', escape='"',
    columns={'number': 'BIGINT', 'start': 'TIMESTAMP', 'landmark': 'VARCHAR',
             'distance': 'DOUBLE', 'bearing': 'DOUBLE'})
"""
_JUDGED = f"""
CREATE VIEW judged AS SELECT number, coalesce(expected.reason IS NULL AND expected.times > 0
        AND number // $splits < emitted.count, false) AS is_expected,
    -- a figure that is missing in an answer compares as NULL: it differs too
    coalesce(expected.landmark IS DISTINCT FROM found.landmark
        OR epoch(found.start)::BIGINT <> expected.start + (number // $rides) * $span
        OR abs(found.distance - expected.distance) > {oracle.DISTANCE_TOLERANCE_M}
        OR (expected.distance >= {oracle.BEARING_FROM_M}
            AND abs((found.bearing - expected.bearing + 540) % 360 - 180)
                > {oracle.BEARING_TOLERANCE_DEG}), true)
        AS differs
FROM found LEFT JOIN expected ON number % $rides = expected.ride
    LEFT JOIN emitted ON number % $splits = emitted.split
"""  # noqa: S608 - of our own constants
_MISSING = """
SELECT number FROM (
    SELECT ride + lap * $rides AS number FROM (SELECT ride, unnest(range(times)) AS lap
        FROM expected WHERE reason IS NULL)
) ANTI JOIN found USING (number) ORDER BY number LIMIT $examples
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """The verdict on an output: counts of rides over all laps.

    ``wrong`` counts rows that differ from the oracle or should not be there at all; ``rejected``
    what ``parse`` had to reject, by reason. ``expected`` plus all ``rejected`` is what the source
    had emitted.
    """

    ok: bool
    expected: int
    found: int
    lost: int
    doubled: int
    wrong: int
    rejected: dict[str, int]
    detail: str


def check_complete(
    job: SubmittedJob | JobRequest,
    output: Path,
    position: Position,
    *,
    storage: Storage,
    rejected: Mapping[str, int] | None = None,
) -> Completeness:
    """Compare the committed files below ``output`` with the oracle, up to ``position``.

    ``storage`` is where rides and landmarks were published; ``rejected`` what the job itself
    counted by reason, if that is to be compared too.

    Raises:
        JobError: a committed file cannot be read, or the rides or landmarks are gone.
    """
    request = job.request if isinstance(job, SubmittedJob) else job
    with _on_disk() as (database, folder):
        landmarks = find_landmarks(storage.fetch(request.landmarks.uri, folder))
        rides = storage.fetch(request.rides.rides_uri, folder)
        span = _load_expected(database, request, rides, landmarks, position)
        _load_found(database, output)
        return _judge(database, request, position, span, rejected)


@contextmanager
def _on_disk() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """Give a database and its folder, removed afterwards; what exceeds memory spills there."""
    with (
        tempfile.TemporaryDirectory(prefix="fogbed-output-") as folder,
        duckdb.connect(str(Path(folder, "compare.duckdb"))) as database,
    ):
        database.execute(f"SET memory_limit='{_MEMORY}'")
        database.execute("SET temp_directory=?", [f"{folder}/spill"])
        yield database, Path(folder)


def _load_expected(
    database: duckdb.DuckDBPyConnection,
    request: JobRequest,
    rides: Path,
    landmarks: Landmarks,
    position: Position,
) -> int:
    """Fill table ``expected`` (a row per ride of the file); return the seconds of one lap."""
    database.execute(
        "CREATE TABLE expected (ride BIGINT, reason VARCHAR, start BIGINT, landmark VARCHAR,"
        " distance DOUBLE, bearing DOUBLE, times BIGINT)"
    )
    database.execute("CREATE TABLE emitted (split BIGINT, count BIGINT)")
    table = pa.table({"split": range(len(position.emitted)), "count": position.emitted})
    database.from_arrow(table).insert_into("emitted")
    # a name that DuckDB does not take for a pattern of names
    file = str(links.plain(rides.absolute()))
    with database.cursor() as reading:
        for batch in reading.sql(_RIDES, params=[file]).to_arrow_reader(_BATCH):
            answers = _answers(batch, landmarks, request, position)
            database.from_arrow(answers).insert_into("expected")
    # as java/fogbed/PreparedRides.java shifts event time from one lap to the next
    first = _number(database, "SELECT arg_min(start, ride) FROM expected WHERE start IS NOT NULL")
    last = _number(database, "SELECT arg_max(start, ride) FROM expected WHERE start IS NOT NULL")
    return max(0, last - first) + 1


def _answers(
    batch: pa.RecordBatch, landmarks: Landmarks, request: JobRequest, position: Position
) -> pa.Table:
    """Return the oracle's answers to a batch of rides; nulls where a ride is rejected."""
    usable = np.asarray(batch.column("reason").is_null())
    lat, lon = (
        batch.column(name).to_numpy(zero_copy_only=False)[usable] for name in ("lat", "lon")
    )
    answers = oracle.nearest(lat, lon, landmarks)
    where = np.flatnonzero(usable)
    names = np.full(len(usable), None, dtype=object)
    names[where] = np.array(landmarks.names, dtype=object)[answers.landmark]
    distance, bearing = np.full((2, len(usable)), np.nan)
    distance[where], bearing[where] = answers.distance_m, answers.bearing_deg
    rides = batch.column("ride").to_numpy()
    return pa.table(
        {
            "ride": rides,
            "reason": batch.column("reason"),
            "start": batch.column("start"),
            "landmark": pa.array(names, type=pa.string()),
            "distance": distance,
            "bearing": bearing,
            "times": times_emitted(rides, position, rides_per_lap=request.rides.rides),
        }
    )


def times_emitted(
    rides: npt.NDArray[np.int64], position: Position, *, rides_per_lap: int
) -> npt.NDArray[np.int64]:
    """Return how often each ride of the file (by index, shape (k,)) was emitted; shape (k,).

    Whole laps are counted at once; only the last stretch, where splits differ, ride by ride.
    """
    splits = len(position.emitted)
    everywhere = min(position.emitted) * splits  # every number below was emitted
    times = np.maximum(0, -((rides - everywhere) // rides_per_lap))
    furthest = max(position.emitted) * splits
    numbers = rides + times * rides_per_lap
    while (numbers < furthest).any():
        times = times + position.includes(numbers)
        numbers = numbers + rides_per_lap
    counted: npt.NDArray[np.int64] = times
    return counted


def _load_found(database: duckdb.DuckDBPyConnection, output: Path) -> None:
    """Fill table ``found`` from the committed files: hidden ones are in progress."""
    files = [
        str(path)
        for path in sorted(links.plain(output.absolute()).rglob("*"))
        if path.is_file() and not path.name.startswith((".", "_")) and path.stat().st_size
    ]
    if not files:
        database.execute(
            "CREATE TABLE found (number BIGINT, start TIMESTAMP, landmark VARCHAR,"
            " distance DOUBLE, bearing DOUBLE)"
        )
        return
    try:
        database.execute(_FOUND, [files])
    except duckdb.Error as error:
        raise JobError(f"the answers in {output} cannot be read", details=str(error)) from error


def _judge(
    database: duckdb.DuckDBPyConnection,
    request: JobRequest,
    position: Position,
    span: int,
    counted: Mapping[str, int] | None,
) -> Completeness:
    rides = request.rides.rides
    values = {"$rides": rides, "$splits": len(position.emitted), "$span": span}
    view = _JUDGED
    for name, value in values.items():
        view = view.replace(name, str(value))
    database.execute(view)
    expected = _number(database, "SELECT sum(times) FROM expected WHERE reason IS NULL")
    found = _number(database, "SELECT count(*) FROM found")
    distinct = _number(database, "SELECT count(DISTINCT number) FROM judged WHERE is_expected")
    all_distinct = _number(database, "SELECT count(DISTINCT number) FROM found")
    wrong = _number(database, "SELECT count(*) FROM judged WHERE NOT is_expected OR differs")
    by_reason = database.execute(
        "SELECT reason, sum(times)::BIGINT FROM expected WHERE reason IS NOT NULL AND times > 0"
        " GROUP BY reason ORDER BY reason"
    )
    rejected = {str(reason): int(count) for reason, count in by_reason.fetchall()}
    lost, doubled = expected - distinct, found - all_distinct
    faults = _faults(database, rides, lost=lost, doubled=doubled, wrong=wrong)
    if counted is not None and {k: v for k, v in counted.items() if v} != rejected:
        faults.append(f"the job counted other rejects: {dict(counted)}, not {rejected}")
    right = f"{found:,} answers as the oracle's, {sum(rejected.values()):,} rides rejected"
    return Completeness(
        ok=not faults,
        expected=expected,
        found=found,
        lost=lost,
        doubled=doubled,
        wrong=wrong,
        rejected=rejected,
        detail="; ".join(faults) or right,
    )


def _faults(
    database: duckdb.DuckDBPyConnection, rides: int, *, lost: int, doubled: int, wrong: int
) -> list[str]:
    """Return a sentence per kind of fault, with the first rides it befell."""
    kinds = (
        ("lost", lost, _MISSING.replace("$rides", str(rides))),
        (
            "doubled",
            doubled,
            "SELECT number FROM found GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT $examples",
        ),
        (
            "wrong",
            wrong,
            "SELECT number FROM judged WHERE NOT is_expected OR differs ORDER BY 1 LIMIT $examples",
        ),
    )
    faults = []
    for what, count, query in kinds:
        if count:
            rows = database.execute(query.replace("$examples", str(_EXAMPLES))).fetchall()
            first = ", ".join(str(row[0]) for row in rows)
            faults.append(f"{count:,} {what} (first rides: {first})")
    return faults


def _number(database: duckdb.DuckDBPyConnection, query: str) -> int:
    row = database.execute(query).fetchone()
    return int(row[0] or 0) if row else 0
