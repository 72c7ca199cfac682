"""The id of the request at work: the caller's own `X-Request-Id`, or a new one.

Lives here: which ids are taken, and the one that answers, errors and log lines of this context carry. Who
sets it stands in `config.web.request_ids` (in front of Django) and `rest.middleware.AnswerHeaders`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import clock

HEADER: Final = "X-Request-Id"
_OWN = re.compile(r"[A-Za-z0-9._-]{1,128}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def chosen(sent: str | None) -> str:
    """The caller's own id if it is 1 to 128 of `[A-Za-z0-9._-]`, otherwise a new one."""
    return sent if sent is not None and _OWN.fullmatch(sent) else clock.new_id().hex


def current() -> str | None:
    """The id of the current request; None outside a request."""
    return _current.get()


@contextmanager
def of(request_id: str) -> Iterator[None]:
    """Work inside the block belongs to that request."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)
