"""Draws a dataset of rides: pickups by hour of the day, and on the map with landmarks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator, NullFormatter

from fogbed.errors import DatasetError
from fogbed.stream_job.rides import reasons
from fogbed.stream_job.rides.describe import GRID_DEG, Description
from fogbed.stream_job.rides.landmarks import Landmarks

_INK, _FAINT, _BAR, _MARK = "#1b2733", "#8a97a3", "#2f6f9f", "#c8431f"
_SHOWN: Final = 0.998
"""The map is cut to where this share of the pickups lies, on each axis."""
_MARGIN_DEG: Final = 0.012
_FEW: Final = 20_000
# the palest quarter cannot be told from the ground
_COLOURS: Final = ListedColormap(colormaps["YlGnBu"](np.linspace(0.28, 1.0, 200)))
_KM_PER_DEG: Final = 111.2


_LARGEST_CIRCLE: Final = 420.0
"""The area of the busiest zone's circle, in square points; the others in proportion."""
_NARROWEST_DEG: Final = 0.06
"""A map of one place still shows what is around it."""
_LOWEST: Final = 0.72
_HIGHEST: Final = 1.5
"""A map's height over its width, on the ground: beyond these it shows more of what is around."""


def path_problem(path: Path) -> str:
    """Return why a picture cannot be written there, or an empty text."""
    if path.suffix.lower() != ".png":
        return f"--png {path}: a picture is written as PNG; give a name that ends in .png"
    if path.is_dir() or not path.parent.is_dir():
        return f"--png {path}: give a file in a folder that is there"
    return ""


def draw(description: Description, landmarks: Landmarks, path: Path) -> None:
    """Write the picture as a PNG.

    Raises:
        DatasetError: the file cannot be written.
    """
    figure = figure_of(description, landmarks)
    try:
        figure.savefig(path, dpi=130, format="png")
    except OSError as error:
        raise DatasetError(f"{path} cannot be written: {error.strerror}") from error


def figure_of(description: Description, landmarks: Landmarks) -> Figure:
    """Return the picture: the hours on the left, the map on the right."""
    figure = Figure(figsize=(12.5, 7.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1.0, 1.35))
    _draw_title(figure, description)
    _draw_hours(left, description)
    _draw_map(right, description, landmarks)
    return figure


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _draw_title(figure: Figure, description: Description) -> None:
    manifest = description.dataset.manifest
    span = f", {manifest.first_pickup[:10]} to {manifest.last_pickup[:10]}"
    figure.suptitle(
        f"{manifest.name}: {_counted(description.usable, 'ride')}{span if manifest.rides else ''}",
        fontsize=15,
        fontweight="bold",
        color=_INK,
        x=0.01,
        ha="left",
    )


def _draw_hours(axes: Axes, description: Description) -> None:
    counts = description.by_hour
    axes.bar(range(24), counts, width=0.86, align="edge", color=_BAR)
    axes.set_title("Pickups by hour of the day", loc="left", fontsize=11, color=_INK)
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02}:00" for hour in range(0, 25, 3)])
    axes.set_xlabel("New York wall-clock time", color=_FAINT)
    axes.set_ylabel("pickups", color=_FAINT)
    axes.set_ylim(0, max(1, *counts) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color="#e6eaee", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=_FAINT, length=0)
    if any(counts):
        busiest = int(np.argmax(counts))
        axes.bar(busiest, counts[busiest], width=0.86, align="edge", color=_MARK)
        label = f"{counts[busiest]:,}"
        axes.text(busiest + 0.43, counts[busiest], label, ha="center", va="bottom", color=_MARK)


def _draw_map(axes: Axes, description: Description, landmarks: Landmarks) -> None:
    west, east, south, north = _window(description)
    axes.set_facecolor("#f4f6f8")
    _draw_points(axes, description)
    _draw_zones(axes, description)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    # a degree of longitude is shorter than one of latitude by the cosine of the latitude
    axes.set_aspect(1 / math.cos(math.radians((south + north) / 2)))
    # a map that is wider than its place hangs from the top: both titles at one height
    axes.set_anchor("N")
    shown = _draw_landmarks(axes, landmarks, (west, east, south, north))
    title = (
        f"Where rides begin, with {shown} of {len(landmarks.names)} landmarks ({landmarks.name})"
    )
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    _draw_scale(axes, (west, east, south, north))
    axes.tick_params(colors=_FAINT, length=0, labelsize=8)
    axes.ticklabel_format(useOffset=False)
    axes.spines[:].set_color("#d5dbe0")


def _draw_points(axes: Axes, description: Description) -> None:
    if not description.density.any():
        return
    cell, counts = _cells(description)
    extent = (reasons.WEST, reasons.EAST, reasons.SOUTH, reasons.NORTH)
    # a picture's cell is darker the more rides begin in it; a logarithm shows the quiet ones too
    norm = LogNorm(1, max(2, int(counts.max())))
    image = axes.imshow(
        counts, origin="lower", extent=extent, norm=norm, cmap=_COLOURS, interpolation="nearest"
    )
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.55, pad=0.015, aspect=28)
    bar.set_label(f"pickups per cell of {cell:g}°", color=_FAINT)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=_FAINT)


