"""Reading one variable of the environment: types, bounds and the one-line error. Pure: it takes a mapping.

Must not live here: the name of any variable (`config.env`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

_BROADCAST = ipaddress.ip_address("255.255.255.255")


class WrongVariable(Exception):
    """A variable whose value cannot be used; `str()` is the one line to print."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name


class Reader:
    """Takes values out of a mapping; an empty value counts as unset."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self.mapping = mapping

    def text(self, name: str) -> str | None:
        value = self.mapping.get(name, "").strip()
        if "\x00" in value or "\n" in value:
            raise WrongVariable(name, "must be one line of text")
        if not is_utf_8(value):
            raise WrongVariable(name, "must be UTF-8 text")
        return value or None

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise WrongVariable(name, f"must be a whole number from {low} to {high}, got {value[:40]!r}")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name)
        if value is None:
            return default
        if value.lower() in {"1", "true", "yes", "on"}:
            return True
        if value.lower() in {"0", "false", "no", "off"}:
            return False
        raise WrongVariable(name, f"must be 1 or 0, got {value[:40]!r}")

    def address(self, name: str, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            found = ipaddress.ip_address(value)
        except ValueError:
            raise WrongVariable(name, f"must be an IP address, got {value[:60]!r}") from None
        if found.is_multicast or found == _BROADCAST:
            raise WrongVariable(name, f"must be the address of one machine, got {value[:60]!r}")
        return str(found)

    def url(self, name: str, schemes: tuple[str, ...]) -> str | None:
        value = self.text(name)
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise WrongVariable(name, "is not a URL") from None
        if parts.scheme not in schemes:
            raise WrongVariable(name, f"must start with {' or '.join(s + '://' for s in schemes)}")
        if not (parts.hostname or "host=" in parts.query or parts.path.strip("/")):
            raise WrongVariable(name, "names no host and no socket")
        return value


def is_utf_8(text: str) -> bool:
    """Whether the bytes that the system gave were: others stand in it as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
