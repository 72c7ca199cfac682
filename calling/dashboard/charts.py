"""Bar charts for inline SVG: coordinates, and numbers as the language of the page writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from calling.dashboard.templatetags.shown import number

WIDTH, HEIGHT = 480.0, 120.0


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    label: str
    value: str


@dataclass(frozen=True)
class Chart:
    """Bars in a WIDTH × HEIGHT box; `total` for those who cannot see it."""

    title: str
    bars: tuple[Bar, ...]
    top: str
    total: str
    first: str
    last: str


def seconds(value: float) -> str:
    return f"{number(value, 1)} s"


def chart(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    average: Callable[[float], str] | None = None,
) -> Chart:
    """One bar per label. The values are counts, or averages that `average` writes with their unit."""
    most = max([*values, 1e-9])
    step = WIDTH / max(len(values), 1)
    write = average or number
    bars = tuple(
        Bar(
            f"{index * step + 1:.1f}",
            f"{HEIGHT - value / most * HEIGHT:.1f}",
            f"{step - 2:.1f}",
            f"{value / most * HEIGHT:.1f}",
            label,
            write(value),
        )
        for index, (label, value) in enumerate(zip(labels, values, strict=True))
    )
    seen = [value for value in values if value]
    total = number(sum(values))
    if average is not None:
        total = gettext("average {number}").format(number=average(sum(seen) / len(seen))) if seen else "–"
    top = write(max(values, default=0.0))
    return Chart(title, bars, top, total, labels[0] if labels else "", labels[-1] if labels else "")
