"""A second reader of ride files, slow and plain: the rules told again, by Python's own parsers."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from fogbed.stream_job.rides import reasons
from fogbed.stream_job.rides.zones import load_zones

NEW_YORK = ZoneInfo("America/New_York")
CANONICAL = "%Y-%m-%d %H:%M:%S"
_NUMBER = re.compile(r"[+-]?(\d+[.]?\d*|[.]\d+)([eE][+-]?\d+)?", re.ASCII)
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)(?: +|T)(\d\d:\d\d(?::\d\d(?:[.]\d+)?)?) *(.*)", re.ASCII)
_MONTH_FIRST = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}|\d\d) +(.*)", re.ASCII)
_CLOCK = re.compile(r"\d\d?:\d\d(:\d\d)?( [AP]M)?", re.ASCII)


@dataclass(frozen=True)
class Verdict:
    """A row by its line: a reason or none, and the fields that are written of it."""

    line: int
    reason: str
    fields: tuple[str, ...] = ()


def read_time(text: str, *, utc: bool = False) -> datetime | None:
    """Return the time on New York's clock, to the second."""
    text = text.strip()
    try:
        if found := _ISO.fullmatch(text):
            day, clock, zone = found.groups()
            if clock.startswith("24"):  # which Python since 3.14 takes for the next day
                return None
            zone = zone.replace("UTC", "Z") if zone == "UTC" else zone
            if zone and not re.fullmatch(r"Z|[+-]\d\d(:?\d\d)?", zone, re.ASCII):
                return None
            return _on_clock(datetime.fromisoformat(f"{day}T{clock[:15]}{zone}"), utc=utc)
        if found := _MONTH_FIRST.fullmatch(text):
            return _on_clock(_month_first(*found.groups()), utc=utc)
    except (ValueError, OverflowError):
        pass
    return None


def zone_told(text: str) -> str:
    """Return what zone a time tells: none, ``UTC``, or another one (``elsewhere``)."""
    found = _ISO.fullmatch(text.strip())
    zone = found[3] if found else ""
    if zone in ("Z", "UTC") or re.fullmatch(r"[+-]00(:?00)?", zone):
        return "UTC"
    return "elsewhere" if zone else ""


def read_times(
    pickup_text: str, dropoff_text: str, *, utc: bool = False
) -> tuple[datetime | None, datetime | None, bool]:
    """Return a row's two times, and whether they tell different clocks.

    Beside an instant, a time labelled UTC is one too; a time without a zone stays what it is.
    """
    texts = (pickup_text, dropoff_text)
    told = [zone_told(text) for text in texts]
    is_instant = "elsewhere" in told
    pickup, dropoff = (
        read_time(text, utc=utc or (is_instant and zone == "UTC"))
        for text, zone in zip(texts, told, strict=True)
    )
    is_apart = is_instant and "" in told and not utc
    return pickup, dropoff, is_apart and dropoff is not None


def _month_first(month: str, day: str, year: str, clock: str) -> datetime:
    clock = re.sub(" +", " ", clock.upper())
    if not _CLOCK.fullmatch(clock):
        raise ValueError(clock)
    spelling = "%H:%M:%S" if clock.count(":") == 2 else "%H:%M"
    if clock.endswith("M"):
        spelling = spelling.replace("%H", "%I") + " %p"
    date = f"{int(month):02}/{int(day):02}/{year if len(year) == 4 else '20' + year}"
    return datetime.strptime(f"{date} {clock}", f"%m/%d/%Y {spelling}")  # noqa: DTZ007 - wall clock


def _on_clock(time: datetime, *, utc: bool) -> datetime:
    offset = time.utcoffset()
    if offset and abs(offset) >= timedelta(hours=16):
        raise ValueError(offset)
    clock = time.replace(tzinfo=None) - (offset or timedelta())
    if (offset or utc) and clock >= datetime(1, 1, 2):  # noqa: DTZ001 - wall clock
        clock += NEW_YORK.utcoffset(clock.replace(tzinfo=UTC).astimezone(NEW_YORK)) or timedelta()
    return clock.replace(microsecond=0)


