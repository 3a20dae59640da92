"""What the job must answer, computed a second time in NumPy.

The nearest landmark of each point by the haversine on a sphere, exact for every pair of points, and
the initial bearing to it. Java's ``NearestSearch`` computes the same another way; both are equal
when they name the same landmark, within 1e-6 m and 1e-9 degrees (design.md section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fogbed.stream_job.rides.landmarks import Landmarks

Floats = NDArray[np.float64]

RADIUS_M: Final = 6_371_008.8
"""Mean earth radius, metres."""
TIE_M: Final = 1e-6
"""Among landmarks this near to the minimum the first in the file wins."""
DISTANCE_TOLERANCE_M: Final = 1e-6
BEARING_TOLERANCE_DEG: Final = 1e-9
BEARING_FROM_M: Final = 1.0
"""Below this distance bearings are not compared."""

_PAIRS_AT_ONCE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """The answers to k points: arrays of shape (k,).

    ``landmark`` is the position in the landmarks' file, ``distance_m`` in metres, ``bearing_deg``
    clockwise from north, [0, 360), 0 where undefined.
    """

    landmark: NDArray[np.int32]
    distance_m: Floats
    bearing_deg: Floats


def nearest(latitudes: Floats, longitudes: Floats, landmarks: Landmarks) -> Answers:
    """Return the nearest landmark of each point; both in WGS84 degrees, shape (k,).

    Memory stays below 100 MB beside the answers, however many points and landmarks there are.
    """
    points = np.asarray(latitudes, dtype=np.float64), np.asarray(longitudes, dtype=np.float64)
    places = landmarks.latitudes, landmarks.longitudes
    found = np.empty(points[0].size, dtype=np.int32)
    step = max(1, _PAIRS_AT_ONCE // places[0].size)
    for start in range(0, found.size, step):
        some = slice(start, start + step)
        found[some] = _first_of_nearest((points[0][some], points[1][some]), places)
    there = places[0][found], places[1][found]
    return Answers(
        landmark=found,
        distance_m=distances_m(*points, *there),
        bearing_deg=bearings_deg(*points, *there),
    )


def differences(found: Answers, expected: Answers) -> NDArray[np.bool_]:
    """Return, shape (k,), where two sets of answers to the same points are not equal."""
    turn = (found.bearing_deg - expected.bearing_deg + 180) % 360 - 180
    is_turned = (np.abs(turn) > BEARING_TOLERANCE_DEG) & (expected.distance_m >= BEARING_FROM_M)
    is_apart = ~(np.abs(found.distance_m - expected.distance_m) <= DISTANCE_TOLERANCE_M)
    different: NDArray[np.bool_] = (found.landmark != expected.landmark) | is_apart | is_turned
    return different


def distances_m(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Return great-circle distances in metres between points in degrees, element by element.

    The haversine a and its complement 1 - a, which is the haversine to the antipode: with both,
    atan2 is well-conditioned from zero distance to the antipode.
    """
    turn = _longitude_difference(lon1, lon2)
    product = _cosine(lat1) * _cosine(lat2)
    ahead = _sine((lat2 - lat1) / 2) ** 2 + product * _sine(turn / 2) ** 2
    behind = _sine((lat2 + lat1) / 2) ** 2 + product * _cosine(turn / 2) ** 2
    result: Floats = 2 * RADIUS_M * np.arctan2(np.sqrt(ahead), np.sqrt(behind))
    return result


def bearings_deg(lat1: Floats, lon1: Floats, lat2: Floats, lon2: Floats) -> Floats:
    """Return initial bearings in degrees clockwise from north, [0, 360), 0 where undefined.

    ``north = cos(lat1) sin(lat2) - sin(lat1) cos(lat2) cos(turn)`` cancels between near points
    and between near antipodes; it is written as the sine of a difference (or sum) of the degrees as
    they were given plus a small term, so that over one metre it is as good as over 1,000 km.
    """
    turn = _longitude_difference(lon1, lon2)
    beyond = np.abs(turn) > 90  # noqa: PLR2004 - degrees
    rest = np.where(beyond, turn - np.copysign(180, turn), turn)
    side = np.where(beyond, -1.0, 1.0)
    east = side * _sine(rest) * _cosine(lat2)
    bend = 2 * _sine(lat1) * _cosine(lat2) * _sine(rest / 2) ** 2
    north = _sine(lat2 - side * lat1) + side * bend
    degrees = np.degrees(np.arctan2(east, north)) % 360
    is_defined = ((east != 0) | (north != 0)) & (degrees < 360)  # noqa: PLR2004 - rounded up
    return np.where(is_defined, degrees, 0.0)


def _first_of_nearest(
    points: tuple[Floats, Floats], places: tuple[Floats, Floats]
) -> NDArray[np.intp]:
    """Return the first place within ``TIE_M`` of each point's minimum; all pairs at once."""
    chords = np.zeros((points[0].size, places[0].size))
    for here, there in zip(_vectors(*points), _vectors(*places), strict=True):
        chords += (here[:, None] - there[None, :]) ** 2
    smallest = chords.min(axis=1)
    # squared chords are only good enough to leave few pairs for the exact distance: ten times what
    # a tie of 1e-6 m and rounding can make
    limit = smallest + 4e-12 * np.sqrt(smallest) + 1e-24
    point, place = np.nonzero(chords <= limit[:, None])
    exact = distances_m(points[0][point], points[1][point], places[0][place], places[1][place])
    begins = np.searchsorted(point, np.arange(points[0].size))
    is_tied = exact <= np.minimum.reduceat(exact, begins)[point] + TIE_M
    _, first = np.unique(point[is_tied], return_index=True)
    found: NDArray[np.intp] = place[is_tied][first]
    return found


def _vectors(latitudes: Floats, longitudes: Floats) -> tuple[Floats, Floats, Floats]:
    cosine = _cosine(latitudes)
    return cosine * _cosine(longitudes), cosine * _sine(longitudes), _sine(latitudes)


def _longitude_difference(from_: Floats, to: Floats) -> Floats:
    """Return ``to - from_`` in [-180, 180], without rounding where both are near the date line."""
    difference = to - from_
    wrapped = np.where(difference > 0, (to - 180) - (from_ + 180), (to + 180) - (from_ - 180))
    return np.where(np.abs(difference) > 180, wrapped, difference)  # noqa: PLR2004 - degrees


def _sine(degrees: Floats) -> Floats:
    """Return sines; angles beyond 90 degrees are folded back before they are rounded to radians."""
    size = np.abs(degrees)
    folded = np.where(size > 90, 180 - size, size)  # noqa: PLR2004 - degrees
    sines: Floats = np.copysign(1.0, degrees) * np.sin(np.deg2rad(folded))
    return sines


def _cosine(degrees: Floats) -> Floats:
    """Return cosines of at most 180 degrees, exactly 0 at 90."""
    return _sine(90 - np.abs(degrees))
