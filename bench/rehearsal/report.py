"""What a rehearsal found: each call's faults against its scenario's limits, and the table. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bench.load import percentile
from bench.rehearsal.conversation import Measured
from bench.rehearsal.scenario import Scenario

MEASURES: Final = ("turn_latency", "dead_air", "talk_over", "barge_in")


@dataclass(frozen=True)
class Finding:
    """`kind`: turn_latency, dead_air, talk_over, barge_in, digits, words, ended, failed."""

    kind: str
    text: str


@dataclass
class Played:
    """One call of a rehearsal. `words`: what the other side said, None without a recogniser."""

    call_id: str = ""
    measured: Measured = field(default_factory=Measured)
    words: str | None = None
    findings: list[Finding] = field(default_factory=list)


def findings(
    scenario: Scenario, measured: Measured, *, digits: Sequence[str], words: str | None, ended: bool
) -> list[Finding]:
    """`digits`: what the other side took, each time; `ended`: the call was over before the scenario."""
    found = []
    for name in MEASURES:
        limit = getattr(scenario.limits, f"{name}_ms")
        values = [each for each in getattr(measured, name) if each > limit]
        found += [Finding(name, f"{value:.0f} ms, more than {limit:g}") for value in values]
    if scenario.digits and scenario.digits not in digits:
        taken = ", ".join(digits) or "none"
        found.append(Finding("digits", f"{scenario.digits} was sent, taken: {taken}"))
    if words is not None:
        said = re.sub(r"[^\w ]+", " ", words.lower())
        found += [Finding("words", f"{word} was not said") for word in scenario.words if word not in said]
    if ended:
        found.append(Finding("ended", "the call ended before the scenario did"))
    return found


def summary(scenario: Scenario, played: Sequence[Played], seconds: float) -> dict[str, Any]:
    """For programs."""
    kinds = Counter(each.kind for call in played for each in call.findings)
    return {
        "scenario": scenario.name,
        "seconds": round(seconds, 1),
        "calls": len(played),
        "clean": sum(not each.findings for each in played),
        "findings": dict(kinds),
        **{
            f"{name}_ms": spread([v for each in played for v in getattr(each.measured, name)])
            for name in MEASURES
        },
        "each": [
            {
                "call_id": call.call_id,
                "words": call.words,
                "findings": [{"kind": each.kind, "text": each.text} for each in call.findings],
            }
            for call in played
        ],
    }


def spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(percentile(values, 0.5)),
        "p95": round(percentile(values, 0.95)),
        "most": round(max(values, default=0)),
    }


def table(found: dict[str, Any]) -> str:
    """As a person reads it."""
    clean = f"{found['clean']} of {found['calls']} calls without a finding"
    lines = [f"{found['scenario']}: {clean}, {found['seconds']} s"]
    lines.append(f"{'':14}{'p50':>7}{'p95':>7}{'most':>7}  ms")
    for name in MEASURES:
        each = found[f"{name}_ms"]
        lines.append(f"{name.replace('_', ' '):14}{each['p50']:7}{each['p95']:7}{each['most']:7}")
    for number, call in enumerate(found["each"], 1):
        lines += [
            f"  call {number}: {each['kind'].replace('_', ' ')}: {each['text']}" for each in call["findings"]
        ]
    return "\n".join(lines)
