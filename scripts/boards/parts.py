"""What dashboards are put together from: a query, a figure, a chart, a matrix, a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TableCellBackgroundDisplayMode,
    TableColoredBackgroundCellOptions,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from boards.theme import Look, colour

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
WIDTH = 24  # columns of Grafana's grid
Query = prometheus.Dataquery
_PLAIN_CELLS = DynamicConfigValue("custom.cellOptions", {"type": "auto"})


def query(expr: str, legend: str, *, instant: bool = False) -> Query:
    """Return a query; ``legend`` names each series, with ``{{label}}`` for a label's value."""
    made = prometheus.Dataquery().expr(expr).legend_format(legend).datasource(SOURCE)
    return made.instant() if instant else made.range()


def rows(expr: str, ref: str) -> Query:
    """Return a query whose series as they are now become rows of a table."""
    made = query(expr, "", instant=True).format(PromQueryFormat.TABLE)
    return made.ref_id(ref)


def figure(  # noqa: PLR0913 - what a figure is, named by the caller
    title: str,
    asked: Query,
    *,
    unit: str,
    limits: dashboard.ThresholdsConfig,
    about: str,
    text: BigValueTextMode = BigValueTextMode.VALUE,
    none: str = "-",
    decimals: int | None = None,
    width: int = 4,
) -> stat.Panel:
    """Return one large value, coloured by its limits; as of now, or of the end of what is shown."""
    made = (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .targets([asked])
        .unit(unit)
        .thresholds(limits)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .color_mode(BigValueColorMode.BACKGROUND)
        .graph_mode(BigValueGraphMode.AREA)
        .text_mode(text)
        .no_value(none)
        .span(width)
        .height(4)
    )
    return made if decimals is None else made.decimals(decimals)


def names(made: stat.Panel, colours: Mapping[str, str]) -> stat.Panel:
    """Return a figure that shows its series' name, in the colour that is the name's own."""
    made = made.text_mode(BigValueTextMode.NAME).graph_mode(BigValueGraphMode.NONE)
    for name, each in colours.items():
        made = made.override_by_name(name, [colour(each)])
    return made


def chart(  # noqa: PLR0913 - what a chart is, named by the caller
    title: str,
    *asked: Query,
    unit: str,
    about: str,
    looks: Sequence[Look] = (),
    most: float | None = None,
    none: str = "",
    width: int = 12,
    height: int = 8,
) -> timeseries.Panel:
    """Return lines over time from zero, with last and largest value; a gap is drawn as a gap.

    ``most``: where the axis ends as long as nothing is above. ``none``: said where nothing is.
    """
    made = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .targets(list(asked))
        .unit(unit)
        .axis_soft_min(0)
        .line_width(1)
        .fill_opacity(8)
        .show_points(VisibilityMode.NEVER)
        .span_nulls(span_nulls=False)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span(width)
        .height(height)
    )
    for pattern, properties in looks:
        made = made.override_by_regexp(pattern, list(properties))
    made = made.no_value(none) if none else made
    return made if most is None else made.axis_soft_max(most)


def matrix(  # noqa: PLR0913 - what a matrix is, named by the caller
    title: str,
    expr: str,
    *,
    unit: str,
    limits: dashboard.ThresholdsConfig,
    about: str,
    none: str = "-",
    decimals: int = 1,
    width: int = 8,
) -> table.Panel:
    """Return a value of each pair of nodes: a row for each source, a column for each target."""
    to_matrix = {"rowField": "source", "columnField": "target", "valueField": "Value"}
    return (
        grid(title, [rows(expr, "A")], unit=unit, limits=limits, about=about)
        .no_value(none)
        .decimals(decimals)
        .transformations([DataTransformerConfig("groupingToMatrix", options=to_matrix)])
        .override_by_name("source\\target", [_PLAIN_CELLS])
        .span(width)
    )


def grid(
    title: str,
    asked: Sequence[Query],
    *,
    unit: str,
    limits: dashboard.ThresholdsConfig,
    about: str,
) -> table.Panel:
    """Return a table whose cells are coloured by their limits."""
    cells = TableColoredBackgroundCellOptions(mode=TableCellBackgroundDisplayMode.BASIC)
    return (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .targets(list(asked))
        .unit(unit)
        .thresholds(limits)
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .cell_options(cells)
        .no_value("-")
        .span(WIDTH)
        .height(8)
    )


def row(title: str) -> dashboard.Row:
    """Return a heading; panels below it are added after it."""
    return dashboard.Row(title)


def folded(title: str, *panels: Builder[Panel]) -> dashboard.Row:
    """Return a heading that hides its panels until it is clicked: what not every platform has."""
    made = dashboard.Row(title).collapsed(collapsed=True)
    for panel in panels:
        made = made.with_panel(panel)
    return made


def begin(name: str, title: str, about: str) -> dashboard.Dashboard:
    """Return an empty dashboard with links to the others, which keep time and variables."""
    others = (
        dashboard.DashboardLink("Other dashboards")
        .type(DashboardLinkType.DASHBOARDS)
        .tags(["fogbed"])
        .as_dropdown(as_dropdown=True)
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
    return (
        dashboard.Dashboard(title)
        .uid(f"fogbed-{name}")
        .description(about)
        .tags(["fogbed"])
        .link(others)
        .readonly()
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("5s")
        .time("now-15m", "now")
    )
