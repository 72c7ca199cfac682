"""A schedule of a simulated world as text: its seed, its calls, and which faults happen to whom when.

A seed alone says it all by dice; a schedule may also leave out calls and name the faults one by one, which
is what is left of a failing seed once it was shrunk (`shrink`). Must not live here: how a world is run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tests.simulation.faults import Fault

KEPT = Path(__file__).parent / "kept"


@dataclass(frozen=True)
class Schedule:
    """`faults`: those that happen, None: by the dice. `only`: kinds that the dice may choose, None: all.
    `pace`: how much oftener than ordinary people everybody calls."""

    seed: int
    calls: int
    left_out: frozenset[int] = frozenset()  # calls that nobody places, counted from 1
    faults: frozenset[Fault] | None = None
    only: frozenset[str] | None = None
    pace: float = 1.0

    def text(self, law: str = "") -> str:
        lines = [f"# {law}"] if law else []
        lines += [f"seed {self.seed}", f"calls {self.calls}"]
        lines += [f"pace {self.pace:g}"] if self.pace != 1.0 else []
        lines += [f"without call {each}" for each in sorted(self.left_out)]
        if self.only is not None:
            lines += ["only " + ", ".join(sorted(self.only))]
        if self.faults is not None:
            lines += ["faults by this list alone"]
            lines += [f"{who} {number} {kind}" for who, kind, number in sorted(self.faults)]
        return "\n".join(lines) + "\n"


def read(text: str) -> Schedule:
    """Raises ValueError for a line that says nothing known."""
    made = Schedule(0, 0)
    for line in (each.strip() for each in text.splitlines()):
        match line.split():
            case [] | ["#", *_]:
                pass
            case ["seed", seed]:
                made = replace(made, seed=int(seed))
            case ["calls", calls]:
                made = replace(made, calls=int(calls))
            case ["pace", pace]:
                made = replace(made, pace=float(pace))
            case ["without", "call", number]:
                made = replace(made, left_out=made.left_out | {int(number)})
            case ["only", *_]:
                kinds = frozenset(
                    each.strip() for each in line.removeprefix("only").split(",") if each.strip()
                )
                made = replace(made, only=kinds)
            case ["faults", "by", "this", "list", "alone"]:
                made = replace(made, faults=made.faults or frozenset())
            case [who, number, *kind] if number.isdigit() and kind and made.faults is not None:
                made = replace(made, faults=made.faults | {(who, " ".join(kind), int(number))})
            case _:
                raise ValueError(f"a schedule has no line {line!r}")
    return made


def kept() -> list[Path]:
    """The schedules that broke a law once; `make test` runs them all."""
    return sorted(KEPT.glob("*.txt"))
