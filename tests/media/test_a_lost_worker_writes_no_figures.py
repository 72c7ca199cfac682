"""A worker that lost its session writes neither a leg's codec nor its statistics any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from calling import models
from calling.media.session import rows
from calling.media.worker import lease
from calling.media_sessions import failover
from tests.support import fake_worker, people


def figures(leg_id: str) -> tuple[Any, Any]:
    return models.Leg.objects.values_list("codec", "stats").get(pk=leg_id)


def test_codec_and_samples_are_fenced(db: None) -> None:
    call_id = fake_worker.talking(people.make_cast())
    leg = fake_worker.leg_of(call_id, "callee")
    assert leg.peer_id is not None
    session = models.Call.objects.select_related("session").get(pk=call_id).session
    assert session is not None
    worker = models.MediaWorker.objects.create(
        name="w", host="h", pid=1, media_address="127.0.0.1", lock_key=1, heartbeat_at=timezone.now()
    )
    models.MediaSession.objects.filter(pk=session.pk).update(state="wanted")
    held = lease.claim(session.pk, session.epoch, worker.pk)
    assert held is not None
    mine = (session.pk, held.epoch)
    rows.write_agreed([leg.id], {"codec": "opus"}, mine)
    rows.write_samples({leg.peer_id: [{"mos": 4.4}]}, mine)
    written = figures(leg.id)
    assert written == ({"codec": "opus"}, [{"mos": 4.4}])

    models.MediaWorker.objects.update(
        heartbeat_at=timezone.now() - timedelta(hours=1)  # now() is when the transaction began
    )
    assert failover.take_over(session.pk) == 1
    leg = fake_worker.leg_of(call_id, "callee")
    rows.write_agreed([leg.id], {"codec": "zombie"}, mine)
    rows.write_samples({str(leg.peer_id): [{"mos": 1.0}]}, mine)
    assert figures(leg.id) == written
