"""Experiments and runs as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fogbed import units
from fogbed.cli import console
from fogbed.experiment.judge.evidence import DRIFTED
from fogbed.experiment.long_links import demand_of
from fogbed.experiment.network_plans import timeline_of
from fogbed.experiment.record.bundle import Bundle
from fogbed.experiment.repertoire import REPERTOIRE
from fogbed.plan.network import NetworkPlan, plan_network
from fogbed.platforms.long_links import chosen_for
from fogbed.spec import ResolvedExperiment

_MARKS = {True: "ok", False: "NOT MET", None: "not judged"}


def show_plan(resolved: ResolvedExperiment, *, as_json: bool) -> None:
    """Show what a run would do: testbed, placement, network and timeline."""
    if as_json:
        console.say_json(plan_as_json(resolved))
        return
    experiment = resolved.experiment
    console.say(
        f"experiment {experiment.name} on testbed {resolved.testbed.name}"
        f" ({resolved.testbed.platform}), {experiment.repetitions} repetition(s)"
    )
    rides, sink = experiment.workload.rides, experiment.workload.sink
    console.say(f"rides {rides}, landmarks {experiment.workload.landmarks}, sink {sink}")
    console.say_table(["operator", "parallelism", "placed on"], _operators(resolved))
    plan = plan_network(resolved.profile, resolved.testbed)
    links = [[*row] for row in _links(plan)]
    console.say_table(["from", "to", "delay", "jitter", "loss", "rate"], links, title="network")
    console.say_table(["at", "what"], _timeline(resolved), title="timeline")
    if buffers := _buffers(resolved):
        console.say(f"long links: {buffers}")
    void = _not_judged(resolved)
    for assertion in experiment.assertions:
        unjudged = f" (not judged: {void[assertion.title]})" if assertion.title in void else ""
        console.say(f"assert {assertion.title}{unjudged}")


def _buffers(resolved: ResolvedExperiment) -> str:
    """Return which network buffers a run would have and why; "" where nothing is chosen."""
    demand = demand_of(resolved, timeline_of(resolved, REPERTOIRE), REPERTOIRE)
    return chosen_for(resolved.testbed, demand).told


def show_left_out(resolved: ResolvedExperiment) -> None:
    """Say what of an experiment its profile makes void, a line each; nothing where nothing is."""
    for action in timeline_of(resolved, REPERTOIRE).actions:
        if action.left_out:
            at = units.format_duration(action.at_s)
            console.say(f"  action {action.index} at {at} is left out: {action.left_out}")
            console.say(f"    {action.title}")
    for title, why in _not_judged(resolved).items():
        console.say(f"  assertion not judged: {why}")
        console.say(f"    {title}")


def plan_as_json(resolved: ResolvedExperiment) -> dict[str, Any]:
    """Return what a run would do."""
    timeline = timeline_of(resolved, REPERTOIRE)
    plan = plan_network(resolved.profile, resolved.testbed)
    return {
        "experiment": resolved.experiment.model_dump(mode="json", by_alias=True, exclude_none=True),
        "testbed": resolved.testbed.name,
        "nodes": [node.name for node in resolved.testbed.nodes],
        "network": [
            dict(zip(("from", "to", "delay", "jitter", "loss", "rate"), row, strict=True))
            for row in _links(plan)
        ],
        "phases": [
            {"name": span.name, "from_s": span.from_s, "to_s": span.to_s} for span in timeline.spans
        ],
        "actions": [
            {
                "at_s": action.at_s,
                "do": action.do,
                "title": action.title,
                "left_out": action.left_out,
            }
            for action in timeline.actions
        ],
        "not_judged": _not_judged(resolved),
        "long_links": _buffers(resolved),
    }


def show_runs(bundles: Sequence[Bundle], *, as_json: bool) -> None:
    """Show a line per run."""
    verdicts = [(bundle, bundle.verdict()) for bundle in bundles]
    if as_json:
        console.say_json(
            [
                {"run": b.name, "folder": str(b.folder), "status": v.get("status", "cut short")}
                for b, v in verdicts
            ]
        )
    elif not verdicts:
        console.say("no runs here yet")
    else:
        rows = [[b.name, _status(v), _headline(v.get("figures", []))] for b, v in verdicts]
        console.say_table(["run", "verdict", "figures"], rows)


def show_run(bundle: Bundle) -> None:
    """Show a run's figures, assertions and verdict, and where its report is."""
    verdict = bundle.verdict()
    if not verdict:
        console.say(f"{bundle.name} was cut short: {len(bundle.journal())} events are kept")
        return
    figures = [
        [figure["name"], _number(figure["value"]), figure["unit"], figure["detail"]]
        for figure in verdict["figures"]
    ]
    if figures:
        console.say_table(["figure", "value", "unit", ""], figures, title=bundle.name)
    assertions = [
        [
            _MARKS[each["ok"]],
            each["title"],
            f"{_number(each['value'])} {each['unit']}",
            each["detail"],
        ]
        for each in verdict["assertions"]
    ]
    if assertions:
        console.say_table(["", "assertion", "found", ""], assertions)
    if verdict["error"] is not None:
        console.say(f"ended early: {verdict['error']['message']}")
    for failure in verdict.get("failures", []):
        console.say(failure)
    since_s = verdict.get("invalid_from_s")
    if since_s is not None:
        console.say(
            f"the network was not as asked from {since_s:.1f} s on; what reaches beyond that is "
            f"marked {DRIFTED}"
        )
    for unseen in verdict.get("unseen", []):
        console.say(unseen_text(unseen))
    console.say(f"verdict: {_status(verdict)}")
    if bundle.report_file.exists():
        console.say(f"report:  {bundle.report_file}")


