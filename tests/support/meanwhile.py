"""Another transaction that is open while a test's own work begins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction

OPEN_SECONDS = 0.5


@contextmanager
def open_for_a_while(work: Callable[[], object]) -> Iterator[None]:
    """`work` has been done in a transaction of another connection, which is committed a while later."""
    done, failures = threading.Event(), []

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                time.sleep(OPEN_SECONDS)
        except Exception as error:
            failures.append(error)
        finally:
            done.set()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(10)
    try:
        yield
    finally:
        thread.join(20)
    assert not failures, failures
