"""Codecs, encryption, credentials and the session's timer that one call asks of a SIP URI."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calling.commands.sip_wishes import SipWishes, codec_names
from calling.machine.states import Leg, Party, Role
from calling.sip.edge.media_encryption import MediaPolicy
from calling.sip.edge.routes import Route, as_asked
from calling.sip.edge.rows import OutboundAttempt

WHOLE = SipWishes(("PCMA", "G722"), "required", 600, "alice", "s3cret")


def uri_leg(address: str = "sip:desk@pbx.example.com") -> Leg:
    return Leg("1", Role.TARGET, Party.SIP, address, route='{"gateways": []}')


def attempt(leg: Leg) -> OutboundAttempt:
    words: dict[str, Any] = dict.fromkeys(
        ("attempt_id", "leg_id", "call_id", "project_id", "device_id", "offer", "from_user", "from_name"), "x"
    )
    route = json.loads(leg.route)
    return OutboundAttempt(party="sip", address=leg.address, route=route, contact={}, headers=(), **words)


def test_wishes_reach_the_way_that_the_invite_takes() -> None:
    leg = WHOLE.on(uri_leg())
    assert "s3cret" not in leg.route, "a password is sealed where it is kept"
    way = as_asked(Route("sip:desk@pbx.example.com", "a", "b"), attempt(leg))
    assert way.session_seconds == 600
    assert (tuple(way.policy.codecs), way.policy.encryption) == (("PCMA", "G722"), "required")
    found = way.credentials
    assert found is not None
    assert (found.username, found.password, found.domain) == ("alice", "s3cret", "pbx.example.com")


@pytest.mark.parametrize(
    "leg", [uri_leg("+15551234567"), Leg("2", Role.TARGET, Party.DEVICE, "/private/bob")]
)
def test_a_number_and_a_device_are_asked_nothing(leg: Leg) -> None:
    assert WHOLE.on(leg) == leg


def test_nothing_asked_changes_nothing() -> None:
    way = Route("sip:desk@pbx.example.com", "a", "b", policy=MediaPolicy("optional", codecs=("PCMU",)))
    assert SipWishes().on(uri_leg()) == uri_leg()
    assert as_asked(way, attempt(uri_leg())) == way


@pytest.mark.parametrize(
    ("owner", "asked", "codecs", "forms"),
    [
        (MediaPolicy("required", private=True), "disabled", None, False),
        (MediaPolicy("disabled"), "required", None, False),
        (MediaPolicy(codecs=("PCMU",)), "", ("PCMA",), False),
        (MediaPolicy(), "", (), False),  # only codecs that are not spoken here were asked for
        (MediaPolicy(codecs=("PCMU", "PCMA")), "", ("PCMA", "OPUS"), True),
        (MediaPolicy("optional"), "required", None, True),
    ],
)
def test_neither_the_owner_nor_the_call_is_given_up_for_the_other(
    owner: MediaPolicy, asked: str, codecs: tuple[str, ...] | None, forms: bool
) -> None:
    assert bool(owner.narrowed(asked, codecs).forms) is forms


def test_names_of_codecs_are_read_without_clock_and_packet_time() -> None:
    assert codec_names("OPUS@48000H@20I, pcmu") == ("OPUS", "PCMU")