def read_rides(content: bytes, *, utc: bool = False) -> Iterator[Verdict]:
    """Yield a verdict on each row, in the order of the file."""
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    is_cut = bool(lines[-1]) and not content.endswith(b"\r")
    header_lines, names = _header(lines)
    places = {re.sub("[^a-z0-9]", "", name.lower()): n for n, name in reversed([*enumerate(names)])}
    seen: set[tuple[str, ...]] = set()
    for number, line in enumerate(lines[header_lines:], header_lines + 1):
        if not line:
            continue
        text = line.decode("utf-8", "replace").replace("\r", " ")
        fields = (
            next(csv.reader([text], skipinitialspace=True), [""])
            if '"' in text
            else text.split(",")
        )
        fields = [field.strip().replace(",", " ") for field in fields]
        whole = max(len(names), 1 + _needed(places)) if is_cut and number == len(lines) else 0
        if len(text) > 1 << 16 or len(fields) < max(whole, _needed(places)):
            yield Verdict(number, reasons.UNREADABLE)
            continue
        verdict = _judged(number, fields, places, utc=utc)
        if not verdict.reason and tuple(fields) in seen:
            verdict = Verdict(number, reasons.DUPLICATE)
        if not verdict.reason:
            seen.add(tuple(fields))
        yield verdict


def _header(lines: list[bytes]) -> tuple[int, list[str]]:
    texts = [line.decode("utf-8-sig", "replace") for line in lines[:100]]
    reader = csv.reader(io.StringIO("\n".join(text.strip("\r") for text in texts)))
    for names in reader:
        if len(names) > 1 or "".join(names).strip():
            return reader.line_num, names
    return len(texts), []


_ROLES = {
    "pickup_time": ("tpeppickupdatetime", "pickupdatetime"),
    "dropoff_time": ("tpepdropoffdatetime", "dropoffdatetime"),
    "lon": ("pickuplongitude",),
    "lat": ("pickuplatitude",),
    "dlon": ("dropofflongitude",),
    "dlat": ("dropofflatitude",),
    "zone": ("pulocationid",),
    "dzone": ("dolocationid",),
}


def _place(places: dict[str, int], role: str) -> int | None:
    return next((places[name] for name in _ROLES[role] if name in places), None)


def _needed(places: dict[str, int]) -> int:
    found = [_place(places, role) for role in _ROLES]
    return 1 + max((place for place in found if place is not None), default=0)


def _judged(number: int, fields: list[str], places: dict[str, int], *, utc: bool) -> Verdict:
    def take(role: str) -> str:
        place = _place(places, role)
        return "" if place is None else fields[place]

    lon, lat, dlon, dlat = take("lon"), take("lat"), take("dlon"), take("dlat")
    is_zone = _place(places, "zone") is not None and not lon + lat
    if is_zone:
        point = _centre(take("zone"))
        if point is None:
            return Verdict(number, reasons.UNKNOWN_ZONE)
        lon, lat = point
    if _place(places, "zone") is not None and not dlon + dlat:
        dlon, dlat = _centre(take("dzone")) or ("", "")
    pickup, dropoff, is_apart = read_times(take("pickup_time"), take("dropoff_time"), utc=utc)
    dropoff = None if is_apart else dropoff
    has_end = bool(take("dropoff_time")) and not is_apart
    if reason := _reason(lon, lat, pickup, dropoff if has_end else pickup):
        return Verdict(number, reason)
    times = [time.strftime(CANONICAL) if time else "" for time in (pickup, dropoff)]
    place = "zone" if is_zone else "point"
    return Verdict(number, "", (*times, lon, lat, dlon, dlat, place))


def _centre(zone: str) -> tuple[str, str] | None:
    if not re.fullmatch(r"\d+([.]0*)?", zone, re.ASCII):
        return None
    return load_zones().get(int(zone.split(".", maxsplit=1)[0]))


def judge(pickup: str, dropoff: str, lon: str, lat: str) -> str:
    """Return why a row is refused, "" where it is not; without an end there is none to judge."""
    times = read_time(pickup), read_time(dropoff.strip() or pickup)
    return _reason(lon.strip(), lat.strip(), *times)


def _reason(  # noqa: PLR0911 - one return per rule
    lon_text: str, lat_text: str, pickup: datetime | None, dropoff: datetime | None
) -> str:
    if not (_NUMBER.fullmatch(lon_text) and _NUMBER.fullmatch(lat_text)):
        return reasons.MISSING_COORDINATES
    lon, lat = float(lon_text), float(lat_text)
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return reasons.MISSING_COORDINATES
    if lon == lat == 0:
        return reasons.ZERO_COORDINATES
    if not (-74.30 <= lon <= -73.65 and 40.45 <= lat <= 40.95):
        return reasons.OUTSIDE_BOX
    if pickup is None or dropoff is None:
        return reasons.BAD_TIME
    years = range(2009, 2031)
    if pickup.year not in years or dropoff.year not in years:
        return reasons.IMPOSSIBLE_TIME
    if dropoff - pickup > timedelta(days=1):
        return reasons.IMPOSSIBLE_TIME
    return reasons.NEGATIVE_DURATION if dropoff < pickup else ""
