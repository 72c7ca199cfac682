"""Who answered: a person, a machine, a fax, or nobody who speaks; and when a machine's beep came. Pure.

A person says a word, or a name and a greeting, and waits. A machine speaks on, then beeps. What is measured
is how long somebody speaks before the first longer pause, and how much of that in one breath; no word is
understood. Time is that of the sound, 20 ms a frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from calling.speech.frames import FRAME_MS
from calling.speech.tones import Judged

PERSON, MACHINE, FAX, SILENCE = "person", "machine", "fax", "silence"
FLOOR: Final = -48.0  # dB: softer than that is nobody's voice
LOST: Final = -100.0  # dB: a packet that never came, or a line that sends zeros
ABOVE_NOISE: Final = 10.0  # dB that a voice is above the noise of the line
STEADY_HZ: Final = 25.0
BEEP_GLIDE_HZ: Final = 15.0  # a high vowel, which has one strong harmonic, moves further than that
VOICE_GLIDE_HZ: Final = 20.0  # what moves further is a voice; two tones that beat do not
HOLD_MS: Final = 60  # less is a lost packet, and no gap
GAP_MS: Final = 100  # between two words; less is the closure of a stop inside one (p, t, k)
WORD_MS: Final = 80  # shorter is a click
BREATH: Final = 0.3  # of the longest stretch without a gap, which counts in addition
CNG_HZ, CED_HZ = 1100.0, 2100.0  # of a calling and of an answering fax (T.30)
CNG_MS, CED_MS = (380, 640), 800
FAX_HZ: Final = 30.0
BEEP_HZ: Final = (600.0, 2600.0)
LOW_BEEP_HZ: Final = 350.0  # after words, when it cannot be ringing any more
BEEP_MS: Final = (100, 3000)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a verdict falls, in ms; the defaults are those of a telephone, not of a laboratory."""

    initial_ms: int = 4500  # of silence: nobody speaks
    end_silence_ms: int = 1000  # after a few words: a person who waits
    machine_voice_ms: int = 2200  # of speech in one breath before such a pause: a machine
    machine_words: int = 7
    ready_ms: int = 3000  # of silence after a machine: it takes the message


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind`: `result` (with a verdict), `beep`, or `message_over`. Times in ms of the sound."""

    kind: str
    at_ms: int
    verdict: str = ""
    start_ms: int = 0
    hertz: int = 0


@dataclass
class Tone:
    """A tone that goes on."""

    hertz: float
    start_ms: int
    end_ms: int  # of what there is so far
    level: float
    double: int  # frames that were judged as two tones
    frames: int = 1
    missing: int = 0
    over: int = 0  # frames since its end
    pitches: dict[int, tuple[float, float]] = field(default_factory=dict)
    """The lowest and the highest it has been, in Hz, where it was judged as one tone and as two: the stronger
    of two that beat is not where both together are."""

    @property
    def single(self) -> bool:
        """Whether it is one tone: most of it is. The edge of a tone that begins at once has others in it."""
        return self.double * 2 <= self.frames

    @property
    def glide(self) -> float:
        """Hz by which its pitch has moved."""
        return max((high - low for low, high in self.pitches.values()), default=0.0)


ALONE_FRAMES: Final = 4  # around a beep it is quiet; a vowel has a voice before it or behind it
BELOW_TONE: Final = 12.0  # dB


@dataclass
class Answering:
    """Follows one party that has answered. `frame` gives what is found with this frame."""

    thresholds: Thresholds = field(default_factory=Thresholds)
    verdict: str = ""
    _at: int = 0
    _noise: float = -60.0
    _tone: Tone | None = None
    _ended: Tone | None = None  # which still has to prove that it stood alone
    _loud: tuple[float, ...] = ()  # levels of the last frames that were no tone
    _words: int = 0
    _run: int = 0  # frames of voice without a gap
    _run_began: int = 0  # ms, as the next four
    _began: int = 0  # the first word
    _breath_began: int = 0
    _longest: int = 0  # breath
    _spoke_at: int = 0  # the last of a word
    _silence_ms: int = 0
    _spoke: bool = False

    @property
    def quiet(self) -> float:
        """The level below which a frame is silence."""
        return max(FLOOR, min(self._noise + ABOVE_NOISE, -20.0))

    def frame(self, judged: Judged) -> list[Finding]:
        found: list[Finding] = []
        self._at += FRAME_MS
        ended = self._alone(self._follow_tone(judged), judged)
        if ended is not None:
            found += self._tone_over(ended)
        if self._fax_answers():
            found += self._decide(FAX)
        self._follow_voice(judged)
        if not self.verdict:
            found += self._judge()
        elif self.verdict == MACHINE and self._silence_ms == self.thresholds.ready_ms // FRAME_MS * FRAME_MS:
            found.append(Finding("message_over", self._at))
        return found

    # --- tones

    def _follow_tone(self, judged: Judged) -> Tone | None:
        """The tone that is over with this frame, if one is."""
        tone = self._tone
        if judged.tones and tone is not None and abs(judged.hertz - tone.hertz) <= STEADY_HZ:
            tone.frames += 1
            tone.hertz += (judged.hertz - tone.hertz) / tone.frames
            tone.double += judged.tones == 2
            if not tone.missing:  # half of a frame behind a loss is silence, which blurs its pitch
                low, high = tone.pitches.get(judged.tones, (judged.hertz, judged.hertz))
                tone.pitches[judged.tones] = min(low, judged.hertz), max(high, judged.hertz)
            tone.missing, tone.end_ms = 0, self._at
            return None
        lost = judged.level <= LOST
        if (
            tone is not None
            and tone.missing < 2
            and not judged.tones
            and (lost or judged.level >= self.quiet)
        ):
            tone.missing += 1  # a lost packet, or another sound for a moment
            return None
        self._tone = None
        if judged.tones and self._quiet_before(judged.level):
            self._tone = Tone(
                judged.hertz, max(0, self._at - 2 * FRAME_MS), self._at, judged.level, int(judged.tones == 2)
            )
        return tone

    def _quiet_before(self, loud: float) -> bool:
        """Whether nothing but one frame, the tone's own edge, was about as loud just now."""
        return sum(each > loud - BELOW_TONE for each in self._loud) <= 1

    def _alone(self, ended: Tone | None, judged: Judged) -> Tone | None:
        """A tone that ended a moment ago and that nothing followed."""
        self._loud = (*self._loud, -100.0 if judged.tones else judged.level)[-ALONE_FRAMES:]
        waiting = self._ended
        if ended is not None:
            self._ended = ended
            return None
        if waiting is None:
            return None
        waiting.over += 1
        if waiting.over > 1 and judged.level > waiting.level - BELOW_TONE:
            self._ended = None
        elif waiting.over >= ALONE_FRAMES:
            self._ended = None
            return waiting
        return None

    def _fax_answers(self) -> bool:
        tone = self._tone
        return (
            not self._spoke
            and tone is not None
            and tone.single
            and abs(tone.hertz - CED_HZ) <= FAX_HZ
            and tone.frames * FRAME_MS >= CED_MS
        )

    def _tone_over(self, tone: Tone) -> list[Finding]:
        long = tone.end_ms - tone.start_ms
        if not tone.single or tone.glide > BEEP_GLIDE_HZ:
            return []
        if not self._spoke and abs(tone.hertz - CNG_HZ) <= FAX_HZ and CNG_MS[0] <= long <= CNG_MS[1]:
            return self._decide(FAX)
        low = LOW_BEEP_HZ if self._spoke else BEEP_HZ[0]
        if not (low <= tone.hertz <= BEEP_HZ[1] and BEEP_MS[0] <= long <= BEEP_MS[1]):
            return []
        found = [] if self.verdict else self._decide(MACHINE)
        if self.verdict != MACHINE:
            return found
        self._silence_ms = 0
        return [*found, Finding("beep", tone.end_ms, start_ms=tone.start_ms, hertz=round(tone.hertz))]

    # --- voices

    def _follow_voice(self, judged: Judged) -> None:
        tone = self._tone
        sings = judged.tones > 0 and tone is not None and tone.glide > VOICE_GLIDE_HZ
        if (judged.tones and not sings) or judged.level < self.quiet:
            self._silence_ms = 0 if judged.tones and self._spoke else self._silence_ms + FRAME_MS
            if self._silence_ms >= HOLD_MS or judged.tones:
                self._run = 0
            if not judged.tones:
                self._noise += (min(judged.level, -30.0) - self._noise) * (
                    0.3 if judged.level < self._noise else 0.02
                )
            return
        self._noise = min(-30.0, self._noise + 0.01)  # noise that has begun is learned in the end
        if self._run == 0:
            self._run_began = self._at - FRAME_MS
            if sings and tone is not None:  # what was taken for a tone until now
                self._run, self._run_began = tone.frames - 1, tone.start_ms
        self._run += 1
        if self._run * FRAME_MS >= WORD_MS:
            self._follow_word()

    def _follow_word(self) -> None:
        if not self._spoke:
            self._began = self._run_began
        if not self._spoke or self._run_began - self._spoke_at >= GAP_MS:
            self._words += 1
            self._breath_began = self._run_began
        self._spoke, self._silence_ms, self._spoke_at = True, 0, self._at
        self._longest = max(self._longest, self._at - self._breath_began)

    def _speaks_on(self) -> bool:
        """Whether it is more than a person says. A company's name, a name and a greeting have gaps between
        them; a sentence that is read has fewer, so it may be shorter."""
        spoken = self._spoke_at - self._began + BREATH * self._longest
        return spoken >= (1 + BREATH) * self.thresholds.machine_voice_ms

    def _judge(self) -> list[Finding]:
        limits = self.thresholds
        if not self._spoke:
            return self._decide(SILENCE) if self._at >= limits.initial_ms and self._tone is None else []
        if self._speaks_on() or self._words >= limits.machine_words:
            return self._decide(MACHINE)
        if self._silence_ms >= limits.end_silence_ms:
            return self._decide(PERSON)
        return []

    def _decide(self, verdict: str) -> list[Finding]:
        if self.verdict:
            return []
        self.verdict = verdict
        return [Finding("result", self._at, verdict)]
