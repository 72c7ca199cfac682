"""Whether a worker takes one more media session. Pure.

A worker without legs always takes one: whatever makes its loop late is not its own doing. A busy one
stops at its leg budget, when its loop is late by its own load, and while it drains; the session then
goes to another worker, or its calls end `no_capacity` by their setup deadline. Never the others suffer.

The last part of each figure is kept for projects that hold less here than an equal part: those that fill a
worker are refused first. Where its loop is stuck, a project with no session here is let in all the same, once
no other worker has taken its session: a late call is better than none.
"""

from __future__ import annotations

from dataclasses import dataclass

from calling.runtime.fair_share import holds_less, reserved

LAG_MS = 20.0  # p99 of the loop's lateness; beyond it packets of the legs there are come late
STUCK_MS = 200.0  # docs/security.md#r32: the loop is in trouble, whoever is to blame
STUCK_SECONDS = 5.0
CPU = 0.85  # share of the one core that the loop can use
CPU_OF_LAG = 0.5  # below it a late loop is the neighbours' fault
LAST_LAG_MS, LAST_CPU = 80.0, 0.95  # for a project that holds little; packets of the others wait no longer
OTHERS_SECONDS = 0.75  # so long a session is left to other workers where this loop is stuck
MOST_NOTED, ASKED_SECONDS = 1000, 60.0  # of refused sessions; none is asked for longer


@dataclass(frozen=True)
class Load:
    """A worker's figures. legs: live peers. cpu: share of one core. lag_ms: p99 of the last seconds."""

    legs: int = 0
    sessions: int = 0
    cpu: float = 0.0
    lag_ms: float = 0.0
    stuck_seconds: float = 0.0  # since when lag_ms has been above STUCK_MS
    draining: bool = False


@dataclass(frozen=True)
class Holding:
    """What a session's project holds of a worker. projects: how many hold any, this one included."""

    legs: int = 0
    projects: int = 1
    sessions: int = 0

    def little(self, load: Load) -> bool:
        return self.projects > 1 and holds_less(self.legs, load.legs, self.projects)

    def nothing(self) -> bool:
        """It holds nothing here, though others do."""
        return self.projects > 1 and not self.legs and not self.sessions


class Refused:
    """Since when a worker has left sessions to others, for as long as it may be asked again."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def note(self, session: str, now: float) -> None:
        self._since.setdefault(session, now)
        if len(self._since) > MOST_NOTED:
            self._since = {name: at for name, at in self._since.items() if now - at < ASKED_SECONDS}

    def waited(self, session: str, now: float) -> float:
        return now - self._since.get(session, now)


def refusal(
    load: Load, legs: int, sessions: int, holding: Holding = Holding(), waited: float = 0.0
) -> str | None:
    """Why a worker with this budget of legs and sessions takes no further session of a project, or None.

    `waited`: seconds since it refused that session first.
    """
    if load.draining:
        return "draining"
    little = holding.little(load)
    stuck = load.stuck_seconds >= STUCK_SECONDS
    if stuck and not (holding.nothing() and waited >= OTHERS_SECONDS):
        return "stuck"
    if holding.projects > 1 and not little:
        legs, sessions = legs - reserved(legs), sessions - reserved(sessions)
    if load.legs and (load.legs >= legs or load.sessions >= sessions):
        return "full"
    if load.legs == 0:
        return "full" if load.sessions >= sessions else None
    if load.cpu >= (LAST_CPU if little else CPU):
        return "cpu"
    if not stuck and load.lag_ms > (LAST_LAG_MS if little else LAG_MS) and load.cpu >= CPU_OF_LAG:
        return "lag"
    return None
