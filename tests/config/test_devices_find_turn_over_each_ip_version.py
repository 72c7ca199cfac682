"""Which addresses of STUN and TURN devices are told: one of each IP version that the server listens on."""

from __future__ import annotations

import pytest

from config import env as environment
from config import ice

TOLD = [
    ("::", "192.0.2.7,2001:db8::7", ["192.0.2.7:3478", "[2001:db8::7]:3478"]),
    ("::", "2001:db8::7,192.0.2.7,192.0.2.8", ["[2001:db8::7]:3478", "192.0.2.7:3478"]),
    ("::", "10.0.0.7/203.0.113.7,127.0.0.1,2001:db8::7", ["203.0.113.7:3478", "[2001:db8::7]:3478"]),
    ("::", "127.0.0.1,2001:db8::7", ["[2001:db8::7]:3478"]),
    ("::", "127.0.0.1", ["127.0.0.1:3478"]),
    ("0.0.0.0", "2001:db8::7,192.0.2.7", ["192.0.2.7:3478"]),
    ("192.0.2.7", "192.0.2.7/203.0.113.7,2001:db8::7", ["203.0.113.7:3478"]),
    ("192.0.2.9", "192.0.2.7,2001:db8::7", ["192.0.2.9:3478"]),
    ("2001:db8::7", "2001:db8::7", ["[2001:db8::7]:3478"]),
]


@pytest.mark.parametrize(("bind", "media", "told"), TOLD)
def test_a_device_is_told_where_it_can_come(
    monkeypatch: pytest.MonkeyPatch, bind: str, media: str, told: list[str]
) -> None:
    found = environment.read({"CALLWRIGHT_BIND": bind, "CALLWRIGHT_MEDIA_IP": media})
    monkeypatch.setattr(environment, "load", lambda: found)
    stun, turn = ice.ice_servers("alice")
    assert stun["urls"] == [f"stun:{place}" for place in told]
    over_udp = [url for url in turn["urls"] if url.startswith("turn:")]
    assert over_udp == [f"turn:{place}?transport=udp" for place in told]
