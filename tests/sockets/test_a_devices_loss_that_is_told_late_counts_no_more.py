"""Two threads tell a call that its device was lost and that it is back: what is told late is not believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from calling import models, presence
from calling.calls import control
from calling.machine import inputs
from calling.machine.states import TimerKind
from tests.support import fake_worker, people
from tests.support.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return people.make_cast()


def come(device: models.Device, connection: UUID) -> models.Device:
    return presence.device_online(device.project_id, device.subscriber_id, connection, device_id=device.id)


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Between the device's row and its calls, another thread does that."""
    real = presence.affected

    def affected(devices: Any) -> Any:
        found = real(devices)
        monkeypatch.setattr(presence, "affected", real)
        happens()
        return found

    monkeypatch.setattr(presence, "affected", affected)


def device_in_a_call(cast: Cast) -> tuple[str, models.Device]:
    call = fake_worker.ringing(cast)
    leg = fake_worker.leg_of(call, "callee")
    device = models.Device.objects.get(pk=leg.attempts[0].device_id)
    control.apply(call, inputs.Answer(leg.id, str(device.id), fake_worker.SDP, peer_id=str(uuid4())))
    fake_worker.answer_offers(call)
    fake_worker.connect_media(call)
    return call, device


def waits(call: str) -> bool:
    """Whether the call waits for a lost device, and ends when none comes."""
    return any(timer.kind is TimerKind.GRACE for timer in fake_worker.call_of(call).timers)


def test_a_call_whose_device_came_back_meanwhile_does_not_wait_for_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, device = device_in_a_call(cast)
    meanwhile(monkeypatch, lambda: come(device, uuid4()))
    presence.devices_offline([presence.GoneDevice(device.id, device.connection)])
    assert not waits(call)


def test_a_call_that_a_page_left_and_a_reload_resumed_does_not_end(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, device = device_in_a_call(cast)
    meanwhile(monkeypatch, lambda: come(device, uuid4()))
    presence.device_offline(device.id, device.connection, gone=True, final=True)
    assert fake_worker.call_of(call).live


def test_a_ringing_device_that_came_back_meanwhile_still_rings(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = fake_worker.ringing(cast)
    leg = fake_worker.leg_of(call, "callee")
    device = models.Device.objects.get(pk=leg.attempts[0].device_id)
    meanwhile(monkeypatch, lambda: come(device, uuid4()))
    presence.devices_offline([presence.GoneDevice(device.id, device.connection)])
    assert any(attempt.live for attempt in fake_worker.leg_of(call, "callee").attempts)


def test_a_call_whose_device_was_lost_again_meanwhile_waits_for_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, device = device_in_a_call(cast)
    presence.devices_offline([presence.GoneDevice(device.id, device.connection)])
    assert waits(call)
    second = uuid4()
    meanwhile(monkeypatch, lambda: presence.devices_offline([presence.GoneDevice(device.id, second)]))
    come(device, second)
    assert waits(call)


def test_a_call_whose_device_is_back_waits_no_longer(cast: Cast) -> None:
    call, device = device_in_a_call(cast)
    presence.devices_offline([presence.GoneDevice(device.id, device.connection)])
    come(device, uuid4())
    assert not waits(call)
