"""A prepared rides file made up by chance, the same each time: for tests and benchmarks."""

from __future__ import annotations

import random
from pathlib import Path

from fogbed import links
from fogbed.plan.job import PublishedRides

_HEADER = (
    "ride_id,pickup_time,dropoff_time,pickup_lon,pickup_lat,dropoff_lon,dropoff_lat,place,source\n"
)
# this ride of every so many has coordinates of zero, which ``parse`` rejects
REJECTED_EVERY = 50


def is_rejected(number: int) -> bool:
    """Say whether ``parse`` rejects the ride of this number; counts are multiples of 50."""
    return number % REJECTED_EVERY == REJECTED_EVERY - 1


def make_rides(folder: Path, count: int) -> PublishedRides:
    """Write ``count`` rides in and around Manhattan, four a second, with their byte index."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(7)  # noqa: S311 - made rides, the same each time
    offsets, written = [], len(_HEADER)
    with (folder / "rides.csv").open("w", newline="\n") as file:
        file.write(_HEADER)
        for ride in range(count):
            if ride % 1000 == 0:
                offsets.append(written)
            written += file.write(_line(ride, chance))
    (folder / "rides.index").write_text("".join(f"{offset}\n" for offset in offsets))
    return PublishedRides(
        name="made",
        rides_uri=links.flink_uri(folder / "rides.csv"),
        index_uri=links.flink_uri(folder / "rides.index"),
        rides=count,
    )


def _line(ride: int, chance: random.Random) -> str:
    seconds = ride // 4
    hour, minute, second = seconds // 3600 % 12, seconds // 60 % 60, seconds % 60
    lon, lat = -74 + chance.random() / 4, 40.6 + chance.random() / 4
    place = "0,0" if is_rejected(ride) else f"{lon:.6f},{lat:.6f}"
    return (
        f"{ride},2013-08-01 {hour:02d}:{minute:02d}:{second:02d},2013-08-01 23:00:00,{place},"
        f"-73.9,40.7,point,1:{ride + 2}\n"
    )
