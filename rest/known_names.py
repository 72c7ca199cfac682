"""Names of fields and query parameters that nothing reads: 422 `unknown_parameter`, with the nearest known.

The product's own surfaces refuse them (docs/contract.md#unknown-names); SignalWire's ignore them, as
SignalWire does. No list of names is kept: whoever reads a request remembers what it asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Final

from django.utils.datastructures import MultiValueDict
from rest_framework.request import Request

from rest.errors import Invalid, Problem, field

CODE: Final = "unknown_parameter"
NATIVE: Final = (
    "calls", "events", "webhooks", "rooms", "phone_numbers", "recordings", "tokens", "balance", "keys",
    "history", "alerts", "push",
)  # fmt: skip
MOST_TOLD = 10
LONGEST = 60
TWICE: Final = "This query parameter is given more than once."


def is_native(path: str) -> bool:
    """Whether a path belongs to the product's own API, which refuses unknown names."""
    root, _, rest = path.lstrip("/").partition("/")
    return root == "api" and rest.partition("/")[0] in NATIVE


def unknown(given: Iterable[str], known: Iterable[str], what: str = "field") -> list[Problem]:
    """One problem for each given name that is not known; the first ten of them."""
    names = sorted(known)
    wrong = (name for name in given if name not in names)
    return [field(name[:LONGEST], words(name, names, what), CODE) for name in islice(wrong, MOST_TOLD)]


def words(name: str, known: Iterable[str], what: str = "field") -> str:
    """`There is no field colour here; the nearest is color.`"""
    shown = name[:LONGEST]
    near = get_close_matches(shown.lower(), list(known), n=1, cutoff=0.0)
    then = f"; the nearest is {near[0]}." if near else ", nor any other."
    return f"There is no {what} {shown} here{then}"


class Query(Mapping[str, str]):
    """The query of a request. It remembers which names were read; an empty value counts as absent."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        value = self.given[name]
        if value == "":
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name, value in self.given.items() if value != "")

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def know(self, *names: str) -> None:
        """Allow these names too."""
        self.asked.update(names)

    def unknown(self) -> list[Problem]:
        """The names that were sent but not read."""
        return unknown(self.given, self.asked, "query parameter")

    def repeated(self) -> list[Problem]:
        """The names that were sent more than once, and so are ambiguous."""
        lists = self.given.lists() if isinstance(self.given, MultiValueDict) else ()
        twice = (name for name, values in lists if len(values) > 1)
        return [field(name[:LONGEST], TWICE) for name in islice(twice, MOST_TOLD)]

    def check(self) -> None:
        """For a view that has read all its names: raise before it begins its work."""
        if problems := self.unknown():
            raise Invalid(problems)


def query_of(request: Request) -> Query:
    """The one Query of a request."""
    found: Query | None = getattr(request, "known_names_query", None)
    if found is None:
        found = Query(request.query_params)
        request.known_names_query = found  # type: ignore[attr-defined]
    return found
