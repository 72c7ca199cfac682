"""A browser with the unmodified SDK, a desk phone and a trunk in the same calls, heard on both sides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.instance import Instance
from calling.sip.stack.events import Answered, Confirmed, Finished, Progress
from tests.e2e.desk import Desk, notice
from tests.signalwire.browser.conftest import Phones
from tests.signalwire.browser.stage import Page

Tab = Callable[..., Page]


@pytest.mark.parametrize("video", [False, True], ids=["sound", "picture"])
def test_a_browser_calls_a_desk_phone(tab: Tab, desk: Desk, phones: Phones, video: bool) -> None:
    alice = tab("alice")
    call = alice.dial("/private/dave?channel=video" if video else "/private/dave", audio=True, video=video)
    ringing = phones.run(desk.rung(18))
    phones.run(desk.answer(ringing))
    phones.run(notice(ringing, Confirmed, 18))
    alice.reaches(call, "connected")
    assert alice.hears(call) > 0.01
    phones.hears(desk, alice)
    alice.run("hangup", call)
    assert phones.run(notice(ringing, Finished, 18)).by == "remote"
    alice.reaches(call, "destroyed")


def test_a_desk_phone_calls_a_browser(tab: Tab, desk: Desk, phones: Phones) -> None:
    alice = tab("alice")

    async def dial() -> Any:
        return desk.dial("alice")

    call = phones.run(dial())
    assert phones.run(notice(call, Progress, 18)).code == 180
    rung = alice.rings()
    alice.run("answer", rung, {"audio": True})
    desk.sound.agree(phones.run(notice(call, Answered, 18)).sdp)
    alice.reaches(rung, "connected")
    assert alice.hears(rung) > 0.01
    phones.hears(desk, alice)
    phones.run(call.hangup())
    assert alice.reaches(rung, "destroyed")[-2:] == ["disconnected", "destroyed"]


def test_a_browser_calls_a_number_through_a_trunk(tab: Tab, instance: Instance, phones: Phones) -> None:
    trunk = phones.desk("trunk", "-")
    instance.api(
        "POST",
        "/api/fabric/resources/sip_gateways",
        {"name": "trunk", "uri": f"sip:127.0.0.1:{trunk.port}", "encryption": "optional",
         "ciphers": ["AES_CM_128_HMAC_SHA1_80"], "codecs": ["PCMU"], "prefixes": ["+1"]},
    )  # fmt: skip
    body = {"reference": "erin", "allowed_addresses": ["+1*"]}
    given = instance.api("POST", "/api/fabric/subscribers/tokens", body)["token"]
    erin, alice = tab("erin", given=given), tab("alice")
    call = erin.dial("+15551234567", audio=True)
    ringing = phones.run(trunk.rung(18))
    phones.run(trunk.answer(ringing))
    erin.reaches(call, "connected")
    assert erin.hears(call) > 0.01
    phones.hears(trunk, erin)
    phones.run(ringing.hangup())
    assert erin.reaches(call, "destroyed")[-2:] == ["disconnected", "destroyed"]
    refused = alice.run("dial", "+15551234567", {"audio": True})
    assert refused["error"] == "CallCreateError" and refused["seconds"] < 3
