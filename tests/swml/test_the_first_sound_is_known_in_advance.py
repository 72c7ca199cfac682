"""What a script plays first is found in its document, so that it can be fetched while the phone rings."""

from __future__ import annotations

from typing import Any

import pytest

from calling.media.swml_host.first_sound import first_items
from calling.swml.parse import check_document

FILM = "https://example.com/film.mp4"


def first_of(*steps: Any) -> list[dict[str, Any]]:
    return list(first_items(check_document({"version": "1.0.0", "sections": {"main": list(steps)}})))


@pytest.mark.parametrize(
    "steps",
    [
        [{"play": {"url": FILM}}, "hangup"],
        [{"play": FILM}],
        [{"answer": {}}, {"set": {"a": "b"}}, {"play": {"urls": [FILM, "say:later"]}}],
        [{"prompt": {"play": FILM, "max_digits": 1}}],
    ],
)
def test_a_film_that_comes_first(steps: list[Any]) -> None:
    assert first_of(*steps) == [{"type": "audio", "url": FILM}]


def test_words_that_come_first_with_their_voice() -> None:
    found = first_of({"play": {"url": "say:Good morning", "say_language": "de-DE"}})
    assert found == [
        {"type": "tts", "text": "Good morning", "language": "de-DE", "voice": "", "gender": ""},
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [{"play": "silence:5"}, {"play": FILM}],
        [{"play": "ring:de"}],
        [{"play": "https://example.com/%{vars.name}.mp3"}],
        [{"play": {"url": "say:Hello", "say_language": "%{vars.language}"}}],
        [{"cond": [{"when": "true", "then": [{"play": FILM}]}]}],
        [{"request": {"url": "https://example.com", "method": "GET"}}, {"play": FILM}],
        [{"connect": {"to": "/private/bob"}}, {"play": FILM}],
        ["hangup"],
    ],
)
def test_what_is_decided_later_or_needs_no_bringing_is_left(steps: list[Any]) -> None:
    assert first_of(*steps) == []
