"""What a script plays first, brought before it is its turn: while the phone rings and the media connects.

A film is fetched and decoded whole before its first picture, and words are spoken whole, so a party that has
just answered would wait for both. Nothing is played here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final

from calling.media.files.turns import Ask
from calling.media.operations.playback import PlaybackFailed, prepared
from calling.media.swml_host.prompts import item_of
from calling.swml import actions, build
from calling.swml.checks import is_template
from calling.swml.parse import MAIN, Document

QUIET: Final = ("answer", "label", "set", "unset", "sleep", "record_call", "user_event")
"""Verbs that may come before the first sound and do not decide what it is."""

VOICE: Final = ("say_voice", "say_language", "say_gender")


async def bring(document: Document, ask: Ask) -> None:
    """Have the first sound ready in the cache; one that cannot be had says so when it is played."""
    for item in first_items(document):
        with contextlib.suppress(PlaybackFailed):
            await prepared(item, ask=ask)


def first_items(document: Document) -> Sequence[dict[str, Any]]:
    """The first item of the first step of `main` that plays, as `Playback` takes it.

    Empty where a step before decides what comes, where the words are those of a variable, and for sounds that
    need not be brought.
    """
    for step in document.sections[MAIN]:
        verb, given = next(iter(step.items()))
        if verb in QUIET:
            continue
        sources = given.get("urls") if verb in ("play", "prompt") and isinstance(given, dict) else None
        if not isinstance(sources, list) or not sources or any(map(is_template, [sources[0], *voice(given)])):
            return ()
        item = build.item(sources[0])
        language, gender = str(given.get("say_language") or "en-US"), str(given.get("say_gender") or "")
        playing = actions.Playing(
            (item,), voice=str(given.get("say_voice") or ""), language=language, gender=gender
        )
        return (item_of(item, playing),) if item.kind in ("url", "say") else ()
    return ()


def voice(given: dict[str, Any]) -> list[Any]:
    return [given[name] for name in VOICE if name in given]
