"""Who speaks a text: `language`, `gender` and `voice` of a command, judged before it is spoken. No I/O."""

from __future__ import annotations

from calling.commands.params import Params
from calling.swml import voices


def language(form: Params, name: str = "language", default: str = "en-US") -> str:
    """One that is spoken here."""
    found = form.text(name, 35)
    if found is not None and (why := voices.language_refusal(found)) is not None:
        form.fail(name, f"{name} {why}.")
    return found or default


def speaker(form: Params) -> dict[str, str | None]:
    """`gender` and `voice`. SignalWire's surfaces take the names of other providers' voices too, which their
    scripts are full of: the gender chooses then."""
    gender, voice = form.text("gender", 20), form.text("voice", 100)
    if gender is not None and (why := voices.gender_refusal(gender)) is not None:
        form.fail("gender", f"gender {why}.")
    if voice is not None and form.strict and (why := voices.voice_refusal(voice)) is not None:
        form.fail("voice", f"voice {why}.")
    return {"gender": gender or "female", "voice": voice}
