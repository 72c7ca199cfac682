"""Statements that PostgreSQL parses and plans once for a connection, several of them in one message.

Planning one that reads or writes a dozen tables takes longer than running it. psycopg prepares through the
extended protocol, which takes a trip for each statement; a turn sends several in one message, with BEGIN and
COMMIT. So the first message that needs a statement prepares it by name (PREPARE), and those after it say the
name (EXECUTE). What is prepared lies in a session of the server: behind a pooler (PgBouncer) the next
message may meet another, and everything is sent in full.

Must not live here: what the statements are.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from django.db import NotSupportedError, OperationalError, ProgrammingError, connection
from django.db.backends.utils import CursorWrapper
from psycopg import abc, adapt

import clock

Params = Sequence[Any] | Mapping[str, Any]
Statement = tuple[str, Params]
"""Its text with `%s` or `%(name)s`, and what stands there. In one message all are of the same kind."""

MOST = 64
"""Statements that a session keeps; a large one takes some hundred kilobytes of the server's memory."""
ONCE = "SET plan_cache_mode = force_generic_plan"
"""Or else PostgreSQL plans a statement anew five times, and further on if it takes that to be cheaper."""
PLACE = re.compile(r"%(?:\((\w+)\))?s|%%")
CAST = re.compile(rb'[\w "\[\]]+')


class Planned(int):
    """A number that belongs to what is prepared, as the lowest of events (`calling.calls.event_days`): a plan
    for any number has all days that are kept, in its locks too, and a megabyte and more for ten of them."""


@dataclass
class Session:
    """What one session of the server has prepared: name by text and casts, what was used last at the end."""

    names: OrderedDict[tuple[str, tuple[str, ...]], str] = field(default_factory=OrderedDict)
    count: int = 0
    # Behind a pooler that hides itself a name is then unknown, and never another statement of somebody else.
    mark: str = field(default_factory=lambda: f"{clock.dice.getrandbits(64):016x}")


def learn(plain: psycopg.Connection[Any]) -> None:
    """Note on a new connection whether its session is its own: a pooler names another process."""
    if hasattr(plain, "session"):
        return
    plain.autocommit = True  # as it stays; psycopg would begin a transaction
    found = plain.execute("SELECT pg_backend_pid()").fetchone()
    own = found is not None and found[0] == plain.info.backend_pid
    if own:
        plain.execute(ONCE)
    plain.session = Session() if own else None  # type: ignore[attr-defined]


def session() -> Session | None:
    """The session of Django's connection. None: behind a pooler, and where somebody watches what Django
    says."""
    connection.ensure_connection()
    if connection.execute_wrappers or connection.queries_logged:
        return None
    found: Session | None = getattr(connection.connection, "session", None)
    return found


def send(cursor: CursorWrapper, *statements: Statement, then: Sequence[str] = ()) -> None:
    """Send statements in one message, and after them some without parameters. The cursor stands at the
    result of the first; `nextset` goes on to the next.

    Raises OperationalError where what was prepared can be said no longer: the next try is said anew.
    """
    kept = session()
    if kept is None:
        cursor.execute("; ".join([*(sql for sql, _ in statements), *then]), together(statements))
        return
    # It forgot them below, or its first message failed: whatever the server has is of no use.
    first = ["DEALLOCATE ALL"] if kept.count and not kept.names else []
    said: list[str] = []
    used: dict[tuple[str, tuple[str, ...]], str] = {}
    transformer: abc.Transformer = adapt.Transformer(connection.connection)
    for sql, params in statements:
        keys, literals = literals_of(transformer, sql, params)
        shape = (sql, tuple(cast for _, cast in literals))
        name = kept.names.get(shape) or used.get(shape)
        if name is None:
            kept.count += 1
            name = f"kept_{kept.mark}_{kept.count}"  # never one that a failed message may have left
            first.append(f"PREPARE {name} AS {numbered(sql, keys, shape[1])}")
        used[shape] = name
        texts = ", ".join(text for text, _ in literals if text)
        said.append(f"EXECUTE {name}({texts})" if texts else f"EXECUTE {name}")
    gone = list(kept.names)[: max(0, len(kept.names) + len(first) - MOST)] if first else []
    gone = [shape for shape in gone if shape not in used]
    first += [f"DEALLOCATE {kept.names.pop(shape)}" for shape in gone]
    try:
        cursor.execute("; ".join([*first, *said, *then]))
    except (ProgrammingError, NotSupportedError) as error:
        if isinstance(error.__cause__, psycopg.errors.InvalidSqlStatementName):  # not its own after all
            connection.connection.session = None
        elif isinstance(error.__cause__, psycopg.errors.FeatureNotSupported):  # a column has another type now
            kept.names.clear()
        else:
            raise
        raise OperationalError(*error.args) from error.__cause__
    for _ in first:
        cursor.nextset()
    for shape, name in used.items():
        kept.names[shape] = name
        kept.names.move_to_end(shape)


def rows(sql: str, params: Params) -> list[tuple[Any, ...]]:
    """What one statement returns."""
    with connection.cursor() as cursor:
        send(cursor, (sql, params))
        return list(cursor.fetchall())


def together(statements: Sequence[Statement]) -> Params:
    """The parameters of all."""
    if any(isinstance(params, Mapping) for _, params in statements):
        return {name: value for _, params in statements for name, value in dict(params).items()}
    return [value for _, params in statements for value in params]


@lru_cache(maxsize=512)
def keys_of(sql: str) -> tuple[str | int, ...]:
    """What its places ask for, each once: names, or the numbers of those that have none."""
    names = [match[1] for match in PLACE.finditer(sql) if match[0] != "%%"]
    return tuple(dict.fromkeys(number if name is None else name for number, name in enumerate(names)))


def literals_of(
    transformer: abc.Transformer, sql: str, params: Params
) -> tuple[tuple[str | int, ...], list[tuple[str, str]]]:
    """The keys of a statement's parameters, and each as (literal, cast), as psycopg would write them. The
    literal is empty where the number itself stands for the cast."""
    keys, found = keys_of(sql), []
    for key in keys:
        value = params[key]  # type: ignore[index]
        planned = isinstance(value, Planned)
        found.append(("", f"({value:d})") if planned else parted(transformer.as_literal(value)))
    return keys, found


def parted(literal: bytes) -> tuple[str, str]:
    """A literal without the cast at its end, and that cast: it belongs to what is prepared."""
    head, quote, cast = literal.rpartition(b"'::")
    if quote and CAST.fullmatch(cast):
        return f"{head.decode()}'", f"::{cast.decode()}"
    return literal.decode(), ""


@lru_cache(maxsize=512)
def numbered(sql: str, keys: tuple[str | int, ...], casts: tuple[str, ...]) -> str:
    """A statement with `$1` and its like in its places."""
    number = count(1)
    places = {
        key: cast if cast.startswith("(") else f"${next(number)}{cast}"
        for key, cast in zip(keys, casts, strict=True)
    }
    unnamed = iter(range(len(keys)))

    def place(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        return places[match[1] if match[1] is not None else next(unnamed)]

    return PLACE.sub(place, sql)
