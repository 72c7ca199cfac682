"""Pings and pieces of a message are no messages; a socket that floods with them is closed 4429 all the same,
and one that pings now and then, or sends a message in pieces, is not."""

from __future__ import annotations

import json
import socket
import struct

import pytest

from config.web.socket_limits import LINGER_BYTES, MOST_PIECES, PINGS_AT_ONCE
from tests.sockets.phones import Phone

TEXT, CONTINUED, PING, PONG, CLOSE = 1, 0, 9, 10, 8


def frame(kind: int, data: bytes = b"", last: bool = True) -> bytes:
    size = struct.pack("!BB", (0x80 if last else 0) | kind, 0x80 | min(len(data), 126))
    return size + (struct.pack("!H", len(data)) if len(data) > 125 else b"") + b"\0\0\0\0" + data


class Raw:
    """A socket whose frames are made by hand."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=8)
        self.socket.sendall(
            b"GET /ws/phone HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self.came = self.socket.makefile("rb")
        while self.came.readline() != b"\r\n":
            pass

    def next(self) -> tuple[int, bytes]:
        kind, size = self.came.read(2)
        if size == 126:
            size = struct.unpack("!H", self.came.read(2))[0]
        return kind & 15, self.came.read(size)

    def sign_in(self, token: str) -> None:
        self.socket.sendall(frame(TEXT, json.dumps({"type": "auth", "token": token}).encode()))
        assert json.loads(self.next()[1])["type"] == "auth.ok"

    def closed_with(self) -> int:
        while True:
            kind, data = self.next()
            if kind == CLOSE:
                return int(struct.unpack("!H", data[:2])[0])
            assert kind == PONG


@pytest.fixture
def alice(port, cast):
    raw = Raw(port)
    raw.sign_in(cast.alice.token)
    yield raw
    raw.socket.close()


def test_a_flood_of_pings_is_closed_4429(alice, port, cast):
    bystander = Phone(port, cast.bob)
    for _ in range(10):
        alice.socket.sendall(frame(PING, b"x" * 125) * (PINGS_AT_ONCE // 5))
    assert alice.closed_with() == 4429
    bystander.send("ping", req_id="still")
    bystander.expect("pong", req_id="still")


def test_a_message_in_endless_pieces_is_closed_4429(alice):
    alice.socket.sendall(frame(TEXT, b"", last=False) + frame(CONTINUED, b"", last=False) * (MOST_PIECES + 1))
    assert alice.closed_with() == 4429


def test_a_message_that_is_too_large_is_told_so(alice):
    alice.socket.sendall(struct.pack("!BBQ", 0x80 | TEXT, 0x80 | 127, 300_000) + b"x" * 300_004)
    assert alice.closed_with() == 1009


def test_a_flood_that_goes_on_is_cut_off(alice):
    pings, sent = frame(PING, b"x" * 125) * 500, 0
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while sent < 100 * LINGER_BYTES:
            alice.socket.sendall(pings)
            sent += len(pings)


def test_text_that_is_no_utf_8_is_closed_1007(alice):
    alice.socket.sendall(frame(TEXT, b"{\xff}"))
    assert alice.closed_with() == 1007


def test_some_pings_and_a_message_in_pieces_are_answered(alice):
    for _ in range(PINGS_AT_ONCE // 2):
        alice.socket.sendall(frame(PING, b"hi"))
        assert alice.next() == (PONG, b"hi")
    text = b'{"type": "ping", "req_id": "p"}'
    for _ in range(3):  # counted anew for each message
        alice.socket.sendall(frame(TEXT, text[:1], last=False))
        for each in text[1:-1]:
            alice.socket.sendall(frame(CONTINUED, bytes([each]), last=False))
        alice.socket.sendall(frame(CONTINUED, b"", last=False) * (MOST_PIECES // 2))
        alice.socket.sendall(frame(CONTINUED, text[-1:]))
        assert json.loads(alice.next()[1]) == {"type": "pong", "req_id": "p"}
