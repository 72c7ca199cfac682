"""What a text can be spoken with: languages, voices and genders of espeak-ng (1.51 and later). Pure.

Who asks for another one is told so before anything is spoken: words in the sounds of another language are
nonsense. `calling.media.tts` speaks.
"""

from __future__ import annotations

import re
from typing import Final

GENDERS: Final = ("female", "male")
VOICES: Final = tuple(
    f"{kind}{number}" for kind, most in (("f", 5), ("m", 8)) for number in range(1, most + 1)
)
"""Variants of every language; without one the gender chooses."""

LANGUAGES: Final = frozenset((
    "af", "am", "an", "ar", "as", "az", "ba", "be", "bg", "bn", "bs", "ca", "cmn", "cs", "cy", "da", "de",
    "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fr", "ga", "gd", "gn", "gu", "he", "hi", "hr", "ht",
    "hu", "hy", "ia", "id", "is", "it", "ja", "ka", "kk", "kl", "kn", "ko", "kok", "ku", "ky", "la", "lb",
    "lt", "lv", "mi", "mk", "ml", "mr", "ms", "mt", "my", "nb", "ne", "nl", "no", "om", "or", "pa", "pl",
    "pt", "py", "qu", "ro", "ru", "sd", "si", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th", "tk",
    "tr", "tt", "ug", "uk", "ur", "uz", "vi", "yue", "zh",
))  # fmt: skip
"""The first parts of BCP 47 tags, with the two of Chinese and Norwegian that are usual."""

_TAG: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")


def language_refusal(language: str) -> str | None:
    """Why nothing can be spoken in a language; None where it can."""
    if not _TAG.fullmatch(language):
        return "must be a language tag such as en-US"
    if re.split("[-_]", language)[0].lower() not in LANGUAGES:
        return f"is a language that this instance cannot speak: {language}"
    return None


def gender_refusal(gender: str) -> str | None:
    return None if gender.lower() in GENDERS else f"must be {' or '.join(GENDERS)}"


def voice_refusal(voice: str) -> str | None:
    return None if voice.lower() in VOICES else f"must be one of {', '.join(VOICES)}"
