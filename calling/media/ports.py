"""UDP sockets of the media plane: bound to the configured address, in the configured range only."""

from __future__ import annotations

import contextlib
import random
import socket

from calling.media.config import MediaConfig

RECEIVE_BYTES = 512 * 1024
TRIES = 400


class NoPort(OSError):
    """Every port that was tried in the range is taken."""


def bind(config: MediaConfig, *, even: bool = False) -> socket.socket:
    """A non-blocking UDP socket on a random free port of the range (random: RFC 6056, R15)."""
    family = socket.AF_INET6 if ":" in config.bind else socket.AF_INET
    low, high = config.ports
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        for attempt in range(TRIES):
            port = random.randint(low, high)  # noqa: S311
            if attempt >= TRIES // 2:
                port = low + (port + attempt) % (high - low + 1)
            if even and port % 2:
                continue
            try:
                sock.bind((config.bind, port))
                return sock
            except OSError:
                continue
        raise NoPort("No free media port was found in the configured range.")
    except BaseException:
        sock.close()
        raise
