"""One leg's packets on their way to a speech worker, and the words that come back.

The worker decodes them, so that this loop need not: nothing is done per packet here while the forwarding loop
keeps them. The loop never waits for the worker: what does not fit is dropped, and counted by the link.
"""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from django.conf import settings

from calling.media.codecs.sent_away import PacketCollector
from calling.media.rtp.ticker import ticker
from calling.media.session.context import SessionContext
from calling.speech.frames import FRAME_MS
from calling.speech.link import SpeechFailed, SpeechLink, open_link, sockets

UNAVAILABLE: Final = "speech_unavailable"
AT_ONCE: Final = 1  # steps of 20 ms that are sent together where somebody waits for an answer
NOW_AND_THEN: Final = 10  # and where nobody does
PLACES: Final = count()  # so that not all legs send in the same step


class Hearing:
    """The sound of one leg, whichever peer carries it now. steps: of 20 ms, that are sent together."""

    def __init__(self, session: SessionContext, leg_id: str, steps: int = AT_ONCE) -> None:
        self.leg_id = leg_id
        self._steps = steps
        self._session = session
        self._link: SpeechLink | None = None
        self._ear = PacketCollector()
        self._peer_id = ""
        self._sent = self._due = 0  # steps
        self._place = next(PLACES)

    @property
    def dropped_ms(self) -> int:
        """What the worker was too slow to take."""
        return 0 if self._link is None else self._link.dropped * FRAME_MS

    async def open(self, ask: dict[str, Any]) -> None:
        """A session at a worker; the sound begins to go. Raises SpeechFailed."""
        if settings.CALLWRIGHT_SPEECH_WORKERS == 0:
            raise SpeechFailed(UNAVAILABLE)
        self._link = await open_link(sockets(settings.CALLWRIGHT_SPEECH_SOCKETS), ask)
        self._follow()
        ticker().add(self._tick)

    async def words(self) -> dict[str, Any]:
        """What the worker says next. Raises SpeechFailed."""
        assert self._link is not None
        return await self._link.words()

    def end(self) -> None:
        """No more sound; the worker's last words come."""
        self._send()
        self._let_go()
        if self._link is not None:
            self._link.end()

    def close(self) -> None:
        self._let_go()
        if self._link is not None:
            self._link.close()

    def _let_go(self) -> None:
        ticker().drop(self._tick)
        self._tap("")

    def _tick(self) -> bool:
        self._due += 1
        if (self._due + self._place) % self._steps == 0:
            self._send()
            self._follow()
        return True

    def _follow(self) -> None:
        leg = self._session.leg(self.leg_id)
        now = leg.peer_id if leg is not None and leg.peer_id in self._session.peers else ""
        if now != self._peer_id:
            self._tap(now)

    def _send(self) -> None:
        if self._link is not None and self._due > self._sent:
            self._link.send_packets(self._ear.batch(self._sent, self._due - self._sent))
            self._sent = self._due

    def _tap(self, peer_id: str) -> None:
        peers = self._session.peers
        if self._peer_id in peers:
            peers[self._peer_id].port.audio_in.untap(self._ear)
        if peer_id in peers:
            peers[peer_id].port.audio_in.tap_later(self._ear)
        self._peer_id = peer_id
