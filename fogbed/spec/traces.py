"""The traces that links name: found, read, and checked beside what else their lines ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fogbed import paths
from fogbed.errors import Problem, SpecError, UsageError
from fogbed.spec.network_profile import LinkRule
from fogbed.spec.part import Part
from fogbed.spec.trace_file import DELAY, LOSS, RATE, TraceContent, read_trace
from fogbed.spec.wording import did_you_mean
from fogbed.units import format_delay, parse_delay_ms

# What a line asks for itself, and the column of a trace that would drive it
_DRIVEN = {"delay": DELAY, "rtt": DELAY, "loss": LOSS, "rate": RATE}
_PROFILES = ("experiments", "profiles")


def read_traces(links: Part, folder: Path) -> tuple[Mapping[int, TraceContent], list[Problem]]:
    """Return what each line's trace holds, by the line's index, and all that is wrong with them.

    Files are relative to ``folder``; where nothing is there, the shipped ones are looked at.
    """
    contents: dict[int, TraceContent] = {}
    problems: list[Problem] = []
    for index, rule in enumerate(links.items()):
        named = rule["trace"] if rule["trace"].text is not None else rule["trace"]["file"]
        if not named.text:
            continue
        path = _find(named.text, folder)
        if path is None:
            problems.append(_missing(named, folder))
            continue
        try:
            contents[index] = read_trace(path, os.path.normpath(path))
        except SpecError as error:
            problems.extend(error.problems)
            continue
        problems.extend(_beside(rule, contents[index]))
    return contents, problems


def with_traces(
    links: Sequence[LinkRule], contents: Mapping[int, TraceContent]
) -> tuple[LinkRule, ...]:
    """Return the lines, each with what its trace holds."""
    return tuple(
        rule
        if rule.trace is None
        else rule.model_copy(update={"trace": rule.trace.holding(contents[index])})
        for index, rule in enumerate(links)
    )


def _find(text: str, folder: Path) -> Path | None:
    own = folder / Path(text).expanduser()
    if own.is_file():
        return own
    try:
        shipped = paths.asset(*_PROFILES, text)
    except UsageError:
        return None
    return shipped if shipped.is_file() else None


def _missing(named: Part, folder: Path) -> Problem:
    own = Path(os.path.normpath(folder / Path(named.text or "").expanduser()))
    names = [each.name for each in own.parent.iterdir()] if own.parent.is_dir() else []
    way_out = did_you_mean(own.name, names) or "paths start at this file"
    return named.problem(f"there is no file {own}", way_out)


def _beside(rule: Part, content: TraceContent) -> Iterator[Problem]:
    """Yield what a line asks for that its trace drives, or does not allow."""
    columns = content.columns()
    for key, column in _DRIVEN.items():
        if rule[key].is_given and column in columns:
            yield rule[key].problem(f"stands beside a trace with {column}", "keep one of them")
    jitter = rule["jitter"].read(parse_delay_ms)
    if jitter is not None and content.delay_ms is not None and jitter > min(content.delay_ms):
        least = format_delay(min(content.delay_ms))
        what = f"{format_delay(jitter)} is more than the trace's least delay of {least}"
        yield rule["jitter"].problem(what, f"write {least} or less")
