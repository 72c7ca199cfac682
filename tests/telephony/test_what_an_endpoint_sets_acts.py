"""What the owner of a SIP endpoint or gateway set decides how its calls are placed."""

from __future__ import annotations

from typing import Any

import pytest

from calling import models
from calling.sip.edge import account_policy, inbound, routes
from calling.sip.edge.registrations import account_of
from calling.sip.edge.rows import OutboundAttempt
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.messages import make_request
from calling.sip.stack.server_transaction import ServerTransaction
from calling.sip.stack.transaction import Hop
from calling.sip.ua.server_session import DialogServerSession
from calling.sip.ua.user_agent import UserAgent
from rest import errors
from subscribers.models import Address, PhoneNumber, SipEndpoint, SipGateway
from tests.support import fake_worker
from tests.support.people import Cast
from tests.telephony.conftest import FAR, OWN

HOP = Hop("UDP", "192.0.2.7", 5060)
PLAIN = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
)
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
SECURE = PLAIN.replace("RTP/AVP", "RTP/SAVP") + KEY


async def nobody(username: str) -> None:
    return None


def phone(cast: Cast, **settings: Any) -> SipEndpoint:
    assert cast.bob.subscriber is not None
    row = SipEndpoint(project=cast.project, subscriber=cast.bob.subscriber, username="bob-desk", **settings)
    row.set_password("secret")
    row.save()
    return row


def invite(to: str, account: str = "bob-desk", sdp: str = PLAIN, hop: Hop = HOP) -> DialogServerSession:
    """An INVITE of that account as it is handed to the edge."""
    agent = UserAgent(realm="x", authenticate=nobody, advertised="192.0.2.1")
    request = make_request(
        "INVITE", exact_uri(f"sip:{to}@192.0.2.1"), from_="<sip:bob-desk@192.0.2.1>;tag=1",
        to=f"<sip:{to}@192.0.2.1>", call_id="1", sequence=1, contact="<sip:bob-desk@192.0.2.7>", body=sdp,
        extra=[("Via", f"SIP/2.0/{hop.transport} 192.0.2.7;branch=z9hG4bK1")],
    )  # fmt: skip
    return DialogServerSession(agent, request, hop, ServerTransaction(request, hop), account)


def placed(to: str, account: str = "bob-desk", sdp: str = PLAIN, hop: Hop = HOP) -> models.Call:
    return inbound.place(invite(to, account, sdp, hop), account, frozenset({"192.0.2.1"}))[0]


def test_a_phones_caller_id_is_the_name_that_others_see(cast: Cast) -> None:
    fake_worker.online(cast.alice)
    phone(cast, caller_id="Front desk")
    call = placed("alice")
    assert call.from_name == "Front desk"
    assert call.legs.get(role="caller").name == "Front desk"


@pytest.mark.parametrize(
    ("send_as", "shown"), [("", ""), (OWN, OWN), (OWN[1:], OWN), ("+15550009999", ""), ("random", OWN)]
)
def test_a_phone_is_sent_as_a_number_of_its_project_alone(cast: Cast, send_as: str, shown: str) -> None:
    fake_worker.online(cast.alice)
    row = phone(cast, send_as=send_as)
    assert (account_policy.sent_as(row) or "") == shown
    assert placed("alice").caller_id == shown


def test_random_is_any_number_of_the_project_and_of_no_other(cast: Cast, mallory: Cast) -> None:
    PhoneNumber.objects.create(project=cast.project, number="+15550001112")
    row = phone(cast, send_as="random")
    assert {account_policy.sent_as(row) for _ in range(60)} == {OWN, "+15550001112"}


@pytest.mark.parametrize("handler", ["default", "block-pstn"])
def test_a_phone_dials_no_telephone_number(cast: Cast, handler: str) -> None:
    phone(cast, call_handler=handler)
    with pytest.raises(errors.Forbidden):
        placed(FAR)
    fake_worker.online(cast.alice)
    assert placed("alice").to_address == "/private/alice"


def test_a_resource_handles_all_that_a_phone_dials(cast: Cast) -> None:
    fake_worker.online(cast.carol)
    assert cast.carol.subscriber is not None
    phone(cast, call_handler="resource", calling_handler_resource_id=cast.carol.subscriber.pk)
    for dialled in ("alice", FAR, "999"):
        assert placed(dialled).to_address == "/private/carol"


