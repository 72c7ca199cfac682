"""Web dies after the commit and before anyone was told: the sweep publishes and starts within two seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from calling import models
from calling.machine import inputs
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timing]

# The first thing after the commit is a nudge or the start of the session: it dies at whichever comes first.
DIES = """
import os, signal, sys
import django
django.setup()
from celery import current_app
from calling.commands import dial as placing
from calling.runtime import nudge
from calling.commands.routing import DialRequest
from tokens.authentication import subject_from_token

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

nudge.send = current_app.send_task = type(current_app).send_task = die
placing.place(subject_from_token(sys.argv[1]), DialRequest(to="/public/echo", sdp=sys.stdin.read()))
"""


def dial_and_die(token: str, offer: str, environment: dict[str, str]) -> str:
    program = [sys.executable, "-c", DIES, token]
    ended = subprocess.run(program, input=offer.encode(), env=environment, timeout=30, check=False)
    assert ended.returncode == -9
    call_id = models.Call.objects.values_list("id", flat=True).get()
    return str(call_id)


def published(call_id: str) -> bool:
    rows = models.Event.objects.filter(call_id=UUID(call_id))
    return rows.exists() and not rows.filter(position=None).exists()


def carried(call_id: str) -> bool:
    return models.Call.objects.filter(pk=call_id, session__state="running").exists()


async def test_the_sweep_publishes_and_starts_within_two_seconds(
    cast: Cast,
    start_worker: Callable[..., WorkerProcess],
    sweep: Callable[..., subprocess.Popen[bytes]],
    child_environment: dict[str, str],
    figure: Callable[[int, int], int],
) -> None:
    await callers.in_thread(start_worker)
    sweep()
    environment = {**child_environment, "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}
    slowest = 0.0
    for _ in range(figure(2, 50)):
        phone = Phone(440.0)
        offer = await phone.offer()
        call_id = await callers.in_thread(dial_and_die, cast.alice.token, offer, environment)
        died = time.monotonic()
        while not (await callers.in_thread(published, call_id) and await callers.in_thread(carried, call_id)):
            assert time.monotonic() - died < 5
            await callers.pause(0.05)
        slowest = max(slowest, time.monotonic() - died)
        await callers.take_answer(call_id, phone, "caller")
        await callers.hears(phone, 440.0)
        await callers.apply(call_id, inputs.Hangup())
        await callers.state(call_id, lambda call: call.state == "ended")
        await phone.close()
        await callers.in_thread(forget)
    print(f"published and started within {slowest:.2f} s")
    assert slowest <= 2.0


def forget() -> None:
    models.Event.objects.all().delete()
    models.Call.objects.all().delete()
