"""A device that fails drops out at once; the last one that does tells the call why, as the table says."""

from __future__ import annotations

import pytest

from calling.machine import inputs
from calling.machine.states import AttemptState, CallState, LegState, World
from calling.sip.edge.mapping import LegView, rejected_as, status_of
from tests.machine.scenarios import NOW, Step, apply, device_leg, plain_call, trunk_leg

PHONES = ("d1", "d2")
TABLE = [
    (400, "failed", 400), (404, "failed", 404), (408, "no-answer", 408), (410, "failed", 410),
    (480, "no-answer", 480), (484, "failed", 484), (487, "cancelled", 487), (488, "failed", 488),
    (500, "failed", 500), (503, "failed", 503), (504, "failed", 504), (580, "failed", 580),
    (604, "failed", 604), (606, "failed", 606), (401, "failed", 502), (407, "failed", 502),
    (420, "failed", 502), (302, "failed", 503),
]  # fmt: skip


def ringing(*devices: str) -> World:
    world = plain_call(device_leg("B", "bob", devices, kind="sip"))
    for input in (
        inputs.SessionTaken(),
        inputs.AnswerMade("A", "answer"),
        *(inputs.OfferMade(f"at-B-{device}", "offer") for device in devices),
    ):
        world = apply(world, Step("C", input)).world
    return world


def after(world: World, *words: inputs.AttemptFailed | inputs.Reject | inputs.MediaFailed) -> World:
    for word in words:
        world = apply(world, Step("C", word, NOW)).world
    return world


@pytest.mark.parametrize(("code", "reason", "shown"), TABLE)
def test_a_phones_final_status_is_the_calls_end(code: int, reason: str, shown: int) -> None:
    assert rejected_as(code) is None
    call = after(ringing("d1"), inputs.AttemptFailed("at-B-d1", f"sip_{code}"))["C"]
    assert (call.state, call.end_reason, call.end_cause) == (CallState.ENDED, reason, f"sip_{code}")
    assert status_of(LegView("C", "ended", "ended", call.end_reason, call.end_cause)) == shown
    assert status_of(LegView("C", "ended", "ended", reason, f"sip_{code}", code)) == shown, "a trunk's"


@pytest.mark.parametrize("cause", ["normal", "no_device"])
def test_a_call_that_nobody_took_in_its_time_is_480(cause: str) -> None:
    assert status_of(LegView("C", "ended", "ended", "no-answer", cause)) == 480


@pytest.mark.parametrize(
    ("code", "word", "status"),
    [(486, "busy", 486), (600, "busy", 486), (603, "rejected", 603), (403, "rejected", 603),
     (607, "rejected", 603), (608, "rejected", 603)],
)  # fmt: skip
def test_a_no_is_told_as_a_no(code: int, word: str, status: int) -> None:
    assert rejected_as(code) == word
    call = after(ringing("d1"), inputs.Reject("B", "d1", word))["C"]
    assert (call.end_reason, call.end_cause) == (word, "normal")
    assert status_of(LegView("C", "ended", "ended", call.end_reason, call.end_cause)) == status


def test_one_device_that_fails_leaves_the_others_ringing() -> None:
    world = after(ringing(*PHONES), inputs.AttemptFailed("at-B-d1", "unreachable"))
    leg = world["C"].leg("B")
    assert leg is not None and leg.state is LegState.RINGING
    assert [a.state for a in leg.attempts] == [AttemptState.REJECTED, AttemptState.RINGING]
    call = after(world, inputs.AttemptFailed("at-B-d2", "sip_480"))["C"]
    assert (call.end_reason, call.end_cause) == ("no-answer", "sip_480")


@pytest.mark.parametrize("first", [True, False])
def test_what_a_person_did_is_told_before_what_a_network_did(first: bool) -> None:
    words = [inputs.AttemptFailed("at-B-d1", "sip_500"), inputs.Reject("B", "d2", "busy")]
    call = after(ringing(*PHONES), *(words if first else reversed(words)))["C"]
    assert call.end_reason == "busy"


def test_a_device_that_merely_vanished_may_come_back() -> None:
    world = after(ringing("d1"), inputs.MediaFailed("at-B-d1", "unreachable"))
    assert world["C"].live


@pytest.mark.parametrize("leg", ["phone", "trunk"])
def test_an_offer_that_the_worker_cannot_make_ends_its_attempt(leg: str) -> None:
    world = ringing("d1") if leg == "phone" else plain_call(trunk_leg("B"), carried=True)
    attempt = world["C"].legs[1].attempts[0].id
    call = after(world, inputs.MediaFailed(attempt))["C"]
    assert (call.state, call.end_reason, call.end_cause) == (CallState.ENDED, "failed", "media_failed")
