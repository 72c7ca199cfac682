"""Whether the ports of an instance are free, asked before anything starts."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """A port that will be listened on, and the variable that sets it."""

    variable: str
    address: str
    number: int
    kind: str  # "tcp" | "udp"


class PortTaken(Exception):
    """`str()` is the one line that names the port and the variable."""


def check(ports: Iterable[Port]) -> None:
    """Raises PortTaken for the first port that cannot be bound."""
    for port in ports:
        family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
        kind = socket.SOCK_STREAM if port.kind == "tcp" else socket.SOCK_DGRAM
        with socket.socket(family, kind) as probe:
            if port.kind == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((port.address, port.number))
                if port.kind == "tcp":
                    probe.listen(1)
            except OSError as error:
                raise PortTaken(f"{port.variable}: {_reason(port, error)}") from None


def _reason(port: Port, error: OSError) -> str:
    where = f"port {port.number} ({port.kind}) on {port.address}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken, choose another"
    if error.errno == errno.EACCES:
        return f"{where} needs more rights than this user has"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{port.address} is no address of this machine (CALLWRIGHT_BIND)"
    return f"{where}: {error.strerror}"
