"""People on a telephone line are understood: recorded prompts, the real models, the bars of the product."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bench import accuracy, voices
from bench.people import VOICES, advice, prompts, word_errors, words
from bench.recognising import MOST_WRONG
from calling.speech import installed
from calling.speech.frames import RATE, Pcm
from calling.speech.recogniser import Heard, Recognisers

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
    row = accuracy.measure(Recognisers(NOWHERE).get(model), said, language)
    print("\n" + accuracy.told(model, language, row))
    assert row.share <= most


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("Press one, please.", "press 1 please", 0),
        ("Your party's name", "your partys name", 0),
        ("re-enter", "re enter", 0),
        ("Mister Brown", "Mr. Brown", 0),
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


def test_the_reader_and_every_voice_that_is_here_are_heard_over_the_line() -> None:
    said = [*voices.reader()[:2], *(voices.Spoken("Please try again.", each.say) for each in voices.voices())]
    if not said:
        pytest.skip("needs flite, espeak-ng, hibari-tts or pocketsphinx-testdata")
    for each in said:
        sound = each.sound().astype(float)
        spectrum, hertz = np.abs(np.fft.rfft(sound)) ** 2, np.fft.rfftfreq(len(sound), 1 / RATE)
        assert len(sound) > RATE / 2 and words(each.text, "en")
        assert spectrum[hertz < 3500].sum() > 0.9 * spectrum[hertz > 50].sum() > 0


def test_the_errors_of_a_speaker_are_added_up() -> None:
    class Deaf:
        def recognise(self, pcm: Pcm, language: str, hints: Sequence[str]) -> Heard:
            return Heard("please again", 1.0)

    say = lambda text: (np.zeros(RATE, np.int16), RATE)  # noqa: E731
    row = accuracy.measure(Deaf(), [voices.Spoken("Please try again.", say)] * 2, "en")
    assert (row.sentences, row.words, row.wrong) == (2, 6, 2) and row.share == 1 / 3
