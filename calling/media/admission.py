"""Whether a worker takes one more media session. Pure.

A worker without legs always takes one: whatever makes its loop late is not its own doing. A busy one
stops at its leg budget, when its loop is late by its own load, and while it drains; the session then
goes to another worker, or its calls end `no_capacity` by their setup deadline. Never the others suffer.
"""

from __future__ import annotations

from dataclasses import dataclass

LAG_MS = 20.0  # p99 of the loop's lateness; beyond it packets of the legs there are come late
STUCK_MS = 200.0  # R32: the loop is in trouble, whoever is to blame
STUCK_SECONDS = 5.0
CPU = 0.85  # share of the one core that the loop can use
CPU_OF_LAG = 0.5  # below it a late loop is the neighbours' fault


@dataclass(frozen=True)
class Load:
    """A worker's figures. legs: live peers. cpu: share of one core. lag_ms: p99 of the last seconds."""

    legs: int = 0
    sessions: int = 0
    cpu: float = 0.0
    lag_ms: float = 0.0
    stuck_seconds: float = 0.0  # since when lag_ms has been above STUCK_MS
    draining: bool = False


def refusal(load: Load, legs: int, sessions: int) -> str | None:
    """Why a worker with this budget of legs and sessions takes no further session now, or None."""
    if load.draining:
        return "draining"
    if load.stuck_seconds >= STUCK_SECONDS:
        return "stuck"
    if load.legs >= legs or load.sessions >= sessions:
        return "full"
    if load.legs == 0:
        return None
    if load.cpu >= CPU:
        return "cpu"
    if load.lag_ms > LAG_MS and load.cpu >= CPU_OF_LAG:
        return "lag"
    return None
