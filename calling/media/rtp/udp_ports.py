"""UDP sockets of the media plane: bound to the configured address, in the configured range only."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator

import clock
from calling.media.rtp.config import MediaConfig

RECEIVE_BYTES = 512 * 1024
# The kernel allows a socket net.core.rmem_max (208 KiB if nobody raised it), and a port that many legs share
# needs more: several sockets are bound to it, and the kernel gives each far address to one of them.
SHARDS = 8
TRIES = 400
DOOR_TRIES = 8


class NoPort(OSError):
    """Every port that was tried in the range is taken."""


def bind_all(config: MediaConfig) -> list[tuple[socket.socket, str]]:
    """A socket at each place of the config with the address it is known by; the first place must be there.

    Another one may have gone since the start: a network that was left.
    """
    found = [(bind(config), config.advertised)]
    for host, advertised in config.more:
        with contextlib.suppress(OSError):
            found.append((bind(config, host=host), advertised))
    return found


def bind(config: MediaConfig, *, even: bool = False, host: str | None = None) -> socket.socket:
    """A non-blocking UDP socket on a random free port of the range (RFC 6056, docs/security.md#r15)."""
    host = host or config.bind
    for port in _ports(config.ports):
        if even and port % 2:
            continue
        sock = _bound(host, port)
        if sock is not None:
            return sock
    raise NoPort("No free media port was found in the configured range.")


def bind_shared(config: MediaConfig, host: str, wish: int | None = None) -> list[socket.socket]:
    """One port at that address for many legs: the sockets that stand there together. wish: tried first.

    The first is bound alone, so that a port of another process is never joined; only then it lets others in.
    """
    first = _bound(host, wish) if wish is not None else None
    found = [first or _with_door(config, host)]
    found[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    port = found[0].getsockname()[1]
    for _ in range(SHARDS - 1):
        with contextlib.suppress(OSError):  # out of descriptors: fewer do
            found.append(_open(host, port, shared=True))
    return found


def _with_door(config: MediaConfig, host: str) -> socket.socket:
    """A port whose number is free in TCP too, where devices without UDP knock; any where no try finds one."""
    passed: list[socket.socket] = []
    try:
        for _ in range(DOOR_TRIES):
            try:
                passed.append(bind(config, host=host))
            except NoPort:
                if not passed:
                    raise
                break
            if _free_in_tcp(host, passed[-1].getsockname()[1]):
                break
        return passed.pop()
    finally:
        for sock in passed:
            sock.close()


def _free_in_tcp(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
            sock.listen(1)  # bound beside a listener by SO_REUSEADDR, it may not listen
        except OSError:
            return False
    return True


def _ports(bounds: tuple[int, int]) -> Iterator[int]:
    low, high = bounds
    for attempt in range(TRIES):
        port = clock.dice.randint(low, high)
        if attempt >= TRIES // 2:
            port = low + (port + attempt) % (high - low + 1)
        yield port


def _bound(host: str, port: int) -> socket.socket | None:
    """A socket there, None where the port is taken; an address that is not ours is an OSError."""
    try:
        return _open(host, port)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise
        return None


def _open(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except BaseException:
        sock.close()
        raise
    return sock