def test_a_phone_whose_handler_is_gone_reaches_nobody(cast: Cast) -> None:
    fake_worker.online(cast.alice)
    phone(cast, call_handler="resource", calling_handler_resource_id=cast.project.pk)
    with pytest.raises(errors.NotFound):
        placed("alice")


@pytest.mark.parametrize(
    ("wanted", "sdp", "transport", "right"),
    [
        ({"encryption": "required"}, PLAIN, "TLS", False),
        ({"encryption": "required"}, SECURE, "TLS", True),
        ({"encryption": "required"}, SECURE, "WSS", True),
        ({"encryption": "required"}, SECURE, "TCP", False),
        ({"encryption": "required"}, "", "TCP", True),
        ({"encryption": "required", "ciphers": ["AEAD_AES_128_GCM"]}, "", "TCP", False),
        ({"encryption": "disabled"}, SECURE, "TLS", False),
        ({"encryption": "disabled"}, PLAIN, "TLS", True),
        ({"encryption": "optional"}, PLAIN, "UDP", True),
        ({"encryption": "optional"}, SECURE, "UDP", True),
        ({"ciphers": ["AEAD_AES_128_GCM"]}, SECURE, "TLS", False),
        ({"codecs": ["PCMA"]}, PLAIN, "UDP", True),
        ({"codecs": ["OPUS"]}, PLAIN, "UDP", False),
    ],
)
@pytest.mark.parametrize("who", ["phone", "gateway"])
def test_an_invite_is_placed_where_its_media_is_what_the_account_allows(
    cast: Cast, wanted: dict[str, Any], sdp: str, transport: str, right: bool, who: str
) -> None:
    fake_worker.online(cast.alice)
    phone(cast, **(wanted if who == "phone" else {}))
    to, account = "alice", "bob-desk"
    if who == "gateway":
        assert cast.alice.subscriber is not None
        SipGateway.objects.update(**wanted)
        address = Address.objects.get(resource_id=cast.alice.subscriber.pk)
        PhoneNumber.objects.update(address=address)
        to, account = OWN, f"gateway/{SipGateway.objects.get().pk}"
    hop = Hop(transport, "192.0.2.7", 5060)
    if not right:
        with pytest.raises(inbound.NotAcceptable):
            placed(to, account, sdp, hop)
        assert not models.Call.objects.exists()
        return
    call = placed(to, account, sdp, hop)
    offer = call.legs.get(role="caller").offer or ""
    assert ("a=crypto" in offer) is (sdp == SECURE)
    if "codecs" in wanted:
        assert "m=audio 4000 RTP/AVP 8\r\n" in offer


def test_a_gateways_settings_are_in_the_invite_that_it_gets(cast: Cast) -> None:
    SipGateway.objects.update(
        headers={"x-tenant": "7"}, codecs=["PCMA", "G729"], ciphers=["AEAD_AES_128_GCM"], nat=True,
        encryption="required", transport="tls", username="u", realm="r", caller_id=OWN,
    )  # fmt: skip
    waiting = OutboundAttempt(
        attempt_id="", leg_id="", call_id="", project_id="", device_id="", party="sip", offer="", address=FAR,
        route={}, contact={}, from_user="", from_name="", headers=(),
    )  # fmt: skip
    way = routes.through(SipGateway.objects.get(), waiting, "192.0.2.1")
    assert ("x-tenant", "7") in way.headers and way.nat and f"sip:{OWN}@" in way.from_
    assert way.credentials is not None and way.credentials.realm == "r"
    assert way.policy.codecs == ("PCMA",) and way.policy.required and way.policy.private
    assert way.policy.suites == ("AEAD_AES_128_GCM",) and not way.policy.dtls
    assert way.uri.endswith(";transport=tls")


def test_the_user_of_a_gateways_uri_is_whom_it_is_registered_as(cast: Cast) -> None:
    SipGateway.objects.update(username="login", user="+15550001111")
    assert account_of(SipGateway.objects.get()).address.startswith("sip:+15550001111@")
    SipGateway.objects.update(user="")
    assert account_of(SipGateway.objects.get()).address.startswith("sip:login@")
