"""A session that its row gives to a worker which does not know of it goes to a worker that carries it.

So it is after a claim that was committed and whose answer was lost: the worker is well, and its heartbeat
kept such a session from everybody else.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from unittest import mock
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F

from calling import models
from calling.commands import dial as placing
from calling.commands.routing import DialRequest
from calling.media_sessions import placement
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timing]


@sync_to_async
def dial_with_a_lost_answer(cast: Cast, offer: str) -> str:
    """A call whose session was claimed by the only worker, as far as its row says."""
    with mock.patch.object(placement, "current_app"):  # nobody is asked to take it
        call = placing.place(cast.alice.holder, DialRequest(to="/public/echo", sdp=offer))
    worker = models.MediaWorker.objects.get()
    claimed = models.MediaSession.objects.filter(calls=call.id, state="wanted")
    assert claimed.update(state="running", worker=worker, epoch=F("epoch") + 1) == 1
    return str(call.id)


@sync_to_async
def session_of(call_id: str) -> models.MediaSession:
    return models.MediaSession.objects.get(calls__id=UUID(call_id))


async def test_its_call_is_heard(
    cast: Cast, start_worker: Callable[..., WorkerProcess], sweep: subprocess.Popen[bytes]
) -> None:
    await callers.in_thread(start_worker)
    phone = Phone(440.0)
    call_id = await dial_with_a_lost_answer(cast, await phone.offer())
    await callers.state(call_id, lambda call: any(each.answer for each in call.legs), 30)
    await callers.take_answer(call_id, phone, "caller")
    await callers.hears(phone, 440.0)
    session = await session_of(call_id)
    assert (session.state, session.moves) == ("running", 1)
    await phone.close()


async def test_one_that_is_carried_stays(
    cast: Cast, start_worker: Callable[..., WorkerProcess], sweep: subprocess.Popen[bytes]
) -> None:
    await callers.in_thread(start_worker)
    phone = Phone(440.0)
    call_id = await callers.dial(cast.alice, phone, "/public/echo")
    await callers.hears(phone, 440.0)
    before = await session_of(call_id)
    await callers.pause(7)  # two looks for sessions that nobody carries
    session = await session_of(call_id)
    assert (session.state, session.epoch, session.moves) == ("running", before.epoch, 0)
    assert phone.hears(440.0)
    await phone.close()
