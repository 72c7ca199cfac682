"""Which project lives in which cell: the map file, read and checked. Pure.

A cell is a whole instance. The file is TOML: names of cells, where each listens, and its projects. It holds
no secret. Must not live here: what a proxy does with it (`haproxy`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
SERVER = re.compile(r"(?P<host>[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
BIND = re.compile(r"(\*|[0-9.]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
MOVING = "moving"  # the name of no cell: its projects are between two
PATH = re.compile(r"/[A-Za-z0-9._/-]+")


class WrongMap(Exception):
    """A map that cannot be used; `str()` is the one line to print."""


@dataclass(frozen=True)
class Cell:
    """`domain`: its CALLWRIGHT_DOMAIN, without a port. `web`, `sip`: host:port of each process."""

    name: str
    domain: str
    web: tuple[str, ...]
    sip: tuple[str, ...]
    projects: tuple[UUID, ...]

    @property
    def names(self) -> tuple[str, str]:
        """What leads to it: SignalWire's SDK takes the second from a token."""
        return self.domain, f"fabric.{self.domain}"


@dataclass(frozen=True)
class CellMap:
    """`domain`: the name that all cells share; `<project id>.<domain>` is a project's own.

    Where the proxy listens: `http` and `sip` plain, `https` with the certificates of a file or directory.
    `moving`: projects that no cell serves now, and that are to come again.
    """

    domain: str
    http: str | None
    https: str | None
    certificates: str | None
    sip: str | None
    cells: tuple[Cell, ...]
    moving: tuple[UUID, ...] = ()


def read(text: str) -> CellMap:
    """The map of a file's text. Raises WrongMap for the first thing that is wrong."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WrongMap(f"not TOML: {error}") from None
    known(found, {"domain", "http", "https", "certificates", "sip", "cells", "moving"}, "the file")
    made = CellMap(
        domain=host(found, "domain", "the file"),
        http=one(found, "http", BIND),
        https=one(found, "https", BIND),
        certificates=one(found, "certificates", PATH),
        sip=one(found, "sip", BIND),
        cells=tuple(cell(name, value) for name, value in table(found).items()),
        moving=projects(found, "moving", "the file"),
    )
    if made.http is None and made.https is None:
        raise WrongMap("http or https says where the proxy listens")
    if (made.https is None) != (made.certificates is None):
        raise WrongMap("https and certificates belong together")
    alone(made)
    return made


def cell(name: str, value: object) -> Cell:
    where = f"cell {name}"
    if not NAME.fullmatch(name) or name == MOVING:
        raise WrongMap(
            f"{where}: a name is a letter, then letters, digits and dashes, 32 at most, not {MOVING!r}"
        )
    if not isinstance(value, dict):
        raise WrongMap(f"{where}: is a table, [cells.{name}]")
    known(value, {"domain", "web", "sip", "projects"}, where)
    web = servers(value, "web", where)
    if not web:
        raise WrongMap(f"{where}: web lists its web processes, like 10.0.0.1:8000")
    return Cell(
        name,
        host(value, "domain", where),
        web,
        servers(value, "sip", where),
        projects(value, "projects", where),
    )


def alone(found: CellMap) -> None:
    """Nothing is in two cells, and no cell has the name of all."""
    if not found.cells:
        raise WrongMap("the file names no cell")
    domains = [found.domain, *(name for each in found.cells for name in each.names)]
    for domain in domains:
        if domains.count(domain) > 1:
            raise WrongMap(f"domain {domain} is there twice")
    servers = [each for cell in found.cells for each in (*cell.web, *cell.sip)]
    for server in servers:
        if servers.count(server) > 1:
            raise WrongMap(f"server {server} is there twice")
    owner = dict.fromkeys(found.moving, MOVING)
    for each in found.cells:
        for project in each.projects:
            if project in owner:
                raise WrongMap(f"project {project} is in {owner[project]} and in {each.name}")
            owner[project] = each.name


def known(value: Mapping[str, object], names: set[str], where: str) -> None:
    for name in value:
        if name not in names:
            raise WrongMap(f"{where}: unknown name {name}")


def table(found: Mapping[str, object]) -> dict[str, object]:
    cells = found.get("cells", {})
    if not isinstance(cells, dict):
        raise WrongMap("cells are tables, [cells.NAME]")
    return cells


def one(found: Mapping[str, object], name: str, form: re.Pattern[str]) -> str | None:
    value = found.get(name)
    if value is None:
        return None
    match = form.fullmatch(value) if isinstance(value, str) else None
    if match is None or ("port" in match.groupdict() and not 0 < int(match["port"]) <= 65535):
        raise WrongMap(f"{name}: {value!r} is none")
    return str(value)


def host(found: Mapping[str, object], name: str, where: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or len(value) > 200 or not HOST.fullmatch(value):
        raise WrongMap(f"{where}: {name} is a host name in small letters")
    return value


def servers(found: Mapping[str, object], name: str, where: str) -> tuple[str, ...]:
    value = found.get(name, [])
    for each in value if isinstance(value, list) else [value]:
        match = SERVER.fullmatch(each) if isinstance(each, str) else None
        if match is None or not 0 < int(match["port"]) <= 65535:
            raise WrongMap(f"{where}: {name} is a list of host:port, got {each!r}")
    return tuple(value) if isinstance(value, list) else ()


def projects(found: Mapping[str, object], name: str, where: str) -> tuple[UUID, ...]:
    value = found.get(name, [])
    try:
        return tuple(UUID(str(each)) for each in value) if isinstance(value, list) else (UUID(str(value)),)
    except ValueError:
        raise WrongMap(f"{where}: {name} is a list of project ids") from None
