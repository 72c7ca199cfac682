"""Who of a room is heard: three talkers (all of four members), by their levels with hysteresis. Pure.

Levels are RFC 6464: -dBov, 0 loud and 127 silent. The score is smoothed and grows quickly, falls slowly,
so a cough does not take a place and a pause between words does not lose it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

MOST = 3
SPEECH = 127 - 55  # score above which it counts as speech
LEAD = 8.0  # dB by which a challenger must be louder than the weakest talker
HOLD = 25  # ticks of 20 ms that a talker keeps its place in silence
ATTACK, DECAY = 0.4, 0.08
FLOOR_HOLD = 60  # ticks of leading before the picture changes


class ActiveSpeakers:
    """Levels go in, `chosen` comes out; ask once per 20 ms tick."""

    def __init__(self) -> None:
        self.chosen: tuple[Hashable, ...] = ()
        self.speaker: Hashable | None = None  # the one to be seen
        self._scores: dict[Hashable, float] = {}
        self._quiet: dict[Hashable, int] = {}
        self._extra: set[Hashable] = set()
        self._leading: Hashable | None = None
        self._lead_ticks = 0

    def join(self, who: Hashable, *, extra: bool = False) -> None:
        """extra: a trunk, which takes nobody's place (whom it brings was chosen elsewhere)."""
        if extra:
            self._extra.add(who)
        self._scores.setdefault(who, 0.0)
        self._quiet.setdefault(who, HOLD)

    def leave(self, who: Hashable) -> None:
        self._scores.pop(who, None)
        self._quiet.pop(who, None)
        self._extra.discard(who)
        self.chosen = tuple(one for one in self.chosen if one != who)
        if self.speaker == who:
            self.speaker = None

    def level(self, who: Hashable, level: int) -> None:
        """One packet's level."""
        score = self._scores.get(who)
        if score is None:
            return
        loud = 127 - level
        self._scores[who] = score + (loud - score) * (ATTACK if loud > score else DECAY)
        if loud >= SPEECH:
            self._quiet[who] = 0

    def tick(self, muted: Iterable[Hashable] = ()) -> tuple[Hashable, ...]:
        """The talkers of the next 20 ms."""
        silent = set(muted)
        for who in self._quiet:
            self._quiet[who] += 1
            if self._quiet[who] > 5:
                self._scores[who] *= 0.97
        talking = [who for who in self._extra if self._quiet[who] < HOLD]
        kept = [
            who
            for who in self.chosen
            if who not in silent and who not in self._extra and self._quiet.get(who, HOLD) < HOLD
        ]
        rivals = [
            who
            for who, score in self._scores.items()
            if score >= SPEECH * 0.5
            and self._quiet[who] < 5
            and who not in kept
            and who not in silent
            and who not in self._extra
        ]
        rivals.sort(key=lambda who: -self._scores[who])
        # four may all be talkers, so that each hears exactly the other three
        most = MOST + 1 if len(self._scores) - len(self._extra) == MOST + 1 else MOST
        for gone in sorted(kept, key=lambda who: self._scores[who])[: max(0, len(kept) - most)]:
            kept.remove(gone)
        for rival in rivals:
            if len(kept) < most:
                kept.append(rival)
                continue
            weakest = min(kept, key=lambda who: self._scores[who])
            if self._scores[rival] < self._scores[weakest] + LEAD:
                break
            kept[kept.index(weakest)] = rival
        self.chosen = (*kept, *talking)
        self._choose_speaker()
        return self.chosen

    def _choose_speaker(self) -> None:
        loudest = max(self.chosen, key=lambda who: self._scores[who], default=None)
        if loudest is None or loudest == self.speaker:
            self._leading, self._lead_ticks = None, 0
            return
        if loudest != self._leading:
            self._leading, self._lead_ticks = loudest, 0
        self._lead_ticks += 1
        if self.speaker is None or self.speaker not in self._scores or self._lead_ticks > FLOOR_HOLD:
            self.speaker = loudest
            self._leading, self._lead_ticks = None, 0