def _draw_zones(axes: Axes, description: Description) -> None:
    """Draw a circle per zone, its area in proportion to its pickups, the largest at the back."""
    zones = description.zones[::-1]
    if not len(zones):
        return
    most = float(zones[0, 2])
    look: dict[str, Any] = {"color": _BAR, "alpha": 0.55, "edgecolor": "white", "linewidth": 0.6}
    areas = np.maximum(4.0, _LARGEST_CIRCLE * zones[:, 2] / most)
    axes.scatter(zones[:, 0], zones[:, 1], s=areas, zorder=2, **look)
    for count in dict.fromkeys((max(1, round(most / 10)), round(most))):
        label = f"{_counted(count, 'pickup')} in a zone"
        axes.scatter([], [], s=max(4.0, _LARGEST_CIRCLE * count / most), label=label, **look)
    axes.legend(
        loc="best",  # where there are the fewest circles
        frameon=False,
        fontsize=8,
        labelcolor=_FAINT,
        labelspacing=1.2,
        borderpad=1.4,
    )


def _cells(description: Description) -> tuple[float, np.ma.MaskedArray[Any, Any]]:
    """Return the size of a cell in degrees and the counts; few rides get larger cells."""
    density, size = description.density, 1 if description.usable > _FEW else 2
    rows, columns = density.shape
    merged = density.reshape(rows // size, size, columns // size, size).sum(axis=(1, 3))
    return GRID_DEG * size, np.ma.masked_equal(merged, 0)


def _window(description: Description) -> tuple[float, float, float, float]:
    if not description.usable:
        return reasons.WEST, reasons.EAST, reasons.SOUTH, reasons.NORTH
    lon, lat, count = description.zones.T
    edges: list[float] = []
    for axis, start, at in ((0, reasons.WEST, lon), (1, reasons.SOUTH, lat)):
        along = description.density.sum(axis=axis)
        zoned = ((at - start) / GRID_DEG).astype(int).clip(0, len(along) - 1)
        along = along + np.bincount(zoned, count, len(along))
        share = np.cumsum(along) / description.usable
        low = start + GRID_DEG * int(np.searchsorted(share, (1 - _SHOWN) / 2))
        high = start + GRID_DEG * (1 + int(np.searchsorted(share, (1 + _SHOWN) / 2)))
        margin = max(_MARGIN_DEG, (_NARROWEST_DEG - (high - low)) / 2)
        edges += [low - margin, high + margin]
    return _proportioned(edges[0], edges[1], edges[2], edges[3])


def _proportioned(
    west: float, east: float, south: float, north: float
) -> tuple[float, float, float, float]:
    narrowing = math.cos(math.radians((south + north) / 2))
    wide, high = (east - west) * narrowing, north - south
    over = max(0.0, _LOWEST * wide - high) / 2
    beside = max(0.0, high / _HIGHEST - wide) / narrowing / 2
    return west - beside, east + beside, south - over, north + over


def _draw_landmarks(
    axes: Axes, landmarks: Landmarks, window: tuple[float, float, float, float]
) -> int:
    west, east, south, north = window
    lon, lat = landmarks.longitudes, landmarks.latitudes
    inside = (lon > west) & (lon < east) & (lat > south) & (lat < north)
    axes.scatter(lon[inside], lat[inside], s=22, color=_MARK, edgecolor="white", zorder=3)
    taken: list[tuple[float, float]] = []
    halo = [withStroke(linewidth=2.5, foreground="white")]
    wide, high = 0.17 * (east - west), 0.022 * (north - south)
    for place in np.flatnonzero(inside):
        x, y = float(lon[place]), float(lat[place])
        # names that would overlap are left out: the dots stay
        if any(abs(x - u) < wide and abs(y - v) < high for u, v in taken):
            continue
        taken.append((x, y))
        is_right = x < east - wide
        axes.annotate(
            landmarks.names[place],
            (x, y),
            xytext=(5 if is_right else -5, 0),
            textcoords="offset points",
            ha="left" if is_right else "right",
            va="center",
            fontsize=7,
            color=_INK,
            path_effects=halo,
            zorder=4,
        )
    return int(inside.sum())


def _draw_scale(axes: Axes, window: tuple[float, float, float, float]) -> None:
    west, east, south, north = window
    km = 5 if (north - south) * _KM_PER_DEG > 20 else 1  # noqa: PLR2004 - kilometres of map
    length = km / (_KM_PER_DEG * math.cos(math.radians((south + north) / 2)))
    x, y = west + 0.04 * (east - west), south + 0.035 * (north - south)
    axes.plot([x, x + length], [y, y], color=_INK, linewidth=2, solid_capstyle="butt", zorder=4)
    lift = y + 0.008 * (north - south)
    axes.text(x + length / 2, lift, f"{km} km", ha="center", va="bottom", fontsize=8, color=_INK)
