"""RTCP of a phone that names its port (RFC 3605): behind a NAT it is seldom the one above that of RTP."""

from __future__ import annotations

import socket
import struct

import pytest

from calling.media.sources import tones
from calling.media.webrtc.plain_rtp import PlainRtpPeer
from tests.media.phones import CONFIG
from tests.support.wait import until

REPORT = struct.pack("!BBHI", 128, 201, 1, 7)  # of a receiver
REPORT += struct.pack("!BBHIBB2x", 129, 202, 2, 7, 1, 0)  # and who it is


def own_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    made.bind(("127.0.0.1", 0))
    return made


def came(one: socket.socket) -> bytes:
    try:
        return one.recv(2000)
    except BlockingIOError:
        return b""


def offer(media: socket.socket, more: str) -> str:
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {media.getsockname()[1]} RTP/AVP 0\r\n{more}"
    )


@pytest.mark.parametrize("tail", ["", " IN IP4 127.0.0.1"])
async def test_reports_go_to_the_named_port_and_are_taken_from_it(tail: str) -> None:
    media, reports, far = own_socket(), own_socket(), PlainRtpPeer(CONFIG)
    try:
        named = f"a=rtcp:{reports.getsockname()[1]}{tail}\r\n"
        await far.answer(offer(media, named))
        far.port.set_audio_source(tones.tone())
        await until(lambda: came(reports)[1:2] == b"\xc8", 12, "a sender report")
        wire = far._wires[0]
        assert wire.control_sock is not None
        reports.sendto(REPORT, wire.control_sock.getsockname())
        await until(lambda: bool(far.port._control_at), 5, "their report")
        assert wire.dropped == 0
        await far.renegotiate(offer(media, ""))
        assert wire.remote_control == ("127.0.0.1", media.getsockname()[1] + 1)
    finally:
        await far.close()
        media.close()
        reports.close()


@pytest.mark.parametrize("line", ["a=rtcp:9 IN IP4 192.0.2.9", "a=rtcp:0", "a=rtcp:70000", "a=rtcp:x"])
async def test_a_port_elsewhere_and_no_port_are_passed_over(line: str) -> None:
    media, far = own_socket(), PlainRtpPeer(CONFIG)
    try:
        await far.answer(offer(media, line + "\r\n"))
        assert far._wires[0].remote_control == ("127.0.0.1", media.getsockname()[1] + 1)
        await far.renegotiate(offer(media, "a=rtcp:9\r\na=rtcp-mux\r\n"))
        assert far._wires[0].remote_control == media.getsockname()
    finally:
        await far.close()
        media.close()
