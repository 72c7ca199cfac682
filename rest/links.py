"""Absolute URLs in answers: by the name that the client used where that is one of ours, else by the domain.

Whoever asks writes the Host header: a name of somebody else's would carry signed links to them. The scheme is
the socket's, or a trusted proxy's (`config.serve`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port

LARGEST_PORT = 65535
# What Django takes for no host name, but containers are called (RFC 3986 3.2.2).
UNUSUAL_NAME = re.compile(r"[A-Za-z0-9._~-]{1,255}(:[0-9]{1,5})?")
_base: ContextVar[str | None] = ContextVar("callwright_link_base", default=None)


def absolute(path: str) -> str:
    """The absolute URL of one of our paths, by the current request's host, else by the domain."""
    return (_base.get() or f"https://{settings.CALLWRIGHT_DOMAIN}") + path


def base_of(request: HttpRequest) -> str | None:
    """Scheme, host and port of a request; None if the host is not one of ours."""
    host = request.META.get("HTTP_HOST")
    if host is None:  # HTTP/1.0: what the socket itself is called
        return f"{request.scheme}://{request.get_host()}"
    return base(str(request.scheme), host, str(request.META.get("SERVER_NAME", "")))


def base(scheme: str, host: str, socket_address: str) -> str | None:
    """The same from a Host header; None if its name is not one of ours or its port is invalid."""
    name, port = split_domain_port(host)
    if not name or not is_ours(name.strip("[]"), socket_address):
        return None
    if port and not (len(port) <= 5 and 1 <= int(port) <= LARGEST_PORT):
        return None
    return f"{scheme}://{host.lower()}"


@contextmanager
def by(found: str | None) -> Iterator[None]:
    """Links made inside the block begin with that base (None: the domain)."""
    before = _base.set(found)
    try:
        yield
    finally:
        _base.reset(before)


def is_ours(name: str, socket_address: str) -> bool:
    """The domain, `fabric.` before it, loopback's names, the bind address and the one the socket has."""
    domain, _ = split_domain_port(settings.CALLWRIGHT_DOMAIN)
    domain = domain.strip("[]")
    if name in (domain, f"fabric.{domain}") or name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or name in (settings.CALLWRIGHT_BIND, socket_address)


class Links:
    """Middleware: stores the base of the request for `absolute`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with by(base_of(request)):
            host = request.META.get("HTTP_HOST", "")
            if UNUSUAL_NAME.fullmatch(host) and ("_" in host or "~" in host):
                request.META["HTTP_HOST"] = settings.CALLWRIGHT_DOMAIN  # a name of nobody's, as any other
            return self.get_response(request)
