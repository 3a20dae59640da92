"""What a reader picks: testbed, run, tier, operator, node; and what is marked on the time axis."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from boards.parts import SOURCE
from boards.selectors import RUN, TESTBED
from boards.theme import PURPLE

_ALL = VariableOption(selected=True, text=["All"], value=["$__all"])


def _variable(name: str, asked: str, sort: VariableSort) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(SOURCE)
        .query({"qryType": 1, "query": asked, "refId": "values"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(sort)
    )


def _several(name: str, asked: str) -> dashboard.QueryVariable:
    """Return a variable of which several values, or all, may be picked.

    All means that also series without the label are shown.
    """
    made = _variable(name, asked, VariableSort.NATURAL_ASC)
    return made.multi(multi=True).include_all(include_all=True).all_value(".*").current(_ALL)


def testbed() -> dashboard.QueryVariable:
    """Return which testbed is shown."""
    return _variable("testbed", "label_values(up, testbed)", VariableSort.ALPHABETICAL_ASC)


def run() -> dashboard.QueryVariable:
    """Return which run is shown: the latest one first, whose id begins with its time."""
    asked = f"label_values(fogbed_run_info{{{TESTBED}}}, run)"
    return _variable("run", asked, VariableSort.ALPHABETICAL_DESC)


def operator() -> dashboard.QueryVariable:
    """Return which operators of the run's job are shown."""
    return _several("operator", f"label_values(fogbed_busy_share{{{RUN}}}, operator)")


def tier() -> dashboard.QueryVariable:
    """Return which tiers' nodes are shown."""
    return _several("tier", f'label_values(up{{{TESTBED},tier!=""}}, tier)')


def node() -> dashboard.QueryVariable:
    """Return which nodes are shown, of the tiers that are."""
    return _several("node", f'label_values(up{{{TESTBED},tier=~"$tier",node!=""}}, node)')


def source_node() -> dashboard.QueryVariable:
    """Return from which nodes links are shown."""
    return _several("node", f"label_values(fogbed_rtt_ms{{{RUN}}}, source)")


class _Actions(AnnotationQuery):
    """What Grafana's types do not have: how a mark is written, how finely it is looked for."""

    def to_json(self) -> dict[str, object]:
        return super().to_json() | {
            "titleFormat": "{{title}}",
            "textFormat": "{{do}}: {{outcome}}",
            "tagKeys": "do,outcome",
            "step": "1s",
        }


class _AsBuilt(dashboard.AnnotationQuery):
    """A mark that is built already."""

    def __init__(self, built: AnnotationQuery) -> None:
        super().__init__()
        self._internal = built


def actions(labels: str = TESTBED) -> dashboard.AnnotationQuery:
    """Return the marks of a run's actions, each at the instant at which it was done."""
    # a function over one step: a sample is seen in one step, not for the five minutes that follow
    expr = f"max_over_time(fogbed_action{{{labels}}}[$__interval])"
    return _AsBuilt(
        _Actions(name="Actions", datasource=SOURCE, enable=True, icon_color=PURPLE, expr=expr)
    )
