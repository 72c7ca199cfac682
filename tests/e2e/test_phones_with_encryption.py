"""Phones that must, may or will not encrypt, at endpoints that require it or leave it open."""

from __future__ import annotations

from pathlib import Path

import pytest

from calling import models
from calling.machine import inputs
from subscribers.models import SipEndpoint
from tests.e2e import callers
from tests.e2e.baresip import Baresip
from tests.e2e.desk import endpoint
from tests.e2e.edges import EdgeProcess
from tests.e2e.foreign import Foreign, Linphone, Pjsip, pjsip_missing
from tests.e2e.test_foreign_phones_are_devices import live_call
from tests.e2e.wire_capture import WireCapture, forbidden
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [
    pytest.mark.sample(2),
    pytest.mark.django_db(transaction=True),
    pytest.mark.processes,
    pytest.mark.timeout(240),
    pytest.mark.skipif(forbidden(), reason="needs the right to capture packets"),
]


def wants(username: str, encryption: str) -> None:
    SipEndpoint.objects.filter(username=username).update(encryption=encryption)


def phone_of(edge: EdgeProcess, directory: Path, name: str, transport: str, encryption: str) -> Baresip:
    port = edge.tls_port if transport == "tls" else edge.port
    authority = directory / "certificates" / "ca.pem"
    return Baresip(
        directory, port, name, 660.0, transport=transport, encryption=encryption, authority=authority
    )


@pytest.mark.needs("baresip")
@pytest.mark.parametrize(
    ("transport", "media", "wanted"),
    [
        ("tls", "srtp-mand", "required"),
        ("tls", "srtp", "default"),
        ("tls", "dtls_srtp", "required"),
        ("udp", "dtls_srtp", "required"),
        ("udp", "", "default"),
    ],
)
async def test_a_phone_is_called_and_calls_and_nobody_on_the_way_hears_it(
    cast: Cast, tls_edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path,
    transport: str, media: str, wanted: str,
) -> None:  # fmt: skip
    edge = tls_edge
    name = await callers.in_thread(endpoint, cast.bob)
    await callers.in_thread(wants, name, wanted)
    async with phone_of(edge, tmp_path, name, transport, media) as desk:
        with WireCapture(desk.rtp_ports) as wire:
            await desk.registered()
            alice = Phone(440.0)
            call_id = await callers.dial(cast.alice, alice, "/private/bob")
            await desk.event("CALL_INCOMING")
            await desk.say("accept")
            await callers.hears(alice, 660.0, 25)
            await desk.hears(440.0)
            await desk.say("hold")
            await callers.state(call_id, lambda call: call.held_by(call.legs[0].id) == "remote")
            await desk.say("resume")
            await callers.state(call_id, lambda call: call.held_by(call.legs[0].id) is None)
            await callers.hears(alice, 660.0, 25)
            await callers.apply(call_id, inputs.Hangup())
            await desk.event("CALL_CLOSED")
            await alice.close()

            device = await callers.come_online(cast.carol)
            closed = len(desk.events)
            await desk.dial("carol")
            await desk.event("CALL_RINGING", after=closed)
            row = await callers.in_thread(lambda: models.Call.objects.exclude(state="ended").get())
            carol = Phone(880.0)
            await callers.pick_up(cast.carol, carol, str(row.id), device)
            await callers.hears(carol, 660.0, 25)
            await desk.hears(880.0)
            await callers.apply(row.id, inputs.Hangup())
            await carol.close()
    assert sum(len(packets) for packets in wire.streams.values()) > 50  # a second of sound
    if media:
        assert wire.sounds == [] and wire.entropy > 7.9
    else:  # the same ears do hear what is plain
        assert any(abs(hertz - 660) < 25 for hertz in wire.sounds) and wire.entropy < 7.9


@pytest.mark.needs("baresip")
async def test_a_phone_without_encryption_is_refused_where_it_is_required(
    cast: Cast, tls_edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    await callers.in_thread(wants, name, "required")
    async with phone_of(tls_edge, tmp_path, name, "tls", "") as desk:
        await desk.registered()
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        ended = await callers.state(call_id, lambda call: call.state == "ended", 25)
        assert (ended.end_reason, ended.end_cause) == ("failed", "sip_488")
        await alice.close()
        await callers.come_online(cast.carol)
        before = len(desk.events)
        await desk.dial("carol")
        closed = await desk.event("CALL_CLOSED", after=before)
        assert "488" in closed["param"], closed
        assert await callers.in_thread(lambda: models.Call.objects.count()) == 1


PHONES = [
    pytest.param(
        Pjsip,
        marks=pytest.mark.skipif(pjsip_missing(), reason="needs the wheel pjsua2-python, not installed here"),
        id="pjsip",
    ),
]


@pytest.mark.parametrize("kind", PHONES)
async def test_other_phones_with_mandatory_srtp_are_called_and_call(
    cast: Cast, tls_edge: EdgeProcess, worker: WorkerProcess, tmp_path: Path, kind: type[Foreign]
) -> None:
    name = await callers.in_thread(endpoint, cast.bob)
    await callers.in_thread(wants, name, "required")
    async with kind(tmp_path, tls_edge.tls_port, name, 660.0, "tls", True) as phone:
        await phone.registered()
        alice = Phone(440.0)
        call_id = await callers.dial(cast.alice, alice, "/private/bob")
        await phone.rung()
        phone.answer()
        await callers.hears(alice, 660.0, 25)
        await phone.hears(440.0)
        await callers.apply(call_id, inputs.Hangup())
        await alice.close()

        device = await callers.come_online(cast.carol)
        before = len(phone.said)
        phone.dial("carol")
        row = await live_call()
        carol = Phone(880.0)
        await callers.pick_up(cast.carol, carol, row, device)
        await callers.hears(carol, 660.0, 25)
        await phone.hears(880.0)
        await callers.apply(row, inputs.Hangup((await callers.leg(row, "callee")).id))
        await phone.over(before)
        await carol.close()
    for secret in ("inline:", "a=crypto"):
        assert secret not in tls_edge.log.read_text(errors="replace")


@pytest.mark.needs("linphonec")
async def test_a_phone_that_knows_no_name_constraints_trusts_the_authority(
    cast: Cast, tls_edge: EdgeProcess, tmp_path: Path
) -> None:
    """Mbed TLS refuses a certificate with a critical extension that it does not know."""
    name = await callers.in_thread(endpoint, cast.bob)
    async with Linphone(tmp_path, tls_edge.tls_port, name, 660.0, "tls") as phone:
        await phone.registered()
        devices = await callers.in_thread(lambda: list(models.Device.objects.filter(kind="sip")))
        assert [row.contact["hop"][0] for row in devices] == ["TLS"]
