"""People with a phone that places real calls through the door: aiortc media, rows instead of a socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import numpy as np
from asgiref.sync import sync_to_async

from calling.calls import control, queries
from calling.commands import dial as placing
from calling.commands import transfers
from calling.commands.routing import DialRequest
from calling.machine import inputs
from calling.machine.states import Call, Leg
from calling.models.ids import uuid7
from tests.media.phones import Phone
from tests.support.fake_worker import online
from tests.support.people import Person
from tests.support.wait import until

ANSWER_SECONDS = 8.0


@sync_to_async
def snapshot(call_id: UUID | str) -> Call:
    return queries.snapshot(call_id)


@sync_to_async
def apply(call_id: UUID | str, value: Any) -> control.Outcome:
    return control.apply(call_id, value)


@sync_to_async
def come_online(person: Person) -> str:
    return online(person)


@sync_to_async
def transfer(person: Person, call_id: str, leg_id: str, to: str) -> control.Outcome:
    return transfers.transfer(person.holder, call_id, leg_id, to)


async def leg(call_id: str, role: str) -> Leg:
    call = await snapshot(call_id)
    return next(each for each in reversed(call.legs) if each.role.value == role)


async def dial(person: Person, phone: Phone, to: str, device_id: str | None = None) -> str:
    """Offer, dial, and take the platform's answer. The call's id."""
    offer = await phone.offer()
    request = DialRequest(to=to, sdp=offer, device_id=device_id)
    row = await sync_to_async(placing.place)(person.holder, request)
    await take_answer(str(row.id), phone, "caller")
    return str(row.id)


async def take_answer(call_id: str, phone: Phone, role: str) -> None:
    await state(call_id, lambda call: any(each.role.value == role and each.answer for each in call.legs))
    answer = (await leg(call_id, role)).answer
    assert answer is not None
    await phone.take(answer)


async def pick_up(person: Person, phone: Phone, call_id: str, device_id: str, role: str = "callee") -> None:
    """Answer a ringing leg on that device."""
    await state(
        call_id, lambda call: any(each.role.value == role and each.state == "ringing" for each in call.legs)
    )
    ringing = await leg(call_id, role)
    offer = await phone.offer()
    await apply(call_id, inputs.Answer(ringing.id, device_id, offer, peer_id=str(uuid7())))
    await take_answer(call_id, phone, role)


async def state(call_id: str, test: Any, seconds: float = ANSWER_SECONDS) -> Call:
    """Wait until the call is as wanted; the call then."""
    end = time.monotonic() + seconds
    while True:
        call = await snapshot(call_id)
        if test(call):
            return call
        if time.monotonic() > end:
            raise AssertionError(f"the call did not get there: {call}")
        await asyncio.sleep(0.05)


def has(phone: Phone, *hertz: float) -> bool:
    """Whether all these tones are in what it hears now, each at least a quarter as strong as the loudest."""
    if not phone.sound or time.monotonic() - phone.heard_at > 0.5:
        return False
    wave = np.concatenate(list(phone.sound)[-20:])
    if np.sqrt(np.mean(wave**2)) < 200:
        return False
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    bins = [round(each * len(wave) / phone.rate) for each in hertz]
    return all(spectrum[max(0, at - 2) : at + 3].max() > spectrum[1:].max() / 4 for at in bins)


async def hears(phone: Phone, hertz: float, seconds: float = 8.0) -> None:
    await until(lambda: phone.hears(hertz), seconds, f"hearing {hertz} Hz (it hears {phone.hertz()})")


async def pause(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def in_thread(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Something that blocks, in the thread that owns the test's database connection."""
    return await sync_to_async(work)(*args, **kwargs)


__all__ = [
    "apply",
    "come_online",
    "dial",
    "has",
    "hears",
    "in_thread",
    "leg",
    "pause",
    "pick_up",
    "snapshot",
    "state",
    "transfer",
    "until",
]
