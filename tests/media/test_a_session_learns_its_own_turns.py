"""What its own report has made of a call a session takes from the outcome; it reads the rows for the rest."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from calling import models
from calling.calls import control
from calling.machine import inputs
from calling.machine.plan import make_plan
from calling.machine.states import MediaState
from calling.media.rtp.config import MediaConfig
from calling.media.worker.session import Session
from calling.runtime import nudge
from calling.runtime.db_threads import DatabaseThreads
from tests.support import fake_worker, people

pytestmark = pytest.mark.django_db(transaction=True)


class Scene:
    """alice and bob talk, and no sound flows yet; the session that carries them has read their call."""

    def __init__(self) -> None:
        cast_ = people.make_cast()
        self.call_id = fake_worker.ringing(cast_)
        cast_.people["bob"].rest.post(f"/api/calls/{self.call_id}/answer", {"sdp": fake_worker.SDP})
        fake_worker.answer_offers(self.call_id)
        self.session_id = str(models.Call.objects.get().session_id)
        models.MediaSession.objects.update(state="running", epoch=1)
        carrier = SimpleNamespace(config=MediaConfig(), desk=DatabaseThreads(), journal=None)
        self.session = Session(self.session_id, 1, cast(Any, carrier))
        call = fake_worker.call_of(self.call_id)
        self.session.calls, self.session.plan = {call.id: call}, make_plan([call])

    def turn(self, *values: inputs.Input) -> control.Outcome:
        return control.apply(self.call_id, *values, fence=(self.session_id, 1), knows=self.session_id)

    @property
    def looks(self) -> bool:
        """Whether it is about to read the rows."""
        return self.session._wake.is_set()


async def in_thread(work: Any, *words: Any) -> Any:
    return await DatabaseThreads().run(work, *words)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def peer_of(scene: Scene) -> tuple[str, str]:
    leg = fake_worker.leg_of(scene.call_id, "caller")
    assert leg.peer_id is not None
    return leg.id, leg.peer_id


async def test_sound_that_flows_needs_no_look(scene: Scene) -> None:
    leg_id, peer_id = await in_thread(peer_of, scene)
    told = inputs.MediaConnected(peer_id)
    outcome = await in_thread(scene.turn, told)
    scene.session.turned([((told,), outcome)], scene.session.looks)
    leg = scene.session.leg(leg_id)
    assert leg is not None and leg.media_state is MediaState.CONNECTED
    assert not scene.looks


async def test_what_was_read_meanwhile_is_read_again(scene: Scene) -> None:
    _, peer_id = await in_thread(peer_of, scene)
    told, looks = inputs.MediaConnected(peer_id), scene.session.looks
    outcome = await in_thread(scene.turn, told)
    scene.session.looks += 2  # a look began and ended: before that turn, or after another one
    before = scene.session.calls
    scene.session.turned([((told,), outcome)], looks)
    assert scene.looks and scene.session.calls is before


async def test_a_turn_that_changes_the_plan_is_looked_at(scene: Scene) -> None:
    leg_id, _ = await in_thread(peer_of, scene)
    outcome = await in_thread(scene.turn, inputs.Hold(leg_id))
    scene.session.turned([((inputs.MediaConnected("any"),), outcome)], scene.session.looks)
    assert scene.looks


async def test_other_turns_are_looked_at(scene: Scene) -> None:
    leg_id, _ = await in_thread(peer_of, scene)
    told = inputs.SendDigits(leg_id, "1")
    outcome = await in_thread(scene.turn, told)
    scene.session.turned([((told,), outcome)], scene.session.looks)
    assert scene.looks


def test_the_session_that_gets_the_outcome_is_not_nudged(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[str, object]] = []
    monkeypatch.setattr(nudge, "send", lambda channel, message: said.append((channel, message)))
    _, peer_id = peer_of(scene)
    scene.turn(inputs.MediaConnected(peer_id))
    assert nudge.MEDIA not in [channel for channel, _ in said]
    leg_id, _ = peer_of(scene)
    control.apply(scene.call_id, inputs.Hold(leg_id))
    assert (nudge.MEDIA, {"session": scene.session_id}) in said
