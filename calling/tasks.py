"""Celery's side: tasks of a few lines, and the signals that start and drain a media worker.

A media task lasts as long as its session and is acknowledged early; a duplicate finds the session taken
and ends. A worker that cannot take a session leaves it wanted and asks the others a moment later.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from celery import current_app, shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

AGAIN_SECONDS = 0.25


@shared_task(name="calling.tasks.run_session", ignore_result=True)
def run_session(session_id: str, epoch: int) -> None:
    """Carry one media session to its end, if it is still wanted under that epoch."""
    from calling.media import worker

    if not worker.begin(current_app.conf.get("worker_name") or "media").carry(session_id, epoch):
        pass_on(session_id, epoch)


def pass_on(session_id: str, epoch: int) -> None:
    """Put a session that this worker does not take back into the queue while it is wanted."""
    from calling.media import lease

    time.sleep(AGAIN_SECONDS)
    if lease.still_wanted(session_id, epoch):
        run_session.apply_async((session_id, epoch), queue="media", expires=10, retry=False)


END_SECONDS = 6.0  # the loop bounds its own end by less


@worker_ready.connect(weak=False)
def begin_media(sender: Any = None, **_: Any) -> None:
    """A Celery worker that consumes the queue `media` becomes a media worker."""
    if sender is not None and "media" in sender.app.amqp.queues.consume_from:
        from calling.media import worker

        worker.begin(str(sender.hostname))


@worker_shutting_down.connect(weak=False)
def drain_media(**_: Any) -> None:
    """SIGTERM: no further sessions; a second one ends those there are. Other workers never import media."""
    worker = sys.modules.get("calling.media.worker")
    if worker is not None:
        worker.shut_down()


@worker_shutdown.connect(weak=False)
def let_media_end(**_: Any) -> None:
    """Celery is done and about to leave: the media loop, a thread beside it, still takes its row out."""
    worker = sys.modules.get("calling.media.worker")
    if worker is not None:
        worker.await_end(END_SECONDS)
