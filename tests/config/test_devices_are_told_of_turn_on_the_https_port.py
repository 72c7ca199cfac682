"""Which instances name TURN over TLS to devices: those whose https port the devices reach by its name."""

from __future__ import annotations

import pytest

from config import env as environment
from config import ice

TOLD = [
    ({"CALLWRIGHT_DOMAIN": "calls.example.com", "CALLWRIGHT_HTTPS_PORT": "443"}, "calls.example.com:443"),
    ({"CALLWRIGHT_DOMAIN": "calls.example.com:8443"}, "calls.example.com:8443"),
    ({"CALLWRIGHT_BIND": "192.0.2.7"}, "192.0.2.7:8443"),
    ({"CALLWRIGHT_BIND": "192.0.2.7", "CALLWRIGHT_DOMAIN": "192.0.2.7:8443"}, "192.0.2.7:8443"),
]
NOT_TOLD = {
    "on loopback": {},
    "at every address without a name": {"CALLWRIGHT_BIND": "0.0.0.0"},
    "behind a proxy": {"CALLWRIGHT_DOMAIN": "calls.example.com", "CALLWRIGHT_BIND": "0.0.0.0"},
    "behind another port": {"CALLWRIGHT_DOMAIN": "calls.example.com:9443"},
    "without https": {"CALLWRIGHT_DOMAIN": "calls.example.com", "CALLWRIGHT_HTTPS_PORT": "0"},
    "without TURN": {"CALLWRIGHT_DOMAIN": "calls.example.com:8443", "CALLWRIGHT_TURN_PORT": "0"},
    "with servers of its own": {
        "CALLWRIGHT_DOMAIN": "calls.example.com:8443",
        "CALLWRIGHT_ICE_SERVERS": '[{"urls": ["stun:192.0.2.9:3478"]}]',
    },
}


@pytest.mark.parametrize(("variables", "told"), TOLD)
def test_an_instance_that_is_reached_by_its_https_port_names_it(variables: dict[str, str], told: str) -> None:
    assert ice.turn_at_https(environment.read(variables)) == told


@pytest.mark.parametrize("variables", NOT_TOLD.values(), ids=NOT_TOLD)
def test_others_do_not(variables: dict[str, str]) -> None:
    assert ice.turn_at_https(environment.read(variables)) is None


def test_a_device_s_credentials_hold_for_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    found = environment.read({"CALLWRIGHT_DOMAIN": "calls.example.com:8443"})
    monkeypatch.setattr(environment, "load", lambda: found)
    _, turn = ice.ice_servers("alice")
    udp, tls = turn["urls"]
    assert udp.startswith("turn:") and udp.endswith("?transport=udp")
    assert tls == "turns:calls.example.com:8443?transport=tcp"
    assert turn["username"].endswith(":alice") and turn["credential"]
