"""Quality samples of a leg as plots: coordinates for inline SVG, made here so that no page needs a script.

The samples are the media worker's; a measure it could not take is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from calling.dashboard.templatetags.shown import number as shown_number

WIDTH, HEIGHT = 320, 96

# measure: (label, unit, least top of the scale, digits)
MEASURES = {
    "mos": ("MOS", "", 5.0, 2),
    "loss": (gettext_noop("Loss"), "%", 2.0, 2),
    "jitter_ms": (gettext_noop("Jitter"), "ms", 20.0, 1),
    "rtt_ms": (gettext_noop("Round trip"), "ms", 100.0, 0),
}


@dataclass(frozen=True)
class Plot:
    """One measure over time. `points` is the attribute of an SVG polyline in a WIDTH × HEIGHT box."""

    label: str
    unit: str
    points: str
    newest: str
    least: str
    most: str
    top: str
    samples: int


def number(sample: object, name: str) -> float | None:
    """One measure of one sample: `{at, rtt_ms, audio: {mos, received: {packets, lost, jitter_ms}}}`."""
    if not isinstance(sample, dict):
        return None
    audio = sample.get("audio")
    audio = audio if isinstance(audio, dict) else {}
    received = audio.get("received")
    received = received if isinstance(received, dict) else {}
    found = {
        "mos": audio.get("mos"),
        "loss": loss_percent(received),
        "jitter_ms": received.get("jitter_ms"),
        "rtt_ms": sample.get("rtt_ms"),
    }[name]
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def loss_percent(received: dict[str, Any]) -> float | None:
    lost, packets = received.get("lost"), received.get("packets")
    if not isinstance(lost, int | float) or not isinstance(packets, int | float) or lost + packets <= 0:
        return None
    return max(0.0, 100.0 * lost / (lost + packets))


def mos(sample: object) -> float | None:
    return number(sample, "mos")


def plots(samples: list[object] | None) -> list[Plot]:
    """The measures that were taken at least twice."""
    found = []
    for name, (label, unit, floor, digits) in MEASURES.items():
        values = [value for sample in samples or [] if (value := number(sample, name)) is not None]
        if len(values) < 2:
            continue
        top = max(floor, *values)
        step = WIDTH / (len(values) - 1)
        points = " ".join(
            f"{index * step:.1f},{HEIGHT - max(0.0, value) / top * HEIGHT:.1f}"
            for index, value in enumerate(values)
        )

        def shown(value: float, digits: int = digits) -> str:
            return shown_number(value, digits)

        found.append(
            Plot(label, unit, points, shown(values[-1]), shown(min(values)), shown(max(values)),
                 f"{top:g}", len(values))
        )  # fmt: skip
    return found
