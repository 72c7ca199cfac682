"""People on a telephone line are understood: recorded prompts, the real models, the bars of the product."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.people import VOICES, advice, prompts, word_errors, words
from bench.recognising import MOST_WRONG
from calling.speech import installed
from calling.speech.recogniser import Recognisers

NOWHERE = Path("/nonexistent")


@pytest.mark.soak_only
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    not installed.recognisers(NOWHERE), reason="needs the packages of requirements-speech.lock"
)
@pytest.mark.parametrize(
    ("model", "language", "most"),
    [
        (installed.QUICK, "en", MOST_WRONG[installed.QUICK]),
        (installed.ACCURATE, "en", MOST_WRONG[installed.ACCURATE]),
        (installed.ACCURATE, "es", 0.17),  # other languages are harder for a model of this size
    ],
)
def test_few_words_of_people_are_wrong(model: str, language: str, most: float) -> None:
    said = prompts(language)
    if not said:
        pytest.skip(advice(language))
    recogniser = Recognisers(NOWHERE).get(model)
    wrong = total = 0
    for each in said:
        spoken = words(each.text, language)
        heard = words(recogniser.recognise(each.sound(), language, ()).text, language)
        wrong, total = wrong + word_errors(spoken, heard), total + len(spoken)
    print(f"\n{model}, {language}: {len(said)} sentences, {total} words, {100 * wrong / total:.1f} % wrong")
    assert wrong / total <= most


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("Press one, please.", "press 1 please", 0),
        ("Your party's name", "your partys name", 0),
        ("re-enter", "re enter", 0),
        ("the folder is full", "the folders full", 2),
        ("hello", "", 1),
        ("", "thank you", 2),
        ("a b c d", "b c d e", 2),
    ],
)
def test_a_word_is_wrong_when_it_is_changed_left_out_or_added(said: str, heard: str, errors: int) -> None:
    assert word_errors(words(said, "en"), words(heard, "en")) == errors


def test_accents_are_not_counted() -> None:
    assert words("Número inválido, ¿sí?", "es") == words("numero invalido si", "es")


@pytest.mark.parametrize("language", VOICES)
def test_every_recording_has_a_voice(language: str) -> None:
    found = prompts(language)
    if not found:
        pytest.skip(advice(language))
    assert len(found) > 50 and all(len(each.sound()) > 8000 for each in found[::20])
