"""Loss chart: errors of style and content over time, as a small SVG."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from .strings import DISTANCE, DISTANCES

WIDTH, HEIGHT, MARGIN = 400.0, 64.0, 4.0  # of the drawing, in units of its own
MAX_POINTS = 400  # points: beyond, every second one is left out
INTERVAL_S = 1.0  # second between two drawings
FLOOR = 1e-6  # what is smaller is drawn as this, since the scale is logarithmic


class Point(NamedTuple):
    """Errors by name after so many seconds, at a level."""

    seconds: float
    level: int
    errors: Mapping[str, float]


class LossChart:
    """The chart of one run as it grows."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.drawn = -math.inf

    def see(self, report: Mapping[str, Any]) -> str | None:
        """Add a report; return a new drawing when it is time for one."""
        errors = {name: report["losses"][name] for name in DISTANCES if name in report["losses"]}
        if not errors:
            return None
        self.points.append(Point(report["seconds"], report["level"], errors))
        if len(self.points) > MAX_POINTS:
            self.points = self.points[::2]
        if not report["done"] and report["seconds"] - self.drawn < INTERVAL_S:
            return None
        self.drawn = report["seconds"]
        return draw(self.points)


def draw(points: Sequence[Point]) -> str:
    """Return an SVG with a legend. Curves start anew at each level, whose errors are its own."""
    names = [name for name in DISTANCES if any(name in point.errors for point in points)]
    heights = [height(p.errors[name]) for p in points for name in names if name in p.errors]
    low, high = min(heights), max(heights)
    end = max(point.seconds for point in points) or 1.0

    def place(point: Point, name: str) -> str:
        x = MARGIN + point.seconds / end * (WIDTH - 2 * MARGIN)
        above = (height(point.errors[name]) - low) / (high - low) if high > low else 0.5
        return f"{x:.1f},{HEIGHT - MARGIN - above * (HEIGHT - 2 * MARGIN):.1f}"

    curves = []
    for name in names:
        drawn = [point for point in points if name in point.errors]
        parts = [
            "M" + " L".join(place(point, name) for point in part) + " h.1"  # one point is a dot
            for _, part in groupby(drawn, key=lambda point: point.level)
        ]
        curves.append(f'<path class="{name}" d="{" ".join(parts)}"/>')
    latest = {name: points[-1].errors[name] for name in names if name in points[-1].errors}
    legend = " ".join(
        f'<span class="{name}">{DISTANCES[name]} {value:.3g}</span>'
        for name, value in latest.items()
    )
    said = ", ".join(f"{DISTANCES[name]} {value:.3g}" for name, value in latest.items())
    return (
        f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{DISTANCE} {said}">{"".join(curves)}</svg><p>{DISTANCE} {legend}</p>'
    )


def height(error: float) -> float:
    return math.log10(max(error, FLOOR)) if math.isfinite(error) else 0.0
