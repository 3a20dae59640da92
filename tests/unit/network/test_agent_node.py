"""What an agent reads of its node: capabilities, memory, heat, what a Pi's firmware says."""

from __future__ import annotations

import os

import pytest

from fogbed.network.agent import record, throttling
from fogbed.network.agent.health import memory_of, temperatures
from fogbed.network.agent.hello import has_capability


@pytest.mark.parametrize(
    ("effective", "has"),
    [("000001ffffffffff", True), ("0000000000001000", True), ("00000000a80425fb", False)],
)
def test_net_admin_is_a_bit_of_what_is_in_force(effective, has):
    status = f"Name:\tpython3\nCapInh:\t0\nCapPrm:\t000001ffffffffff\nCapEff:\t{effective}\n"
    assert has_capability(status) is has


def test_memory_is_in_octets():
    text = "MemTotal:        8000 kB\nMemAvailable:       5000 kB\nHugePages_Total:       3\n"
    assert memory_of(text) == {"MemTotal": 8_192_000, "MemAvailable": 5_120_000}


def zone(sys_folder, number, kind, millidegrees):
    folder = sys_folder / f"class/thermal/thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    (folder / "temp").write_text(f"{millidegrees}\n")


def test_heat_is_told_by_sensor_and_a_sensor_that_is_off_is_left_out(tmp_path):
    zone(tmp_path, 0, "cpu-thermal", 48_312)
    zone(tmp_path, 1, "rp1_adc", 51_000)
    zone(tmp_path, 2, "rp1_adc", 50_000)
    zone(tmp_path, 3, "iwlwifi", "")
    assert temperatures(tmp_path) == {"cpu-thermal": 48.312, "rp1_adc": 51.0}


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        ("0x0", []),
        ("0x50005", ["under-voltage", "throttled", "under-voltage since boot"]),
        ("50000", ["under-voltage since boot", "throttled since boot"]),
        ("error=1", []),
        ("", []),
    ],
)
def test_a_firmwares_flags_have_words(bits, words):
    told = throttling.flags(bits)
    assert told[: len(words)] == words
    assert bool(told) == bool(words)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("devices/platform/soc/soc:firmware/get_throttled", "80008\n", 2),
        ("devices/platform/soc/soc:firmware/get_throttled", "0\n", 0),
        ("class/hwmon/hwmon1/in0_lcrit_alarm", "1\n", 1),
        ("class/hwmon/hwmon1/in0_lcrit_alarm", "0\n", 0),
        ("class/hwmon/hwmon1/name", "cpu_thermal\n", None),
    ],
)
def test_the_supply_is_told_by_the_first_that_knows(file, text, told, tmp_path):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    found = throttling.read(tmp_path, ask_firmware=False)
    assert (None if found is None else len(found)) == told


@pytest.mark.parametrize(
    ("uid", "environment", "folder"),
    [
        (0, {"XDG_RUNTIME_DIR": "/run/user/0"}, "/run/fogbed"),
        (1000, {"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/fogbed"),
        (1000, {}, "/tmp/fogbed-1000"),  # noqa: S108 - a name, not a file
    ],
)
def test_records_are_where_a_reboot_empties(uid, environment, folder):
    assert str(record.folder(uid, environment)) == folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "folder", lambda *_: tmp_path / "fogbed")
    return tmp_path / "fogbed"


def test_a_record_is_kept_for_this_user_alone_and_reading_makes_nothing(folder):
    assert record.read() is None
    assert not folder.exists()
    assert record.write({"in_force": {}})
    assert record.read() == {"in_force": {}}
    assert folder.stat().st_mode & 0o777 == 0o700
    record.remove()
    assert (record.read(), list(folder.iterdir())) == (None, [])


def test_a_record_in_somebody_elses_folder_is_not_read(folder, monkeypatch):
    record.write({"cleared": {"why": "planted"}})
    assert folder.exists()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert record.read() is None
    assert not record.write({})


def test_a_record_that_is_no_record_is_none(folder):
    record.write({})
    (file,) = folder.iterdir()
    for text in ("", "[]", '{"cleared"'):
        file.write_text(text)
        assert record.read() is None


def test_a_record_that_cannot_be_written_leaves_no_older_one(folder):
    record.write({"cleared": {"why": "an older one"}})
    (file,) = folder.iterdir()
    file.with_suffix(f".{os.getpid()}").mkdir()
    assert not record.write({"in_force": {}})
    assert record.read() is None
