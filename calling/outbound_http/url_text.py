"""Which outbound URLs Callwright may touch, as far as their text tells. Pure.

Where a host leads is judged by `url_guard`, at each connection.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

REFUSAL: Final = "this URL is not allowed or its host cannot be reached"
"""One text for every refusal that depends on where a name points: nobody can map a network with it."""

MAX_URL: Final = 2048
PUBLIC_PORTS: Final = frozenset({443, 4443, 8443, 9443})

SECURE: Final = {"https": 443, "wss": 443}
PLAIN: Final = {"http": 80, "ws": 80}


class UnsafeUrl(ValueError):
    """A URL Callwright will not touch. The text is fit for the person who gave the URL."""

    def __init__(self, message: str = REFUSAL) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose text is acceptable. `host` is lower-case ASCII without brackets; `origin` has no path."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


_URL = re.compile(
    r"(?P<scheme>[A-Za-z]{2,5})://"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[^\s\[\]/?#@:\\%<>\"'`{|}^]{1,253})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>[/?][^#]*)?(?:#.*)?",
    re.DOTALL,
)
_BAD = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff\\]")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")


def parse_url(
    url: object, *, allow_private: bool = False, schemes: tuple[str, ...] = ("https", "http")
) -> Target:
    """Judge the text of a URL; the path is left as given, percent-encoded where it was not ASCII.

    `schemes` is the pair (secure, plain); the plain one counts only with `allow_private`.
    Raises UnsafeUrl with a text that says what is wrong: it depends on the text alone.
    """
    if not isinstance(url, str) or len(url) > MAX_URL:
        raise UnsafeUrl(f"a URL is text of at most {MAX_URL} characters")
    if _BAD.search(url):
        raise UnsafeUrl("a URL has no spaces, control characters or backslashes")
    match = _URL.fullmatch(url)
    if match is None:
        if "@" in url.partition("://")[2].partition("/")[0]:
            raise UnsafeUrl("a URL with a user name or password in it is not accepted")
        raise UnsafeUrl("this is not an absolute URL")
    scheme = match["scheme"].lower()
    usable = schemes if allow_private else tuple(name for name in schemes if name in SECURE)
    if scheme not in usable:
        raise UnsafeUrl(f"the URL must begin with {' or '.join(name + '://' for name in usable)}")
    host = _host(match["host"])
    port = int(match["port"]) if match["port"] else {**SECURE, **PLAIN}[scheme]
    if not 1 <= port <= 65535 or (not allow_private and port not in PUBLIC_PORTS):
        raise UnsafeUrl(f"the URL's port must be one of {', '.join(map(str, sorted(PUBLIC_PORTS)))}"
                        if not allow_private else "the URL's port is out of range")  # fmt: skip
    path = match["path"] or "/"
    path = path if path.startswith("/") else "/" + path
    path = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)
    shown = f"[{host}]" if ":" in host else host
    return Target(f"{scheme}://{shown}:{port}{path}", scheme, host, port, path)


def _host(text: str) -> str:
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1]))
        except ValueError:
            raise UnsafeUrl("the address in brackets is not an IPv6 address") from None
    if text.isascii():
        host = text.lower()
    else:
        try:  # the same folding (nameprep) getaddrinfo would apply, so that what is judged is what is meant
            host = text.encode("idna").decode("ascii").lower()
        except UnicodeError:
            raise UnsafeUrl("the host name is not valid") from None
    if not _LABELS.fullmatch(host):
        raise UnsafeUrl("the host name is not valid")
    if host.endswith(".") and _NUMBER.fullmatch(host[:-1].rpartition(".")[2]):
        raise UnsafeUrl("the host name is not valid")  # no name ends in a number
    return host
