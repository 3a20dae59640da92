"""A run as it happens: one table that is redrawn, plain lines, or JSON lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from fogbed.cli import console
from fogbed.cli.console import Rows
from fogbed.clients.progress import Progress, Quiet
from fogbed.experiment.events import JobFigures, Observer, Snapshot
from fogbed.experiment.sampling.metric_names import split_pair

# where there is no terminal, a line of figures every so many seconds
_PLAIN_EVERY_S = 5
_MOST_NODES = 12


class View(Observer, Protocol):
    """Watches a run, and shows the long steps around it."""

    progress: Progress


@contextmanager
def open_view(*, as_json: bool) -> Iterator[View]:
    """Show a run until the block ends, as the place allows it."""
    if as_json:
        yield JsonLines()
    elif not console.is_terminal():
        yield PlainLines()
    else:
        with closing(Redrawn()) as view:
            yield view


class JsonLines:
    """Every event and every second's figures as a line of JSON on stdout."""

    def __init__(self) -> None:
        self.progress: Progress = Quiet()
        self._lock = threading.Lock()

    def event(self, line: Mapping[str, Any]) -> None:
        """Print an event of the journal."""
        self._say(line)

    def sample(self, snapshot: Snapshot) -> None:
        """Print the figures of a second."""
        self._say({"event": "sample", **asdict(snapshot)})

    def _say(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            try:
                console.say_json_line(line)
            except BrokenPipeError:
                # the run is no worse for it, and its bundle has every line
                console.nobody_reads()
                console.note("nobody reads the events any more; the run goes on (Ctrl-C ends it)")


class PlainLines:
    """A line per phase and action, and one of figures now and then, on stderr."""

    def __init__(self) -> None:
        self.progress: Progress = console.LiveProgress()
        self._said_s = float("-inf")

    def event(self, line: Mapping[str, Any]) -> None:
        """Say what matters to somebody who reads a log."""
        text = describe_event(line)
        if text:
            console.note(text)

    def sample(self, snapshot: Snapshot) -> None:
        """Say the figures, every few seconds."""
        if snapshot.at_s - self._said_s >= _PLAIN_EVERY_S:
            self._said_s = snapshot.at_s
            figures = ", ".join(f"{name} {value}" for name, value in figures_of(snapshot))
            console.note(f"{snapshot.at_s:5.0f} s  {figures}")


class Redrawn:
    """A table on a terminal while rides are replayed; events stay above it."""

    def __init__(self) -> None:
        self.progress: Progress = console.LiveProgress()
        self._area = console.LiveTable()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._area.close()

    def event(self, line: Mapping[str, Any]) -> None:
        """Begin the table with the first ride, end it with the job; say what matters."""
        text = describe_event(line)
        if text:
            self._area.note(text)
        if line["event"] == "first-ride":
            self._area.open()
        elif line["event"] in ("job-stopped", "run-ended"):
            self._area.close()

    def sample(self, snapshot: Snapshot) -> None:
        """Redraw."""
        title = f"{snapshot.phase}  {snapshot.at_s:.0f} of {snapshot.ends_s:.0f} s"
        links = Rows(("link", "RTT asked", "measured (ms)"), links_of(snapshot))
        self._area.update(title, figures_of(snapshot), [*tables_of(snapshot), links])


def figures_of(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Return name and value of each figure of the job, and what comes next."""
    lines = job_lines(snapshot)
    if snapshot.next_action is not None and snapshot.next_at_s is not None:
        wait = max(0.0, snapshot.next_at_s - snapshot.at_s)
        lines.append(("next", f"in {wait:.0f} s: {snapshot.next_action}"))
    return lines


def job_lines(figures: JobFigures) -> list[tuple[str, str]]:
    """Return name and value of each figure of the job as a whole."""
    return [
        ("rides/s", _text(figures.rides_per_s, "{:,.0f}")),
        ("backlog", _text(figures.backlog_rides, "{:,.0f} rides")),
        # of one second's rides; "latency p50" is the run's figure, of all rides of measure
        ("latency now", _latency(figures)),
    ]


def tables_of(figures: JobFigures) -> list[Rows]:
    """Return the operators, and the nodes of which a terminal has room for the busiest."""
    operators = [
        (
            each.name,
            _text(each.subtasks, "{}"),
            _text(each.entered_per_s, "{:,.0f}"),
            _text(each.left_per_s, "{:,.0f}"),
            _text(each.busy_share, "{:.0%}"),
            _text(each.backpressured_share, "{:.0%}"),
        )
        for each in figures.operators
    ]
    busiest = sorted(figures.nodes, key=lambda node: -(node.cpu_cores or 0.0))[:_MOST_NODES]
    nodes = [
        (each.name, _text(each.cpu_cores, "{:.2f}"), _text(_mib(each.memory_bytes), "{:,.0f} MiB"))
        for each in sorted(busiest, key=lambda node: node.name)
    ]
    if len(figures.nodes) > _MOST_NODES:
        nodes.append((f"{len(figures.nodes) - _MOST_NODES} more, less busy", "", ""))
    return [
        Rows(("operator", "subtasks", "in/s", "out/s", "busy", "backpressured"), operators),
        Rows(("node", "cores", "memory"), nodes),
    ]


def _mib(memory_bytes: float | None) -> float | None:
    return None if memory_bytes is None else memory_bytes / 2**20


def _latency(figures: JobFigures) -> str:
    if figures.latency_p50_ms is None or figures.latency_p99_ms is None:
        return "-"
    return f"p50 {figures.latency_p50_ms:.1f} ms, p99 {figures.latency_p99_ms:.1f} ms"


def links_of(snapshot: Snapshot) -> list[tuple[str, str, str]]:
    """Return link, RTT asked and RTT measured, each pair of nodes once."""
    rows = []
    for pair, (asked, measured) in sorted(snapshot.rtts.items()):
        source, target = split_pair(pair)
        if source < target:
            rows.append((f"{source} - {target}", _text(asked, "{:.1f}"), f"{measured:.1f}"))
    return rows


def describe_event(line: Mapping[str, Any]) -> str:
    """Return an event as a line for people, "" where it is not worth one."""
    at = "" if line.get("at") is None else f"{line['at']:5.1f} s  "
    event = line["event"]
    if event == "phase":
        return f"{at}{line['name']}"
    if event == "action":
        return at + _describe_action(line)
    if event == "emulation-drift":
        return at + drift_text(line)
    if event == "network-verified":
        verdict = "as asked" if line["ok"] else f"OUT OF TOLERANCE{_why_not(line)}"
        judged = f"{line['links']} links {verdict}"
        why = line.get("not_judged")
        return f"network: measured and not judged: {why}" if why else f"network: {judged}"
    if event == "job-submitted":
        places = ", ".join(
            f"{place['operator']}-{place['subtask']} on {place['node']}" for place in line["places"]
        )
        return f"{at}job runs: {places}" if places else f"{at}job runs"
    return f"{at}{line['text']}" if event in ("note", "process") else ""


def _why_not(line: Mapping[str, Any]) -> str:
    """Return the worst pair and the likely cause, where the journal has them."""
    said = [line[name] for name in ("worst", "cause") if line.get(name)]
    return f": {'; '.join(said)}" if said else ""


def drift_text(line: Mapping[str, Any]) -> str:
    """Return an ``emulation-drift`` as a sentence."""
    if line["measured_ms"] is None:
        seen = f"nothing comes back ({line['lost']} of {line['sent']} probes lost)"
    else:
        seen = f"RTT {line['measured_ms']:.1f} ms, {line['asked_ms']:.1f} ms expected"
    more = f" (and {line['pairs'] - 1} more pairs)" if line["pairs"] > 1 else ""
    pair = f"{line['source']} to {line['target']}"
    return f"network OUT OF TOLERANCE since {line['since_s']:.1f} s: {pair}: {seen}{more}"


def _describe_action(line: Mapping[str, Any]) -> str:
    text = f"{line['title']}: {line['outcome']}"
    if line["lateness_ms"] is None:
        return f"{text}: {line['detail']['why']}"
    error = line["detail"].get("error")
    return f"{text}, {line['lateness_ms']:.0f} ms late" + (f": {error}" if error else "")


def _text(value: float | None, pattern: str) -> str:
    return "-" if value is None else pattern.format(value)
