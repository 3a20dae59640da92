"""The likely cause of what is out of tolerance, from evidence in ``tests/cases/causes``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from fogbed.network.causes import likely_cause, worst_of
from fogbed.network.verdicts import (
    Drops,
    FaultVerdict,
    LossVerdict,
    OneWayVerdict,
    PairVerdict,
    RateVerdict,
    ReadBack,
    Surroundings,
    Tolerance,
    Verification,
)
from fogbed.plan.network import UNTOUCHED, Difference, Impairment

FOLDER = Path(__file__).parents[2] / "cases" / "causes"
CASES = sorted(FOLDER.glob("*.yml"))
SENT = 50


def pair(ends: str, error: Any, *, asked_ms: float, under_load: bool) -> PairVerdict:
    """Return a pair's verdict: ``error`` is in milliseconds, or ``silent``; 1 ms is allowed."""
    source, target = ends.split(">")
    off = math.nan if error == "silent" else float(error)
    expected = asked_ms + 0.2
    return PairVerdict(
        source=source, target=target, under_load=under_load,
        asked_rtt_ms=asked_ms, bare_ms=0.2, expected_ms=expected,
        p50_ms=expected + off, p99_ms=expected + off, error_ms=off, allowed_ms=1.0,
        asked_spread_ms=0.0, spread_ms=0.0, spread_allowed_ms=0.0,
        sent=SENT, lost=SENT if math.isnan(off) else 0, ok=abs(off) <= 1.0,
    )  # fmt: skip


def pairs_of(case: dict[str, Any]) -> list[PairVerdict]:
    """Return every ordered pair of the case, idle and where it says so under load."""
    nodes, free = case["nodes"], case.get("free", [])
    found = []
    for under_load, key in ((False, "errors"), (True, "errors_under_load")):
        errors = case.get(key)
        if errors is None:
            continue
        for ends in (f"{a}>{b}" for a in nodes for b in nodes if a != b):
            asked = 0.0 if free == "all" or ends in free else float(case.get("asked_ms", 20))
            error = errors.get(ends, errors.get("rest", 0.1))
            found.append(pair(ends, error, asked_ms=asked, under_load=under_load))
    return found


def shares(case: dict[str, Any]) -> dict[str, Any]:
    """Return the verdicts on packets, rates and one-way delays of the case."""

    def ends(each: dict[str, Any]) -> dict[str, str]:
        return dict(zip(("source", "target"), each["pair"].split(">"), strict=True))

    return {
        "losses": [
            LossVerdict(
                **ends(each), asked=each["asked"], sent=8000, lost=int(8000 * each["measured"]),
                measured=each["measured"], low=each["low"], high=each["high"], ok=False,
            )
            for each in case.get("losses", ())
        ],
        "faults": [
            FaultVerdict(
                **ends(each), fault=each["fault"], asked=each["asked"], trials=8000, late=0,
                hits=int(8000 * each["measured"]), measured=each["measured"],
                low=each["low"], high=each["high"], ok=False,
            )
            for each in case.get("faults", ())
        ],
        "rates": [
            RateVerdict(
                **ends(each), asked_bps=each["asked"], offered_bps=each["asked"] * 1.3,
                least_bps=each["least"], median_bps=each["least"], most_bps=each["most"], ok=False,
            )
            for each in case.get("rates", ())
        ],
        "one_ways": [
            OneWayVerdict(
                **ends(each), asked_ms=each["asked"], expected_low_ms=each["asked"],
                expected_high_ms=each["asked"] + 0.2, low_ms=each["low"], high_ms=each["high"],
                bound_ms=each["bound"], allowed_ms=1.0, heard=SENT, ok=False,
            )
            for each in case.get("one_ways", ())
        ],
        "drops": [
            Drops(**ends(each), dropped=each["dropped"], carried=each["carried"])
            for each in case.get("drops", ())
        ],
    }  # fmt: skip


def verification(case: dict[str, Any]) -> Verification:
    nodes = tuple(case["nodes"])
    around = case.get("surroundings", {})
    differences = tuple(
        Difference(*each.split(">"), Impairment(delay_ms=10), UNTOUCHED)
        for each in case.get("not_in_force", ())
    )
    return Verification(
        nodes=nodes,
        bare_ms=np.full((len(nodes),) * 2, 0.2),
        tolerance=Tolerance(),
        pairs=pairs_of(case),
        read_back=ReadBack(links=12, differences=differences),
        surroundings=Surroundings(
            loads=around.get("loads", dict.fromkeys(nodes, 0.1)),
            one_machine=around.get("one_machine", False),
            lateness_ms=around.get("lateness_ms"),
        ),
        **shares(case),
    )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_cause_is_told_from_what_is_wrong_together(path: Path) -> None:
    case = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    found = verification(case)
    worst = worst_of(found)
    assert (None if worst is None else str(worst)) == case["worst"]
    assert likely_cause(found) == case["cause"]
    assert found.ok is (case["worst"] is None)


def test_there_are_cases() -> None:
    assert len(CASES) >= 14
