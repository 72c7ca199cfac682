"""Statements that PostgreSQL plans once for each connection instead of each time: half of its work here.

The product's statements are long and asked again and again. Their text, their snapshots and their locks stay
what they are: the last statement of a message becomes `EXECUTE` of the same text with the same arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

PLACES = re.compile(r"%(?:%|s|\((\w+)\)s)")
OPTIONS = "-c plan_cache_mode=force_generic_plan"
SMALL = 2**31


def kind(value: Any) -> str:
    """The type that PostgreSQL gives the literal of this value, where the text around it says nothing."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -SMALL <= value < SMALL else "bigint"
    if isinstance(value, float):
        return "numeric"
    if isinstance(value, UUID):
        return "uuid"
    return "timestamptz" if isinstance(value, datetime) and value.tzinfo is not None else "unknown"


class Text:
    """A message, cut before its last statement: what stays as it is, and what is prepared, with `$1` for the
    first of its arguments and so on."""

    def __init__(self, sql: str) -> None:
        head, cut, last = sql.rpartition(";")
        self.head = head + cut + " " if cut else ""
        self.arguments: list[str | None] = []  # names; None: the next of a sequence
        self.last = PLACES.sub(self._place, last)
        self.skipped = sum(each.group() != "%%" for each in PLACES.finditer(self.head))
        self.numbered = [number for number, name in enumerate(self.arguments) if name is None]

    def _place(self, found: re.Match[str]) -> str:
        if found.group() == "%%":
            return "%"
        name = found.group(1)
        if name is None or name not in self.arguments:
            self.arguments.append(name)
            return f"${len(self.arguments)}"
        return f"${self.arguments.index(name) + 1}"

    def kinds(self, params: Any) -> tuple[str, ...]:
        if isinstance(params, Mapping):
            return tuple(kind(params[name]) for name in self.arguments)
        return tuple(kind(value) for value in list(params or ())[self.skipped :])

    def execution(self, name: str) -> str:
        places = ", ".join("%s" if each is None else f"%({each})s" for each in self.arguments)
        return f"{self.head}EXECUTE {name}({places})" if places else f"{self.head}EXECUTE {name}"


Key = tuple[str, tuple[str, ...]]


class Plans:
    """What can be prepared, for all connections of a world. `_fits`: whether PostgreSQL takes it."""

    def __init__(self, monitor: psycopg.Connection[Any]) -> None:
        self.monitor = monitor
        self.texts: dict[str, Text] = {}
        self.names: dict[Key, str | None] = {}  # None: it is sent as it is

    def name(self, sql: str, params: Any) -> tuple[Text, tuple[str, ...], str | None]:
        text = self.texts.get(sql)
        if text is None:
            text = self.texts[sql] = Text(sql)
        kinds = text.kinds(params)
        key = (sql, kinds)
        if key not in self.names:
            name = f"s{len(self.names)}"
            self.names[key] = name if self._fits(text, kinds, name) else None
        return text, kinds, self.names[key]

    def _fits(self, text: Text, kinds: tuple[str, ...], name: str) -> bool:
        try:
            self.monitor.execute(preparation(text, kinds, name).encode())
        except psycopg.Error:
            return False
        self.monitor.execute(f"DEALLOCATE {name}".encode())
        return True


def preparation(text: Text, kinds: tuple[str, ...], name: str) -> str:
    types = f"({', '.join(kinds)})" if kinds else ""
    return f"PREPARE {name}{types} AS {text.last}"


class Prepared:
    """What one connection has prepared. A statement is, when the connection is asked it a second time."""

    def __init__(self, plans: Plans) -> None:
        self.plans = plans
        self.asked: set[str] = set()
        self.known: set[str] = set()
        self.trying: str | None = None
        self.unsure: set[str] = set()  # the message that prepared them failed, before or after that

    def message(self, sql: str, params: Any) -> tuple[str, str]:
        """What goes before the message, and the message."""
        self.trying = None
        if params is None:  # then nothing in it stands for an argument
            return "", sql
        text, kinds, name = self.plans.name(sql, params)
        if name is None or name in self.unsure:
            return "", sql
        if name in self.known:
            return "", text.execution(name)
        if name not in self.asked:
            self.asked.add(name)
            return "", sql
        self.trying = name
        self.unsure.add(name)
        return preparation(text, kinds, name).replace("%", "%%") + "; ", text.execution(name)

    def answered(self) -> None:
        """The last message was."""
        if self.trying is not None:
            self.known.add(self.trying)
            self.unsure.remove(self.trying)
        self.trying = None
