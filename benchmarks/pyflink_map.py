"""The anchor: the same answers from a PyFlink map with NumPy; runs in PyFlink's own environment.

``python pyflink_map.py RIDES.csv LANDMARKS.csv COUNT``: a prepared rides file and a landmarks
file. As in our job, a ride comes as a line of text and leaves as (ride id, start time, landmark,
distance, bearing). Prints the seconds the job took, start included.
"""

from __future__ import annotations

import csv
import math
import sys
import time
from pathlib import Path

import numpy as np
from pyflink.common import Types, WatermarkStrategy
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.number_seq import NumberSequenceSource
from pyflink.java_gateway import get_gateway

EARTH_RADIUS_M = 6_371_008.8


class Nearest:
    """Finds the nearest of a few landmarks, given as a CSV file with name, lat and lon."""

    def __init__(self, landmarks: Path) -> None:
        with landmarks.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        self._names = [row["name"] for row in rows]
        self._latitudes = np.radians([float(row["lat"]) for row in rows])
        self._longitudes = np.radians([float(row["lon"]) for row in rows])
        self._units = np.column_stack(
            (
                np.cos(self._latitudes) * np.cos(self._longitudes),
                np.cos(self._latitudes) * np.sin(self._longitudes),
                np.sin(self._latitudes),
            )
        )

    def answer(self, line: str) -> tuple[int, str, str, float, float]:
        """Return ride id, start time, landmark, distance in metres and bearing in degrees."""
        ride = line.split(",")
        longitude, latitude = math.radians(float(ride[3])), math.radians(float(ride[4]))
        across = math.cos(latitude)
        point = np.array(
            (across * math.cos(longitude), across * math.sin(longitude), math.sin(latitude))
        )
        best = int(np.argmax(self._units @ point))
        to_latitude = float(self._latitudes[best])
        east = float(self._longitudes[best]) - longitude
        half = (
            math.sin((to_latitude - latitude) / 2) ** 2
            + across * math.cos(to_latitude) * math.sin(east / 2) ** 2
        )
        bearing = math.atan2(
            math.sin(east) * math.cos(to_latitude),
            across * math.sin(to_latitude)
            - math.sin(latitude) * math.cos(to_latitude) * math.cos(east),
        )
        distance = 2 * EARTH_RADIUS_M * math.asin(math.sqrt(half))
        return int(ride[0]), ride[1], self._names[best], distance, math.degrees(bearing) % 360


def main() -> None:
    """Run the job over COUNT points, taken round and round, and print how long it took."""
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()[1:]
    nearest = Nearest(Path(sys.argv[2]))
    count = int(sys.argv[3])
    answer_type = Types.TUPLE(
        [Types.LONG(), Types.STRING(), Types.STRING(), Types.DOUBLE(), Types.DOUBLE()]
    )

    env = StreamExecutionEnvironment.get_execution_environment()
    env.set_parallelism(1)
    source = NumberSequenceSource(0, count - 1)
    stream = env.from_source(source, WatermarkStrategy.no_watermarks(), "numbers", Types.LONG())
    answers = stream.map(
        lambda number: nearest.answer(lines[number % len(lines)]), output_type=answer_type
    )
    sinks = get_gateway().jvm.org.apache.flink.streaming.api.functions.sink.v2
    answers._j_data_stream.sinkTo(sinks.DiscardingSink())  # noqa: SLF001 - PyFlink wraps no such sink
    started = time.monotonic()
    env.execute("pyflink-map")
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()