def unseen_text(unseen: Mapping[str, Any]) -> str:
    """Return what a run did not see, and why, as a line."""
    return "no {what} from {from_s:.0f} s to {to_s:.0f} s: {why}".format_map(unseen)


def _status(verdict: Mapping[str, Any]) -> str:
    """Return a verdict's status, and how many assertions it says nothing of."""
    status, void = str(verdict.get("status", "cut short")), verdict.get("not_judged", 0)
    asserted = len(verdict.get("assertions", ()))
    return f"{status} ({void} of {asserted} assertions not judged)" if void else status


def _not_judged(resolved: ResolvedExperiment) -> dict[str, str]:
    """Return the titles of the assertions that will not be judged, and why not."""
    why = resolved.profile.why_not_emulated
    return {
        each.title: why
        for each in resolved.experiment.assertions
        if why and REPERTOIRE.assertion(each).of_emulation
    }


def _operators(resolved: ResolvedExperiment) -> list[list[str]]:
    workload = resolved.experiment.workload
    rows = []
    for operator, wide in workload.parallelism.items():
        place = (workload.placement or {}).get(operator)
        where = "its upstream's slot" if workload.placement else "wherever a slot is free"
        if place is not None:
            label = "".join(f"{key}={value}" for key, value in (place.label or {}).items())
            where = f"node {place.node}" if place.node else f"label {label}"
            where = f"tier {place.tier}" if place.tier else where
        rows.append([operator, str(wide), where])
    return rows


def _links(plan: NetworkPlan) -> list[tuple[str, str, str, str, str, str]]:
    return [
        (
            link.source,
            link.target,
            units.format_delay(link.impairment.delay_ms),
            units.format_delay(link.impairment.jitter_ms),
            units.format_fraction(link.impairment.loss),
            "" if link.impairment.rate_bps is None else units.format_rate(link.impairment.rate_bps),
        )
        for link in plan.links()
    ]


def _timeline(resolved: ResolvedExperiment) -> list[list[str]]:
    rows = []
    for mark in timeline_of(resolved, REPERTOIRE).marks():
        what = "stop with savepoint, verdict, report"
        if mark.phase is not None:
            what = f"{mark.phase.name} begins"
        elif mark.action is not None:
            void = mark.action.left_out
            what = f"left out ({void}): {mark.action.title}" if void else mark.action.title
        rows.append([units.format_duration(mark.at_s), what])
    return rows


def _headline(figures: Sequence[dict[str, Any]]) -> str:
    wanted = ("throughput", "latency p50", "latency p99")
    return ", ".join(
        f"{figure['name']} {_number(figure['value'])} {figure['unit']}"
        for figure in figures
        if figure["name"] in wanted
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - 3 digits
