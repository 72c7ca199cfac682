"""What people who came from other platforms expected otherwise is said where they look for it."""

from __future__ import annotations

import pytest

from config.env import ROOT


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (
            "browser-phone",
            "`from` and `to` are addresses (`/private/alice`), or numbers for phone",
        ),
        ("rooms", "A room must exist before it is dialled: no call creates one."),
        ("phone-calls", "`GET /api/balance` (with the API key; device tokens cannot read it)"),
    ],
)
def test_the_page_says_it(page: str, sentence: str) -> None:
    text = " ".join((ROOT / "docs" / f"{page}.md").read_text().split())
    assert sentence in text
