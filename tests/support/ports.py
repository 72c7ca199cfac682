"""Ports that are free now; who takes one binds it at once."""

from __future__ import annotations

import socket

from bench.instance import free_port

__all__ = ["free_pair", "free_port", "free_udp_and_tcp_port"]


def free_udp_and_tcp_port(host: str = "127.0.0.1") -> int:
    """A port of `host` that is free for UDP and for TCP."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket() as two:
            one.bind((host, 0))
            try:
                two.bind((host, one.getsockname()[1]))
            except OSError:
                continue
            return int(one.getsockname()[1])


def free_pair() -> int:
    """A port that is free for UDP and TCP, and so is the next."""
    while True:
        with socket.socket() as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            with socket.socket() as three:
                try:
                    two.bind(("127.0.0.1", port))
                    three.bind(("127.0.0.1", port + 1))
                except (OSError, OverflowError):
                    continue
                return port
