"""What a script's party says: an ear for it, and its sentences. What is done with them is in prompts.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from calling.commands import operation_params
from calling.commands.params import InvalidParams
from calling.media.operations.digits import RECOGNISED_SECONDS
from calling.media.operations.hearing import Hearing
from calling.media.swml_host.party import FAILED, Outcome, ScriptParty
from calling.speech.link import SpeechFailed
from rest.errors import ApiError


async def listen(party: ScriptParty, spoken: Mapping[str, Any]) -> Hearing | None:
    """An ear for the fields of a collect's `speech`; None where nobody can hear."""
    if party.plan.leg_id is None:
        return None
    hearing = Hearing(party.session, party.plan.leg_id)
    try:
        _, params = operation_params.read("collect", {"speech": dict(spoken)})
        asked = params["speech"]
        await hearing.open({"job": "transcribe", **asked, "early": True})
    except (ApiError, InvalidParams, SpeechFailed):
        hearing.close()
        return None
    return hearing


async def voice(hearing: Hearing) -> None:
    """Until somebody speaks. Raises SpeechFailed."""
    while (await hearing.words()).get("say") != "voice":
        pass


async def sentence(hearing: Hearing, longest: float) -> Outcome:
    """The words of the utterance that goes on, `longest` seconds long at most."""
    try:
        async with asyncio.timeout(longest + RECOGNISED_SECONDS):
            while True:
                said = await hearing.words()
                if said.get("say") == "final":
                    found = {"value": said["text"], "confidence": said.get("confidence")}
                    return {"result": "match_speech", **found}
    except TimeoutError:
        return {"result": "no_match"}
    except SpeechFailed:
        return FAILED
