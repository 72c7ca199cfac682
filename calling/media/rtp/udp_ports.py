"""UDP sockets of the media plane: bound to the configured address, in the configured range only."""

from __future__ import annotations

import contextlib
import errno
import socket

import clock
from calling.media.rtp.config import MediaConfig

RECEIVE_BYTES = 512 * 1024
TRIES = 400


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
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    low, high = config.ports
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        for attempt in range(TRIES):
            port = clock.dice.randint(low, high)
            if attempt >= TRIES // 2:
                port = low + (port + attempt) % (high - low + 1)
            if even and port % 2:
                continue
            try:
                sock.bind((host, port))
                return sock
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    raise
                continue
        raise NoPort("No free media port was found in the configured range.")
    except BaseException:
        sock.close()
        raise
