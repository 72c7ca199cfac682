"""What a phone call costs: rates by prefix, increments, reservations. Pure: whole micro-units, no rows.

Money is a whole number of millionths of the account's currency everywhere inside; text with six decimals
outside. Nothing is ever a float.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MICROS = 1_000_000
MOST = 10**15  # a thousand million units: what an account or a rate may hold at most
_MONEY = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,6}))?")


class BadAmount(ValueError):
    """The text is not an amount of money."""


@dataclass(frozen=True)
class Rate:
    """`per_minute` and `setup` in micros; time is charged in steps of `increment` seconds, rounded up."""

    prefix: str
    per_minute: int
    setup: int = 0
    increment: int = 60

    def cost(self, seconds: float) -> int:
        """Micros for a call answered for so long, rounded up to the next micro. An answer costs a step."""
        steps = max(1, -(-int(seconds * 1000) // (self.increment * 1000)))
        return self.setup + -(-steps * self.increment * self.per_minute // 60)

    @property
    def free(self) -> bool:
        return self.per_minute == 0 and self.setup == 0


def longest_match(rates: Iterable[Rate], number: str) -> Rate | None:
    """The rate with the longest prefix that the number has; of equally long ones the first."""
    fitting = [rate for rate in rates if number.startswith(rate.prefix)]
    return max(fitting, key=lambda rate: len(rate.prefix), default=None)


def seconds_paid(rate: Rate, interval: int) -> int:
    """How long one reservation of `interval` seconds lasts: whole steps."""
    return max(1, -(-interval // rate.increment)) * rate.increment


def parse_amount(text: str) -> int:
    """Micros of `12`, `12.5` or `-0.000001`. Raises BadAmount."""
    found = _MONEY.fullmatch(text.strip())
    if found is None:
        raise BadAmount("An amount is digits with at most six decimals.")
    sign, whole, part = found.groups()
    amount = int(whole) * MICROS + int((part or "").ljust(6, "0"))
    return -amount if sign else amount


def format_amount(micros: int) -> str:
    """Micros as text with six decimals, such as `12.340000`."""
    sign = "-" if micros < 0 else ""
    return f"{sign}{abs(micros) // MICROS}.{abs(micros) % MICROS:06}"
