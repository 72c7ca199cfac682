"""`CALLWRIGHT_WS_ORIGINS`: which web pages may open a socket at all (ASVS 4.4.2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.sockets.conftest import start_web, stop_web

LISTED = "https://app.example.com"
SOCKETS = ("/ws/phone", "/ws/events", "/")


@pytest.fixture
def narrowed(transactional_db: None) -> Iterator[int]:
    """The port of a web process that welcomes one origin."""
    process, port = start_web(CALLWRIGHT_WS_ORIGINS=f"{LISTED},https://other.example.com:8443")
    yield port
    stop_web(process)


def opens(port: int, path: str, *origins: str) -> bool:
    headers = [("Origin", origin) for origin in origins]
    try:
        with connect(f"ws://127.0.0.1:{port}{path}", additional_headers=headers):
            return True
    except InvalidStatus as refused:
        assert refused.response.status_code in (400, 403)  # 400: two origins in one request
        return False


def test_only_listed_pages_and_programs_open_sockets(narrowed: int) -> None:
    for path in SOCKETS:
        assert opens(narrowed, path), "a program sends no origin"
        assert opens(narrowed, path, LISTED)
        assert opens(narrowed, path, "HTTPS://APP.EXAMPLE.COM")
        assert opens(narrowed, path, "https://other.example.com:8443")
        for foreign in ("https://evil.example", "https://app.example.com.evil.example", "null",
                        "http://app.example.com", "https://other.example.com"):  # fmt: skip
            assert not opens(narrowed, path, foreign), (path, foreign)
        assert not opens(narrowed, path, LISTED, "https://evil.example")


def test_every_page_may_open_one_where_nothing_is_listed(port: int) -> None:
    assert all(opens(port, path, "https://anywhere.example") for path in SOCKETS)
