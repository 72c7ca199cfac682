"""A capture file as tshark reads it: SIP with its times, addresses and ports, and what carried a message."""

from __future__ import annotations

import subprocess

import pytest

from calling.sip.stack.capture_file import Captured, pcapng
from tests.sip.conftest import SDP

FIELDS = (
    "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport",
    "sip.Method", "sip.Status-Code", "sip.Call-ID", "sdp.media.port", "frame.comment", "frame.cap_len",
    "frame.len",
)  # fmt: skip
AT = 1_800_000_000_123_456


def message(first: str, body: str = "") -> bytes:
    return (
        f"{first}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"
        f"Call-ID: ünique\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def read(path, *options: str) -> list[dict[str, str]]:
    words = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), *options, "-T", "fields", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in done.stdout.splitlines()]


@pytest.mark.needs("tshark")
def test_tshark_reads_each_message_as_sip(tmp_path):
    invite, ok = message("INVITE sip:c@d SIP/2.0", SDP), message("SIP/2.0 200 OK", SDP)
    long = message("INVITE sip:c@d SIP/2.0", SDP + "a=x\r\n" * 5000)
    path = tmp_path / "call.pcapng"
    four, also = ("192.0.2.1", 34567), ("198.51.100.2", 5061)
    six, other = ("2001:db8::1", 40001), ("2001:db8::2", 443)
    rows = [
        Captured(AT, four, also, invite, len(invite), "TLS, caller"),
        Captured(AT + 250, also, four, ok, len(ok), "TLS, caller"),
        Captured(AT + 1_000_000, six, other, invite, len(invite), "WSS, callee"),
        Captured(AT + 1_000_001, six, four, long[:16_384], len(long), "UDP, callee"),
    ]
    path.write_bytes(b"".join(pcapng(rows, "Callwright")))
    checks = "ip.check_checksum:TRUE", "udp.check_checksum:TRUE"
    one, two, three, cut = read(path, *(word for check in checks for word in ("-o", check)))
    assert (one["ip.src"], one["udp.srcport"], one["ip.dst"], one["udp.dstport"]) == (
        "192.0.2.1", "34567", "198.51.100.2", "5061",
    )  # fmt: skip
    assert one["frame.time_epoch"].startswith("1800000000.123456")
    assert (one["sip.Method"], one["sip.Call-ID"], one["sdp.media.port"]) == ("INVITE", "ünique", "39000")
    assert (two["ip.src"], two["sip.Status-Code"], two["frame.comment"]) == (
        "198.51.100.2",
        "200",
        "TLS, caller",
    )
    assert (three["ipv6.src"], three["ipv6.dst"], three["sip.Method"]) == (
        "2001:db8::1",
        "2001:db8::2",
        "INVITE",
    )
    assert cut["ipv6.dst"] == "::ffff:192.0.2.1" and cut["sip.Method"] == "INVITE"
    assert int(cut["frame.len"]) - int(cut["frame.cap_len"]) == len(long) - 16_384
    wrong = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0"
    assert read(path, "-Y", wrong, *(word for check in checks for word in ("-o", check))) == []


def test_a_file_without_messages_is_whole():
    assert b"".join(pcapng([], "Callwright"))[:4] == b"\x0a\x0d\x0d\x0a"
