"""Bar charts for inline SVG: coordinates, and numbers as the language of the page writes them."""

from __future__ import annotations

from collections.abc import Sequence
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


def chart(
    title: str, labels: Sequence[str], values: Sequence[float], digits: int = 0, averages: bool = False
) -> Chart:
    """One bar per label. With `digits`, or where told so, the values are averages, else counts."""
    most = max([*values, 1e-9])
    step = WIDTH / max(len(values), 1)
    bars = tuple(
        Bar(
            f"{index * step + 1:.1f}",
            f"{HEIGHT - value / most * HEIGHT:.1f}",
            f"{step - 2:.1f}",
            f"{value / most * HEIGHT:.1f}",
            label,
            number(value, digits),
        )
        for index, (label, value) in enumerate(zip(labels, values, strict=True))
    )
    seen = [value for value in values if value]
    averages = averages or digits > 0
    mean = gettext("average {number}").format(number=number(sum(seen) / len(seen), digits)) if seen else "–"
    total = mean if averages else f"{sum(values):.0f}"
    top = number(max(values, default=0), digits)
    return Chart(title, bars, top, total, labels[0] if labels else "", labels[-1] if labels else "")
