"""With SENTRY_DSN an error reaches the tracker, and nothing confidential does."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.faults.collector import collector

FAILS = """
import logging, django
django.setup()
import sentry_sdk
log = logging.getLogger("calling.calls.control")
token, number, sdp = "eyJhbGciOi.eyJzdWIiOi.abcd", "+15551234567", "v=0\\r\\no=- 1 1 IN IP4 10.1.2.3\\r\\n"
log.warning("dialling %s with bearer %s", number, token)
try:
    raise ValueError(f"no route to {number} for {token} with {sdp}")
except ValueError:
    log.exception("A dial failed")
sentry_sdk.flush(10)
"""
SAFE = {"DJANGO_SETTINGS_MODULE": "config.settings"}


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **SAFE, **variables}
    return subprocess.run(
        [sys.executable, "-c", FAILS], env=environment, capture_output=True, text=True, timeout=60, check=True
    )


def test_the_error_arrives_with_its_stack_and_without_what_is_secret() -> None:
    with collector() as server:
        run(SENTRY_DSN=f"http://public@127.0.0.1:{server.port}/7")
        posted = b"".join(body for path, body in server.posted if path.startswith("/api/7/"))
    assert b"ValueError" in posted and b"no route to" in posted and b"A dial failed" in posted
    for secret in (b"eyJzdWIiOi", b"1234567", b"IN IP4", b"10.1.2.3"):
        assert secret not in posted


def test_without_a_dsn_nothing_is_set_up() -> None:
    with collector() as server:
        run(SENTRY_DSN="")
        assert server.posted == []
