"""A person, a machine, a fax or nobody: told from the cadence of a voice and from tones, without a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from calling.speech.detector import Detector
from calling.speech.frames import FRAME, RATE, Sound
from tests.speech import sounds
from tests.speech.sounds import Pcm

espeak = pytest.mark.needs("espeak-ng")
PERSONS = (
    ("en-us", "Hello?"),
    ("de", "Schmidt."),
    ("fr+f3", "Allô?"),
    ("es", "¿Diga?"),
    ("it+f3", "Pronto?"),
)
COMPANIES = (
    ("en-us", "Parker's Garage, good afternoon."),
    ("de+m3", "Praxis Doktor Weber, guten Morgen."),
    ("de+f2", "Krankenhaus Nord, guten Abend."),
    ("fr", "Bonjour, cabinet dentaire Laurent."),
    ("es+f2", "Hotel Central, buenas noches."),
    ("it+m3", "Ristorante da Luigi, buongiorno."),
    ("nl+f2", "Hotel de Kroon, goedenavond."),
)
MACHINES = (
    ("en-us", "Hi, you have reached Peter. I cannot take your call. Please leave a message after the tone."),
    ("de+f3", "Der Teilnehmer ist zurzeit nicht erreichbar. Bitte sprechen Sie nach dem Ton."),
    ("fr", "Bonjour, vous êtes bien sur le répondeur de Marie. Laissez un message après le bip."),
)


AFTER = sounds.silence(0.5)


def found(*parts: Pcm, **params: Any) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    detector = Detector(params, lambda words: told.append(dict(words)))
    for number, pcm in enumerate(sounds.frames(*parts)):
        detector.hear(Sound(number, pcm))
    return told


def results(told: list[dict[str, Any]]) -> list[str]:
    return [each["result"] for each in told if each["say"] == "result"]


@espeak
@pytest.mark.parametrize(("voice", "text"), PERSONS)
def test_who_says_a_word_and_waits_is_a_person(voice: str, text: str) -> None:
    (result,) = found(sounds.silence(0.5), sounds.words(text, voice), sounds.silence(3))
    assert result["result"] == "person" and result["at_ms"] < 3500


@espeak
@pytest.mark.parametrize(("voice", "text"), COMPANIES)
def test_who_says_a_companys_name_and_a_greeting_is_a_person(voice: str, text: str) -> None:
    for speed in (150, 190):
        told = found(sounds.silence(0.5), sounds.words(text, voice, speed), sounds.silence(3))
        assert results(told) == ["person"], speed


def speech(*seconds: float) -> list[Pcm]:
    """Stretches of voice (noise of its level) with 0.2 s between them."""
    noise = np.random.default_rng(1)
    gap = sounds.silence(0.2)
    return [
        part for each in seconds for part in (noise.normal(0, 3000, int(each * RATE)).astype(np.int16), gap)
    ]


def test_speech_in_one_breath_is_a_machine_where_as_much_in_short_ones_is_a_person() -> None:
    assert results(found(sounds.silence(0.4), *speech(2.3), sounds.silence(2))) == ["machine"]
    assert results(found(sounds.silence(0.4), *speech(0.8, 0.5, 0.6), sounds.silence(2))) == ["person"]
    assert results(found(sounds.silence(0.4), *speech(0.8, 0.8, 0.8), sounds.silence(2))) == ["machine"]


def test_the_closure_of_a_stop_is_no_gap_between_words() -> None:
    closure = sounds.silence(0.08)
    syllables = [part for each in speech(*[0.14] * 9)[::2] for part in (each, closure)]
    assert results(found(sounds.silence(0.4), *syllables, sounds.silence(2))) == ["person"]


def test_a_high_vowel_whose_pitch_moves_is_no_beep() -> None:
    at = np.arange(int(0.3 * RATE)) / RATE
    vowel = (np.sin(2 * np.pi * (430 + 50 * at) * at) * 5000).astype(np.int16)  # 430 to 460 Hz
    assert results(found(sounds.silence(0.4), *speech(0.3), vowel, sounds.silence(2))) == ["person"]


@pytest.mark.parametrize("lost", range(24, 43))
def test_a_lost_packet_inside_a_beep_does_not_hide_it(lost: int) -> None:
    told: list[dict[str, Any]] = []
    detector = Detector({}, lambda words: told.append(dict(words)))
    for number, pcm in enumerate(
        sounds.frames(sounds.silence(0.5), sounds.tone(0.3, 1000), sounds.silence(1))
    ):
        if number != lost:
            detector.hear(Sound(number, pcm))
    (beep,) = [each for each in told if each["say"] == "beep"]
    assert abs(beep["end_ms"] - 800) <= 40


@espeak
@pytest.mark.parametrize(("voice", "text"), MACHINES)
def test_who_speaks_on_is_a_machine_and_its_beep_is_found_to_100_ms(voice: str, text: str) -> None:
    greeting = sounds.words(text, voice)
    lead, gap, beep = sounds.silence(0.4), sounds.silence(0.5), sounds.tone(0.4, 1000)
    told = found(lead, greeting, gap, beep, sounds.silence(1))
    end = (len(lead) + len(greeting) + len(gap) + len(beep)) // 16
    assert results(told) == ["machine"] and told[0]["at_ms"] < 400 + 4000
    (tone,) = [each for each in told if each["say"] == "beep"]
    assert abs(tone["end_ms"] - end) <= 100 and abs(tone["start_ms"] - (end - 400)) <= 100
    assert abs(tone["hertz"] - 1000) < 15


@pytest.mark.parametrize("hertz", [670, 1190, 1264])
def test_a_beep_that_begins_at_once_anywhere_in_a_frame_is_one_tone(hertz: float) -> None:
    for samples in range(0, FRAME, 20):
        told = found(sounds.silence(0.5), sounds.silence(samples / RATE), sounds.tone(0.3, hertz), AFTER)
        assert [each["say"] for each in told] == ["result", "beep"], samples


def test_a_fax_that_answers_is_one() -> None:
    assert results(found(sounds.silence(0.4), sounds.tone(2.6, 2100), sounds.silence(1))) == ["fax"]


def test_a_fax_that_calls_is_one() -> None:
    cng = (sounds.tone(0.5, 1100), sounds.silence(3))
    assert results(found(sounds.silence(0.4), *cng)) == ["fax"]


@pytest.mark.parametrize("hertz", [(440, 480), (425,), (400, 450), (480, 620)])
def test_ringing_and_busy_are_nobody(hertz: tuple[float, ...]) -> None:
    told = found(*[part for _ in range(3) for part in (sounds.tone(1, *hertz), sounds.silence(1))])
    assert set(results(told)) <= {"silence"} and not [each for each in told if each["say"] == "beep"]


@pytest.mark.parametrize("hertz", [(440, 480), (425,), (400, 450)])
def test_ringing_that_begins_anywhere_in_a_frame_is_no_voice(hertz: tuple[float, ...]) -> None:
    for samples in range(0, FRAME, 40):
        lead = sounds.silence(0.3 + samples / RATE)
        assert found(lead, sounds.tone(1, *hertz, level=2500), sounds.silence(2)) == [], samples


@pytest.mark.parametrize("loud", [0, 40])
def test_a_line_without_a_word_is_silence_after_the_initial_timeout(loud: float) -> None:
    noise = np.random.default_rng(1).normal(0, loud, 16000 * 4).astype(np.int16)
    (result,) = found(noise, initial_timeout=2)
    assert result == {"say": "result", "at_ms": 2000, "result": "silence"}


@espeak
def test_lost_frames_are_silence_and_do_not_shift_time() -> None:
    told: list[dict[str, Any]] = []
    detector = Detector({}, lambda words: told.append(dict(words)))
    every = sounds.frames(sounds.silence(0.5), sounds.words("Hello?"), sounds.silence(3))
    for number, pcm in enumerate(every):
        if number >= 20:
            detector.hear(Sound(number, pcm))
    whole = found(np.concatenate(every))
    assert told == whole and detector.dropped == 20
