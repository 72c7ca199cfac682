"""Small readings for `program_host`: what an item is to play, who the caller is, which legs are targets."""

from __future__ import annotations

import contextlib
from typing import Any

from calling import models
from calling.machine.states import Call, Role
from calling.scripts import actions
from subscribers.http.problems import ApiError
from tokens.claims import BadClaims, holder_of
from tokens.subjects import DEFAULT_ENTRIES, TokenHolder


def caller_of(row: models.ScriptRun) -> TokenHolder:
    """Whoever called, for destinations made of the caller's own words.

    Without a token (a phone, a SIP peer, the party of a back end's call) that is what a subscriber's token
    without `allowed_addresses` may dial.
    """
    with contextlib.suppress(BadClaims):
        return holder_of(dict(row.progress.get("caller") or {}))
    return TokenHolder(row.project_id, "guest", None, "", row.id, row.created_at, DEFAULT_ENTRIES)


def item_of(item: actions.Item, playing: actions.Playing) -> dict[str, Any]:
    """A script's item as `sounding` plays it."""
    match item.kind:
        case "url":
            return {"type": "audio", "url": item.text}
        case "say":
            words = {"language": playing.language, "voice": playing.voice, "gender": playing.gender}
            return {"type": "tts", "text": item.text, **words}
        case "silence":
            return {"type": "silence", "duration": item.seconds}
        case _:
            return {"type": "ringtone", "duration": item.seconds}


def new_targets(call: Call) -> set[str]:
    """The legs of a call that were connected or transferred to."""
    return {leg.id for leg in call.legs if leg.role is Role.TARGET}


def problem_code(problem: ApiError) -> str:
    return str(getattr(problem, "code", "") or "failed")[:64]
