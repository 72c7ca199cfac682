"""The parameters of a `relay`: read into flat params with every default filled in.

Names are those of Twilio's ConversationRelay in snake case. A media worker reads from `Operation.params`:
{url, parameters, voice, gender, greeting, greeting_interruptible, interruptible, report (each none, dtmf,
speech or any), preemptible, digits, partial, debug, redact, language (spoken), hear: {model, language, hints,
end_silence_ms}}.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings

from calling.commands import speech_params, spoken
from calling.commands.params import Params, compact
from calling.outbound_http import url_text

MODES: Final = ("none", "dtmf", "speech", "any")
DEBUG: Final = ("speaker-events", "tokens-played")
MAX_GREETING: Final = 4000
MAX_PARAMETERS: Final = 4096
MAX_HINTS: Final = 4000
END_SILENCE_MS: Final = 500


def relay(form: Params) -> dict[str, Any]:
    language = form.text("language", 20, spelling=speech_params.LANGUAGE) or "en-US"
    speaks = spoken.language(form, "tts_language" if form.given("tts_language") else "language")
    heard = form.text("transcription_language", 20, spelling=speech_params.LANGUAGE) or language
    silence = form.number("end_silence_timeout", 0.2, 5)
    model = form.choice("model", speech_params.MODELS)
    params = {
        "url": socket_url(form),
        "parameters": parameters(form),
        "language": speaks,
        **spoken.speaker(form),
        "greeting": greeting(form),
        "greeting_interruptible": mode(form, "welcome_greeting_interruptible", "any"),
        "interruptible": mode(form, "interruptible", "any"),
        "report": mode(form, "report_input_during_agent_speech", "none"),
        "preemptible": form.boolean("preemptible") or False,
        "digits": form.boolean("dtmf_detection") or False,
        "partial": form.boolean("partial_prompts") or False,
        "debug": debug(form),
    }
    if form.given("redact"):
        params["redact"] = speech_params.redact(form)
    hear: dict[str, Any] = {
        "language": heard,
        "hints": hints(form),
        "end_silence_ms": END_SILENCE_MS if silence is None else round(silence * 1000),
    }
    if not form.faults:
        attribute = "transcription_language" if form.given("transcription_language") else "language"
        hear["model"] = speech_params.chosen_model(form, model, heard, attribute)
    return {**params, "hear": hear}


def socket_url(form: Params) -> str | None:
    """As it was given: the upgrade is signed over these characters. It is judged again when it is dialled."""
    url = form.text("url", 2000, required=True)
    if url is None:
        return None
    try:
        allow = settings.CALLWRIGHT_ALLOW_PRIVATE_URLS
        url_text.parse_url(url, allow_private=allow, schemes=("wss", "ws"))
    except url_text.UnsafeUrl as error:
        form.fail("url", f"url: {error}", "url_is_unsafe")
        return None
    return url


def parameters(form: Params) -> dict[str, str]:
    """What `setup` tells the program besides, as `customParameters`."""
    given = form.value("parameters")
    if given is None:
        return {}
    if (
        not isinstance(given, dict)
        or not all(isinstance(each, str) for each in given.values())
        or len(compact(given)) > MAX_PARAMETERS
    ):
        form.fail("parameters", "parameters must be an object of strings, at most 4 kB.")
        return {}
    return dict(given)


def greeting(form: Params) -> str:
    """More than one line is allowed, as in every text that is spoken."""
    given = form.value("welcome_greeting")
    if given is None:
        return ""
    if not isinstance(given, str) or len(given) > MAX_GREETING:
        form.fail("welcome_greeting", f"welcome_greeting must be text of at most {MAX_GREETING} characters.")
        return ""
    return given


def mode(form: Params, name: str, default: str) -> str:
    """`none dtmf speech any`; true and false stand for the last and the first."""
    given = form.value(name)
    if isinstance(given, bool):
        return "any" if given else "none"
    if given is None:
        return default
    if given not in MODES:
        form.fail(name, f"{name} must be one of {', '.join(MODES)}, or true or false.")
        return default
    return str(given)


def hints(form: Params) -> list[str]:
    """A list, or one text with commas as Twilio has it."""
    given = form.value("hints")
    if not isinstance(given, str):
        return speech_params.hints(form)
    found = [each.strip() for each in given.split(",") if each.strip()]
    if (
        len(given) > MAX_HINTS
        or len(found) > speech_params.MOST_HINTS
        or any(len(each) > 100 for each in found)
    ):
        form.fail(
            "hints", f"hints must be at most {speech_params.MOST_HINTS} words of at most 100 characters."
        )
        return []
    return found


def debug(form: Params) -> list[str]:
    """A list of the `info` frames that are wanted, or one text with spaces."""
    given = form.value("debug")
    if given is None:
        return []
    names = given.split() if isinstance(given, str) else given
    if not isinstance(names, list) or not all(each in DEBUG for each in names):
        form.fail("debug", f"debug must be of {' and '.join(DEBUG)}.")
        return []
    return sorted(set(names))
