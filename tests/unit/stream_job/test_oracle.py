"""The oracle itself, against plain formulas in more digits and against its own definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogbed.stream_job.oracle import answers as oracle
from fogbed.stream_job.rides.landmarks import Landmarks

LATITUDES = st.floats(-90, 90, allow_subnormal=False)
LONGITUDES = st.floats(-180, 180, allow_subnormal=False)


def landmarks(*places: tuple[float, float]) -> Landmarks:
    return Landmarks(
        name="test",
        path=Path("test.csv"),
        names=tuple(f"place {i}" for i in range(len(places))),
        latitudes=np.array([lat for lat, _ in places]),
        longitudes=np.array([lon for _, lon in places]),
    )


def ask(lat: float, lon: float, *places: tuple[float, float]) -> tuple[int, float, float]:
    answers = oracle.nearest(np.array([lat]), np.array([lon]), landmarks(*places))
    return int(answers.landmark[0]), float(answers.distance_m[0]), float(answers.bearing_deg[0])


@pytest.mark.parametrize(
    ("place", "bearing"),
    [((41, -74), 0), ((40, -73.999), 90), ((39, -74), 180), ((40, -74.001), 270), ((40, -74), 0)],
)
def test_bearings_are_clockwise_from_north(place: tuple[float, float], bearing: float) -> None:
    assert ask(40, -74, place)[2] == pytest.approx(bearing, abs=0.001)


def test_a_degree_of_the_meridian() -> None:
    assert ask(40, -74, (41, -74))[1] == pytest.approx(np.pi / 180 * 6_371_008.8, abs=1e-6)


def test_antipodes_are_half_the_circumference_away() -> None:
    assert ask(40, -74, (-40, 106))[1:] == (np.pi * 6_371_008.8, 0.0)


def test_the_date_line_is_no_border() -> None:
    landmark, distance, bearing = ask(0, 179.999, (0, 179.99), (0, -179.9995))
    assert (landmark, bearing) == (1, 90)
    assert distance == pytest.approx(0.0015 * np.pi / 180 * 6_371_008.8, abs=1e-6)


def test_the_first_in_the_file_wins_a_tie_of_a_micrometre() -> None:
    metre = 180 / np.pi / 6_371_008.8
    assert ask(0, 0, (1, 0), (0.5, 0), (0.5 - 0.9e-6 * metre, 0))[0] == 1
    assert ask(0, 0, (1, 0), (0.5, 0), (0.5 - 1.1e-6 * metre, 0))[0] == 2


def test_points_are_answered_alike_in_one_chunk_or_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    lat, lon = rng.uniform(40, 41, 997), rng.uniform(-75, -73, 997)
    places = landmarks(*zip(rng.uniform(40, 41, 50), rng.uniform(-75, -73, 50), strict=True))
    whole = oracle.nearest(lat, lon, places)
    monkeypatch.setattr(oracle, "_PAIRS_AT_ONCE", 1000)
    assert not oracle.differences(oracle.nearest(lat, lon, places), whole).any()


def test_no_points_have_no_answers() -> None:
    assert oracle.nearest(np.empty(0), np.empty(0), landmarks((0, 0))).landmark.size == 0


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_against_the_textbook_haversine_in_long_doubles(
    lat1: float, lon1: float, lat2: float, lon2: float
) -> None:
    _, distance, bearing = ask(lat1, lon1, (lat2, lon2))
    f1, l1, f2, l2 = (np.radians(np.longdouble(value)) for value in (lat1, lon1, lat2, lon2))
    half = np.sin((f2 - f1) / 2) ** 2 + np.cos(f1) * np.cos(f2) * np.sin((l2 - l1) / 2) ** 2
    if half < 0.999:  # beyond, the textbook's own error shows
        expected = 2 * 6_371_008.8 * float(np.arcsin(np.sqrt(half)))
        assert distance == pytest.approx(expected, abs=1e-6, rel=0)
    east = np.sin(l2 - l1) * np.cos(f2)
    north = np.cos(f1) * np.sin(f2) - np.sin(f1) * np.cos(f2) * np.cos(l2 - l1)
    if np.hypot(east, north) > 1e-5:  # nearer than 60 m, the textbook's bearing is not good enough
        turn = (bearing - float(np.degrees(np.arctan2(east, north))) + 180) % 360 - 180
        assert abs(turn) < 1e-9
    assert 0 <= bearing < 360


@given(st.lists(st.tuples(LATITUDES, LONGITUDES), min_size=1, max_size=30), LATITUDES, LONGITUDES)
def test_no_landmark_is_nearer(places: list[tuple[float, float]], lat: float, lon: float) -> None:
    landmark, distance, _ = ask(lat, lon, *places)
    here = np.full(len(places), lat), np.full(len(places), lon)
    all_distances = oracle.distances_m(
        *here, *(np.array(side) for side in zip(*places, strict=True))
    )
    assert distance <= all_distances.min() + 1e-6
    assert (all_distances[:landmark] > all_distances.min() + 1e-6).all()


def test_differences_follow_the_agreed_tolerances() -> None:
    def answers(landmark: int, distance: float, bearing: float) -> oracle.Answers:
        return oracle.Answers(
            landmark=np.array([landmark], dtype=np.int32),
            distance_m=np.array([distance]),
            bearing_deg=np.array([bearing]),
        )

    same = answers(1, 100.0, 0.0)
    for other, is_different in (
        (answers(1, 100.0 + 0.9e-6, 359.9999999995), False),
        (answers(2, 100.0, 0.0), True),
        (answers(1, 100.0 + 1.1e-6, 0.0), True),
        (answers(1, 100.0, 359.999999998), True),
        (answers(1, float("nan"), 0.0), True),
    ):
        assert oracle.differences(other, same).tolist() == [is_different]
    assert not oracle.differences(answers(1, 0.5, 90.0), answers(1, 0.5, 0.0)).any()
