"""Celery's side: tasks of a few lines, and the signals that start and drain a media worker.

A media task lasts as long as its session and is acknowledged early; a duplicate finds the session taken
and ends. A worker that cannot take a session leaves it wanted and asks the others a moment later.
"""

from __future__ import annotations

import sys
from typing import Any

from celery import current_app, current_task, shared_task
from celery.signals import worker_ready, worker_shutdown, worker_shutting_down

import clock
from calling.runtime import garbage

AGAIN_SECONDS, LONGEST_AGAIN_SECONDS = 0.25, 1.0
_left: set[str] = set()  # sessions that wait here to be put back: many of them would keep a busy worker busy


@shared_task(name="calling.tasks.run_session", ignore_result=True)
def run_session(session_id: str, epoch: int) -> None:
    """Carry one media session to its end, if it is still wanted under that epoch."""
    from calling.media.worker import worker
    from calling.media_sessions.placement import PROJECT

    project = current_task.request.get(PROJECT)  # the version before does not say it
    if not worker.begin(current_app.conf.get("worker_name") or "media").carry(session_id, epoch, project):
        pass_on(session_id, epoch, {PROJECT: project} if project else {})


def pass_on(session_id: str, epoch: int, headers: dict[str, str]) -> None:
    """Put a session that this worker does not take back into the queue while it is wanted."""
    from calling.media.worker import lease

    _left.add(session_id)
    clock.sleep(min(LONGEST_AGAIN_SECONDS, AGAIN_SECONDS * max(1.0, len(_left) / 4)))
    _left.discard(session_id)
    if lease.still_wanted(session_id, epoch):
        run_session.apply_async((session_id, epoch), headers=headers, queue="media", expires=10, retry=False)


END_SECONDS = 6.0  # the loop bounds its own end by less


@worker_ready.connect(weak=False)
def begin_media(sender: Any = None, **_: object) -> None:
    """A Celery worker that consumes the queue `media` becomes a media worker."""
    if sender is not None and "media" in sender.app.amqp.queues.consume_from:
        from calling.media.worker import worker

        worker.begin(str(sender.hostname))
    else:
        garbage.keep_all()


@worker_shutting_down.connect(weak=False)
def drain_media(**_: object) -> None:
    """SIGTERM: no further sessions; a second one ends those there are. Other workers never import media."""
    worker = sys.modules.get("calling.media.worker.worker")
    if worker is not None:
        worker.shut_down()


@worker_shutdown.connect(weak=False)
def let_media_end(**_: object) -> None:
    """Celery is done and about to leave: the media loop, a thread beside it, still takes its row out."""
    worker = sys.modules.get("calling.media.worker.worker")
    if worker is not None:
        worker.await_end(END_SECONDS)
