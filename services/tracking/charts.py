"""Geometry of the charts: per cent of the drawing, so that it fits any width while its text keeps its size."""

from collections.abc import Sequence
from dataclasses import dataclass

_LEFT, _RIGHT, _TOP, _BOTTOM = 2.0, 98.0, 10.0, 90.0


@dataclass(frozen=True, slots=True)
class Line:
    """Rates over time.

    Attributes:
        low: what stands at the bottom, in per cent; 100 stands at the top.
        path: through the known points of a drawing of 100 by 100; it breaks where nothing is known.
        dots: left, top, and whether it is the last.
    """

    low: int
    path: str
    dots: list[tuple[float, float, bool]]


def line(rates: Sequence[float | None]) -> Line:
    """Rates between 0 and 1, oldest first; None where nothing was decided."""
    known = [rate for rate in rates if rate is not None]
    low = min(int(min(known, default=0.0) * 10) * 10, 90)
    path, dots = "", list[tuple[float, float, bool]]()
    begun = False
    for number, rate in enumerate(rates):
        if rate is None:
            begun = False
            continue
        across = round(_LEFT + (_RIGHT - _LEFT) * number / max(len(rates) - 1, 1), 1)
        down = round(_TOP + (_BOTTOM - _TOP) * (100 - rate * 100) / (100 - low), 1)
        path += f"{'L' if begun else 'M'}{across} {down}"
        dots.append((across, down, number == len(rates) - 1))
        begun = True
    return Line(low, path, dots)
