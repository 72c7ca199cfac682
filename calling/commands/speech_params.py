"""What `transcribe`, `detect` and `denoise` may carry, and whether this instance can do them: 422 where not.

* transcribe {model: accurate|quick, language, hints, partial, end_silence_ms, redact: [digits, card_numbers]}
* speech of collect {the same but partial, speech_timeout}
* detect     {timeout, initial_timeout, end_silence_timeout, machine_voice_threshold,
              machine_words_threshold, machine_ready_timeout, wait_for_beep}
* denoise    {}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from calling.commands.params import Params, Spelling
from calling.speech import installed, redaction
from rest import errors

MODELS: Final = (installed.ACCURATE, installed.QUICK)
LANGUAGE: Final = Spelling(re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"), "a language tag such as en-US")
MOST_HINTS: Final = 100
MODES: Final = ("detect", "detect_message_end")
UNAVAILABLE: Final = "speech_unavailable"


def require_worker() -> None:
    """Raises 422 `speech_unavailable` where no speech worker runs."""
    if settings.CALLWRIGHT_SPEECH_WORKERS == 0:
        raise errors.Unprocessable(UNAVAILABLE, "This instance has no speech worker.")


def recognisers() -> tuple[str, ...]:
    """The models of this instance, the better first."""
    return installed.recognisers(settings.CALLWRIGHT_SPEECH_MODELS)


def require_recogniser(model: str | None = None) -> None:
    """Raises 422 `speech_unavailable` where no recogniser is installed, or not that one."""
    require_worker()
    there = recognisers()
    if not there:
        words = f"No speech recogniser is installed: {installed.ADVICE}"
        raise errors.Unprocessable(UNAVAILABLE, words)
    if model is not None and model not in there:
        raise errors.Unprocessable(UNAVAILABLE, f"The model {model} is not installed.", "model")


def transcribe(form: Params) -> dict[str, Any]:
    model = form.choice("model", MODELS)
    language = form.text("language", 20, spelling=LANGUAGE) or "en-US"
    silence = form.number("end_silence_timeout", 0.2, 5)
    params = {
        "language": language,
        "hints": hints(form),
        "partial": form.boolean("partial_results") is not False,
        "end_silence_ms": 700 if silence is None else round(silence * 1000),
    }
    if form.given("redact"):
        params["redact"] = redact(form)
    if form.boolean("captions"):
        params["captions"] = True
    if form.faults:
        return params
    return {"model": chosen_model(form, model, language), **params}


def chosen_model(form: Params, model: str | None, language: str, attribute: str = "language") -> str:
    """The model asked for, or the best that is installed. Raises 422 `speech_unavailable`."""
    require_recogniser(model)
    english = language.partition("-")[0].lower() == "en"
    chosen = model or recognisers()[0]
    if chosen == installed.QUICK and not english:
        words = f"The model {chosen} understands only English."
        if model is None:
            raise errors.Unprocessable(UNAVAILABLE, words, attribute)
        form.fail(attribute, words)
    return chosen


def collected(form: Params) -> dict[str, Any]:
    """The `speech` of a `collect`: how long a text may take, beside what `transcribe` takes."""
    longest = form.number("speech_timeout", 1, 600)
    params = transcribe(form)
    return {**params, "partial": False, "speech_timeout": 60 if longest is None else longest}


def redact(form: Params) -> list[str]:
    """What leaves the text before anybody is told it; nothing, where the list is empty."""
    given = form.value("redact")
    if given is None:
        return []
    if not isinstance(given, list) or not all(each in redaction.KINDS for each in given):
        form.fail("redact", f"redact must be a list of {' and '.join(redaction.KINDS)}.")
        return []
    return sorted(set(given))


def hints(form: Params) -> list[str]:
    """Words that are likely to be said."""
    given = form.value("hints")
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > MOST_HINTS:
        form.fail("hints", f"hints must be a list of at most {MOST_HINTS} words.")
        return []
    if not all(isinstance(each, str) and 1 <= len(each) <= 100 for each in given):
        form.fail("hints", "hints must be texts of 1 to 100 characters.")
        return []
    return list(given)


def detect(form: Params) -> dict[str, Any]:
    params = {
        "timeout": form.number("timeout", 1, 300) or 30,
        "initial_timeout": form.number("initial_timeout", 0.5, 60),
        "end_silence_timeout": form.number("end_silence_timeout", 0.2, 10),
        "machine_voice_threshold": form.number("machine_voice_threshold", 0.2, 10),
        "machine_words_threshold": form.integer("machine_words_threshold", 1, 20),
        "machine_ready_timeout": form.number("machine_ready_timeout", 0.2, 60),
        "wait_for_beep": form.boolean("wait_for_beep") or False,
    }
    if not form.faults:
        require_worker()
    return params


def denoise(form: Params) -> dict[str, Any]:
    if not form.faults:
        require_worker()
        if not installed.denoiser(settings.CALLWRIGHT_SPEECH_MODELS):
            words = f"No denoiser is installed: {installed.DENOISE_ADVICE}"
            raise errors.Unprocessable(UNAVAILABLE, words)
    return {}


def machine_detection(form: Params) -> dict[str, Any] | None:
    """The field of a dial: `true`, a mode, or an object of a mode and the fields of `detect`."""
    given = form.value("machine_detection")
    if given is None or given is False:
        return None
    if given is True or isinstance(given, str):
        given = {"mode": given} if isinstance(given, str) else {}
    if not isinstance(given, Mapping):
        form.fail("machine_detection", "machine_detection must be true, a mode or an object.")
        return None
    if settings.CALLWRIGHT_SPEECH_WORKERS == 0:
        words = "machine_detection needs a speech worker, and this instance has none."
        form.fail("machine_detection", words, UNAVAILABLE)
        return None
    inner = form.part("machine_detection", given)
    mode = inner.choice("mode", MODES, "detect")
    params = detect(inner)
    form.faults += inner.faults
    return {**params, "wait_for_beep": params["wait_for_beep"] or mode == "detect_message_end"}
