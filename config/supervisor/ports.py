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
    use: str = ""  # what it is for, where the variable does not say it


class PortTaken(Exception):
    """`str()` is one line that names every port that cannot be used, each with its variable."""


def check(ports: Iterable[Port]) -> None:
    """Raises PortTaken if any port cannot be bound, for all of them together."""
    faults: dict[tuple[str, int], str] = {}  # a port that is taken over UDP and TCP is named once
    ours: dict[tuple[int, str], Port] = {}
    for port in ports:
        first = ours.setdefault((port.number, port.kind), port)
        if first is not port and port.number:
            why = f"{_named(port)} is that of {first.variable}, choose another"
            faults.setdefault((port.variable, port.number), f"{port.variable}: {why}")
            continue
        error = _refusal(port)
        if error is not None:
            faults.setdefault((port.variable, port.number), f"{port.variable}: {_reason(port, error)}")
    if faults:
        raise PortTaken("; ".join(faults.values()))


def _refusal(port: Port) -> OSError | None:
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
            return error
    return None


def _named(port: Port) -> str:
    use = f" for {port.use}" if port.use else ""
    return f"port {port.number} ({port.kind}){use}"


def _reason(port: Port, error: OSError) -> str:
    where = f"{_named(port)} on {port.address}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is taken, choose another"
    if error.errno == errno.EACCES:
        return f"{where} needs more rights than this user has"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{port.address} is no address of this machine (CALLWRIGHT_BIND)"
    return f"{where}: {error.strerror}"
