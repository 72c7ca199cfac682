"""What the media tests ask of the sockets of a leg, its own or shared."""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import replace

import pytest

from calling.media.webrtc.ice_path import IcePath
from calling.media.webrtc.webrtc_transport import WebRtcTransport
from tests.media.phones import CONFIG

__all__ = ["EITHER", "deafen", "dropped", "sockets"]
# `config`: legs that share a port, and legs with a port each.
EITHER = pytest.mark.parametrize(
    "config", [replace(CONFIG, mux=True), replace(CONFIG, mux=False)], ids=["shared port", "port per leg"]
)


def sockets(path: IcePath) -> list[socket.socket]:
    """Every socket at which datagrams come in for a path."""
    if path.seat is None:
        return list(path.socks)
    return [sock for place in path.seat.shared.places for sock in place.socks]


def dropped(*transports: WebRtcTransport) -> int:
    """Datagrams that were nobody's, or no business of the leg that they reached."""
    own = sum(each.path.dropped for each in transports)
    shared = {each.path.seat.shared for each in transports if each.path.seat is not None}
    return own + sum(each.sorter.strangers for each in shared)


def deafen(path: IcePath, *, except_at: str) -> None:
    """Nothing gets through to any socket but those at that address: the kernel drops it."""
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    program = struct.pack("@HP", 1, ctypes.addressof(nothing))
    for sock in sockets(path):
        if sock.getsockname()[0] != except_at:
            sock.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
