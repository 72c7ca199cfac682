"""The general rate of REST requests, per project key or token. Dials have a limit of their own."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from subscribers.http import problems
from tokens.authentication import name_of
from tokens.limits import take
from tokens.subjects import ApiKey

# Requests per second (burst twice that) where the settings name no other.
KEY_RATE = 1000
HOLDER_RATE = 100


class RestRate(BaseThrottle):
    """DRF asks this before each view; raises the contract's 429 itself, with the exact wait."""

    def allow_request(self, request: Request, view: Any) -> bool:
        subject: Any = request.auth
        if subject is None:
            return True
        key = isinstance(subject, ApiKey)
        name, default = ("KEY", KEY_RATE) if key else ("HOLDER", HOLDER_RATE)
        rate = getattr(settings, f"CALLWRIGHT_REST_{name}_PER_SECOND", default)
        wait = take(f"rest:{name_of(subject)}", rate, rate * 2)
        if wait is not None:
            raise problems.TooManyRequests(wait)
        return True
