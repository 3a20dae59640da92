"""``fogbed rides`` and ``fogbed landmarks``, as a user meets them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fogbed import paths, platforms
from fogbed.cli import main
from fogbed.plan.job import PublishedRides
from fogbed.stream_job.rides import plot
from fogbed.stream_job.rides.datasets import find_dataset
from fogbed.stream_job.rides.describe import describe
from fogbed.stream_job.rides.landmarks import find_landmarks

CASES = Path(__file__).parents[1] / "cases" / "rides"
GREEN = str(CASES / "green-2013.csv")


@pytest.fixture(autouse=True)
def _home(fresh_home: Path) -> None:
    """Give every test a data folder of its own."""


def test_import_list_and_describe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["rides", "import", GREEN, "--name", "mine", "--raw"]) == 0
    assert "mine: 2 rides of 2 rows read, 0 rejected" in capsys.readouterr().out
    assert main(["rides", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(d["name"], d["rides"], d["raw"]) for d in listed] == [
        ("nyc-sample", 7073, False),
        ("mine", 2, True),
    ]
    assert main(["rides", "describe", "mine", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["usable"] == 1
    assert described["by_hour"][17] == 1
    assert described["png"] is None
    assert main(["rides", "describe", "nyc-sample", "--landmarks", "gesbed-3"]) == 0
    assert (tmp_path / "nyc-sample.png").read_bytes().startswith(b"\x89PNG")


def test_import_dry_run_writes_nothing(
    capsys: pytest.CaptureFixture[str], fresh_home: Path
) -> None:
    assert main(["rides", "import", GREEN, "--name", "mine", "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["sources"][0]["columns"]["pickup_time"] == "lpep_pickup_datetime"
    assert not list(fresh_home.rglob("mine"))


def test_what_times_are_taken_for_is_said_and_utc_is_converted_when_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    utc = str(CASES.parent / "ride_files" / "utc.parquet")
    assert main(["rides", "import", utc, "--name", "mine"]) == 0
    said = capsys.readouterr().out
    assert "pickups 2023-01-01 00:30:00 to 2023-01-01 00:33:00\n" in said
    label = "times labelled UTC, taken by their digits (--utc converts them): utc.parquet\n"
    assert label in said
    assert main(["rides", "import", utc, "--name", "mine", "--force", "--utc"]) == 0
    said = capsys.readouterr().out
    assert "pickups 2022-12-31 19:30:00 to 2022-12-31 19:33:00\n" in said
    assert "times of UTC, converted to New York's clock: utc.parquet\n" in said


def test_a_dry_run_names_what_would_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("r.zip", "w") as archive:
        archive.write(GREEN, "green.csv")
        archive.writestr("readme.txt", "hello\n")
    argv = ["rides", "import", "r.zip", "--name", "mine", "--dry-run"]
    assert main(argv) == 0
    left_out = "r.zip:readme.txt: no trip file; its columns: hello"
    assert f"left out: {left_out}\n" in capsys.readouterr().out
    assert main([*argv, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["left_out"] == [left_out]
    assert [source["file"] for source in plan["sources"]] == ["r.zip:green.csv"]


def test_nothing_usable_exits_1_and_what_was_kept_is_refused_before_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    header = "pickup_datetime,pickup_longitude,pickup_latitude\n"
    Path("r.csv").write_text(f"{header}2015-01-01 10:00:00,0,0\n", "utf-8")
    argv = ["rides", "import", "r.csv", "--name", "mine"]
    assert main(argv) == 1
    assert capsys.readouterr().err.endswith(
        "error: mine was not imported: no row of 1 can be used\n"
        "zero_coordinates: 1, the first r.csv:2: 2015-01-01 10:00:00,0,0\n"
        "hint: --allow-empty keeps the dataset, with what was rejected in its rejects.parquet\n"
    )
    assert main(["rides", "describe", "mine"]) == 2
    assert main([*argv, "--allow-empty"]) == 0
    capsys.readouterr()
    experiment = paths.asset("experiments", "demo.yml").read_text("utf-8")
    Path("e.yml").write_text(experiment.replace("nyc-sample", "mine"), "utf-8")
    for command in (["check", "e.yml"], ["run", "e.yml"]):
        assert main(["experiment", *command]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: 1 problem in e.yml\n")
        assert (
            "workload.rides: dataset mine has no usable ride: there is nothing to replay; "
            "choose another (fogbed rides list)\n"
        ) in said
    assert not Path("runs").exists()
    assert main(["job", "submit", "--rides", "mine", "--url", "http://127.0.0.1:1"]) == 2
    assert "dataset mine has no usable ride" in capsys.readouterr().err


def test_import_says_all_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.csv").write_text("a,pickup_datetime\n1,2\n", "utf-8")
    argv = ["rides", "import", "gone.csv", "*.parquet", "other.csv", "--name", "nyc-sample"]
    assert main(argv) == 2
    assert capsys.readouterr().err == (
        "error: nothing was imported: 4 problems\n"
        "gone.csv: no such file; check the path\n"
        "*.parquet: no file matches; check the pattern\n"
        "other.csv: neither pickup coordinates (pickup_longitude, Start_Lon, ...) nor "
        "PULocationID; its columns: a, pickup_datetime\n"
        "--name nyc-sample: it is built in; choose another\n"
    )


def test_a_damaged_dataset_does_not_hide_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    manifest = tmp_path / "fogbed" / "rides" / "torn" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{", "utf-8")
    assert main(["rides", "list", "--json"]) == 0
    shown = capsys.readouterr()
    assert [d["name"] for d in json.loads(shown.out)] == ["nyc-sample"]
    assert shown.err == (
        f"not listed: {manifest} is not a manifest of rides; import it again with --force\n"
    )


def test_landmarks_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["landmarks", "list", "--json"]) == 0
    sets = json.loads(capsys.readouterr().out)
    assert [(s["name"], s["landmarks"]) for s in sets] == [("nyc-famous", 37), ("gesbed-3", 3)]
    assert main(["landmarks", "list", "gesbed-3", "--json"]) == 0
    places = json.loads(capsys.readouterr().out)
    assert places[0] == {"name": "JFK Airport", "lat": 40.6441, "lon": -73.7825}
    assert main(["landmarks", "list"]) == 0


def test_landmarks_say_all_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text('Lon,name,LAT\nx,A,100\n2,A,1\n4,,3\n1,"B,c",5\n', "utf-8")
    assert main(["landmarks", "list", "mine.csv"]) == 2
    assert capsys.readouterr().err == (
        "error: 5 problems in mine.csv\n"
        "mine.csv:2: lat: '100' is not a number of degrees; write WGS84 degrees from -90 to 90\n"
        "mine.csv:2: lon: 'x' is not a number of degrees; write WGS84 degrees from -180 to 180\n"
        "mine.csv:3: name: 'A' is already on line 2; names must differ\n"
        "mine.csv:4: name: empty; give every landmark a name\n"
        "mine.csv:5: name: 'B,c' has a comma, a quote or a line break; "
        "results are plain lines: leave it out\n"
    )
    assert main(["landmarks", "list", "nyc-famus"]) == 2
    assert "did you mean nyc-famous?" in capsys.readouterr().err


ZONES = """\
tpep_pickup_datetime,tpep_dropoff_datetime,PULocationID,DOLocationID
2023-05-03 08:00:00,2023-05-03 08:10:00,132,7
2023-05-03 09:00:00,2023-05-03 09:10:00,132,7
2023-05-20 09:00:00,2023-05-20 09:20:00,7,132
2023-05-20 09:00:00,2023-05-20 09:20:00,999,132
"""


def test_zones_are_drawn_as_circles_by_count(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("zones.csv").write_text(ZONES, "utf-8")
    assert main(["rides", "import", "zones.csv", "--name", "zones"]) == 0
    assert "rejects.parquet" in capsys.readouterr().out
    description = describe(find_dataset("zones"))
    assert description.zones[:, 2].tolist() == [1, 2]
    assert not description.density.any()
    assert description.as_json()["rides_per_day"] == 1.5  # days 3 and 20, not the 18 between
    figure = plot.figure_of(description, find_landmarks("nyc-famous"))
    circles = figure.axes[1].collections[0]
    small, large = sorted(circles.get_sizes())
    assert large == 2 * small


def test_one_ride_has_axes_and_titles_at_one_height(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("one.csv").write_text("".join(ZONES.splitlines(keepends=True)[:2]), "utf-8")
    assert main(["rides", "import", "one.csv", "--name", "one"]) == 0
    figure = plot.figure_of(describe(find_dataset("one")), find_landmarks("nyc-famous"))
    figure.canvas.draw()
    hours, where = figure.axes
    assert all(tick == int(tick) for tick in hours.get_yticks())
    assert hours.get_ylim()[0] == 0
    assert hours.get_position().y1 == pytest.approx(where.get_position().y1, abs=0.002)


@pytest.mark.parametrize(
    ("box", "least", "most"),
    [((-74.2, -73.7, 40.68, 40.7), 0.7, 0.75), ((-74.0, -73.98, 40.5, 40.9), 1.4, 1.6)],
    ids=["wide", "high"],
)
def test_a_map_is_neither_a_strip_nor_a_pole(tmp_path, monkeypatch, box, least, most):
    monkeypatch.chdir(tmp_path)
    west, east, south, north = box
    header = "pickup_datetime,dropoff_datetime,pickup_longitude,pickup_latitude\n"
    row = "2015-01-01 10:00:00,2015-01-01 10:09:00,{:.5f},{:.5f}\n"
    places = [(x, y) for x in np.linspace(west, east, 20) for y in np.linspace(south, north, 20)]
    Path("r.csv").write_text(header + "".join(row.format(*place) for place in places), "utf-8")
    assert main(["rides", "import", "r.csv", "--name", "box"]) == 0
    figure = plot.figure_of(describe(find_dataset("box")), find_landmarks("nyc-famous"))
    figure.canvas.draw()
    shown = figure.axes[1]
    seen = shown.get_window_extent()
    assert least < seen.height / seen.width < most
    (left, right), (bottom, top) = shown.get_xlim(), shown.get_ylim()
    assert left < west < east < right
    assert bottom < south < north < top
    assert (left + right) / 2 == pytest.approx((west + east) / 2, abs=0.002)
    assert (bottom + top) / 2 == pytest.approx((south + north) / 2, abs=0.002)


def test_a_picture_that_is_no_png_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["rides", "describe", "nyc-sample", "--png", "x.txt"]) == 2
    assert "ends in .png" in capsys.readouterr().err
    assert main(["rides", "describe", "nyc-sample", "--png", "gone/x.png"]) == 2
    assert not list(tmp_path.rglob("x.*"))


LAPTOP = str(Path(__file__).parents[2] / "inventory" / "laptop.yml")


def test_nothing_is_pushed_where_a_job_reads_this_computers_files(capsys):
    assert main(["rides", "push", "nyc-sample", "-t", LAPTOP, "--json"]) == 0
    (pushed,) = json.loads(capsys.readouterr().out)
    assert pushed["bytes"] == 0
    assert pushed["rides_uri"] == f"file://{find_dataset('nyc-sample').rides_file}"


@pytest.mark.parametrize("words", [["--dry-run"], []])
def test_what_is_pushed_to_a_store_is_said(words, capsys, monkeypatch):
    seen = []

    class Store:
        """A storage elsewhere that notes what it is asked."""

        def missing(self, dataset):
            return {"s3p://fogbed/rides.csv": dataset.manifest.bytes}

        def publish(self, dataset, *, dry_run):
            seen.append((dataset.name, dry_run))
            uri = "s3p://fogbed/rides.csv"
            return PublishedRides(name=dataset.name, rides_uri=uri, index_uri=uri, rides=1)

    elsewhere = SimpleNamespace(storage=Store)
    monkeypatch.setattr(platforms, "open_platform", lambda _spec: elsewhere)
    assert main(["rides", "push", "nyc-sample", "-t", LAPTOP, *words]) == 0
    out = capsys.readouterr().out
    assert seen == [("nyc-sample", bool(words))]
    size = find_dataset("nyc-sample").manifest.bytes
    assert f"{size:,} bytes {'to send' if words else 'sent'}" in out
    assert "s3p://fogbed/rides.csv" in out


def test_a_dataset_that_is_not_there_is_not_pushed(capsys):
    assert main(["rides", "push", "no-such-rides", "-t", LAPTOP]) == 2
    assert capsys.readouterr().err.startswith("error: no dataset called no-such-rides")
