"""Each finding of `manage.py doctor`: when it is well, when it is not, and that it then says what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from config.doctor import findings, probes
from config.doctor.findings import Finding

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HERE = frozenset({"127.0.0.1", "192.168.1.5", "198.51.100.7"})
NAMES = ("*.example.com", "example.com")

CASES: list[tuple[str, Callable[[], Finding]]] = [
    ("note", lambda: findings.media_address("127.0.0.1", "127.0.0.1", HERE)),
    ("bad", lambda: findings.media_address("0.0.0.0", "0.0.0.0", HERE)),
    ("note", lambda: findings.media_address("0.0.0.0", "192.168.1.5", HERE)),
    ("note", lambda: findings.media_address("0.0.0.0", "8.8.8.8", HERE)),
    ("good", lambda: findings.media_address("0.0.0.0", "9.9.9.9", HERE | {"9.9.9.9"})),
    ("good", lambda: findings.media_ports(40000, 49999, None)),
    ("note", lambda: findings.media_ports(40000, 40099, None)),
    ("good", lambda: findings.media_ports(40000, 40009, None, sharing=5)),
    ("note", lambda: findings.media_ports(40000, 40009, None, sharing=6)),
    ("bad", lambda: findings.media_ports(40000, 40009, "40000: Permission denied", sharing=2)),
    ("bad", lambda: findings.media_ports(40000, 49999, "40000: Permission denied")),
    ("good", lambda: findings.forwarding("auto", True, None)),
    ("good", lambda: findings.forwarding("python", True, "it was not built")),
    ("good", lambda: findings.forwarding("c", False, "it was not built")),
    ("note", lambda: findings.forwarding("auto", True, "it was not built")),
    ("bad", lambda: findings.forwarding("c", True, "it was not built")),
    ("good", lambda: findings.answers("web", "here", 3.0, "start it.")),
    ("bad", lambda: findings.answers("web", "here", None, "start it.")),
    ("good", lambda: findings.name("a.example", ("192.0.2.1",), "browsers")),
    ("bad", lambda: findings.name("a.example", (), "browsers")),
    ("good", lambda: findings.certificate("fabric.example.com", NAMES, NOW + timedelta(90), NOW, False)),
    ("note", lambda: findings.certificate("fabric.example.com", NAMES, NOW + timedelta(90), NOW, True)),
    ("note", lambda: findings.certificate("fabric.example.com", NAMES, NOW + timedelta(3), NOW, False)),
    ("bad", lambda: findings.certificate("fabric.example.com", NAMES, NOW - timedelta(1), NOW, False)),
    ("bad", lambda: findings.certificate("a.fabric.example.com", NAMES, NOW + timedelta(90), NOW, False)),
    ("good", lambda: findings.clock(-0.004)),
    ("bad", lambda: findings.clock(-61.0)),
    ("good", lambda: findings.workers(2, 0, 10, 400, 3.0)),
    ("note", lambda: findings.workers(2, 0, 390, 400, 3.0)),
    ("note", lambda: findings.workers(2, 0, 10, 400, 80.0)),
    ("bad", lambda: findings.workers(0, 1, 10, 400, 3.0)),
    ("good", lambda: findings.log_lag(3, 0.2)),
    ("bad", lambda: findings.log_lag(3, 60.0)),
    ("good", lambda: findings.retention(30, 0, None)),
    ("good", lambda: findings.retention(30, 365, 0.9)),
    ("note", lambda: findings.retention(30, 7, 0.9)),
    ("bad", lambda: findings.retention(30, 0, 3.0)),
    ("good", lambda: findings.deliveries(0, 0, 0, 0)),
    ("note", lambda: findings.deliveries(0, 0, 4, 1)),
    ("note", lambda: findings.deliveries(0, 1, 0, 0)),
    ("bad", lambda: findings.deliveries(9, 1, 0, 0)),
    ("note", lambda: findings.relay(())),
    ("note", lambda: findings.relay(("stun:a.example",))),
    ("good", lambda: findings.relay(("stun:a.example", "turn:a.example"))),
    ("good", lambda: findings.allocation("a:3478", "192.0.2.9", "")),
    ("bad", lambda: findings.allocation("a:3478", None, "401")),
    ("good", lambda: findings.sip("sip:192.0.2.1:5060", 2.0, False)),
    ("note", lambda: findings.sip("sip:127.0.0.1:5060", 2.0, True)),
    ("bad", lambda: findings.sip("sip:192.0.2.1:5060", None, False)),
    ("good", lambda: findings.version("PostgreSQL", "16.4 (Debian)", (14,), "17")),
    ("bad", lambda: findings.version("PostgreSQL", "11.2", (14,), "17")),
    ("note", lambda: findings.version("PostgreSQL", "unstable", (14,), "17")),
    ("good", lambda: findings.migrations(())),
    ("bad", lambda: findings.migrations(("calling.0009_x",))),
    ("good", lambda: findings.owner_login("callwright", False)),
    ("bad", lambda: findings.owner_login("callwright", True)),
    ("good", lambda: findings.shown_statements(())),
    ("note", lambda: findings.shown_statements(("log_statement",))),
    ("good", lambda: findings.connections(20, 200)),
    ("note", lambda: findings.connections(190, 200)),
    ("good", lambda: findings.decoder(None)),
    ("note", lambda: findings.decoder("the kernel takes no filter")),
    ("good", lambda: findings.files(20000)),
    ("note", lambda: findings.files(1024)),
    ("good", lambda: findings.disk("/data", 50 << 30)),
    ("bad", lambda: findings.disk("/data", 50 << 20)),
]


@pytest.mark.parametrize(("level", "judge"), CASES)
def test_a_fact_is_judged_and_whatever_is_not_well_says_what_to_do(
    level: str, judge: Callable[[], Finding]
) -> None:
    finding = judge()
    assert finding.level == level and finding.fact
    if level == "bad":
        assert finding.advice.endswith(".")


def test_what_does_not_listen_is_none_and_never_an_exception() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        assert probes.stun_binding("127.0.0.1", port) is None
        assert probes.sip_options("127.0.0.1", port) is None
    assert probes.http("127.0.0.1", 1, "/healthz") is None
    assert probes.tls("127.0.0.1", 1, "localhost") is None
    assert probes.turn_allocation("127.0.0.1", 1, "who", "secret")[0] is None
    assert probes.resolve("nowhere.invalid") == ()


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    assert probes.can_bind("127.0.0.1", 40000, 40100) is None
    assert "40000" in (probes.can_bind("192.0.2.77", 40000, 40000) or "")
