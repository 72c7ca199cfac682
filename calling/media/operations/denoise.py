"""The `denoise` operation: what a leg says, without its noise, for everybody who hears it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from django.conf import settings

from calling.media.operations.denoising import Denoising
from calling.media.operations.hearing import UNAVAILABLE
from calling.media.operations.operation import OperationFailed, RunningOperation
from calling.media.session.context import SessionContext
from calling.media.session.rows import OperationRow
from calling.speech.frames import Piece
from calling.speech.link import SpeechFailed, SpeechLink, open_link, sockets

LOOK_SECONDS: Final = 1.0
SLOW: Final = "speech_worker_slow"
TWICE: Final = "already_denoised"


class Denoise(RunningOperation):
    """`denoise`: until it is stopped or the leg ends. When the worker fails, the sound goes on as it is."""

    def __init__(self, wanted: OperationRow, session: SessionContext) -> None:
        super().__init__(wanted, session)
        self._denoising: Denoising | None = None

    async def work(self) -> dict[str, Any]:
        leg_id = self.wanted.leg_id
        if leg_id is None:
            raise OperationFailed("a denoise needs a leg")
        if settings.CALLWRIGHT_SPEECH_WORKERS == 0:
            raise OperationFailed(UNAVAILABLE)
        try:
            link = await open_link(sockets(settings.CALLWRIGHT_SPEECH_SOCKETS), {"job": "denoise"})
        except SpeechFailed as why:
            raise OperationFailed(str(why)) from why
        try:
            return await self._follow(link, leg_id)
        finally:
            if self._denoising is not None:
                self._denoising.attach(None)
            link.close()

    async def _follow(self, link: SpeechLink, leg_id: str) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        slow = asyncio.Event()
        denoising = self._denoising = Denoising(link.send_piece, slow.set)
        self._attach(denoising, leg_id)
        self.started()
        ends = [loop.create_task(each) for each in (self.stopped.wait(), slow.wait(), read(link, denoising))]
        stopping, slowing, reading = ends
        try:
            while True:
                changing = loop.create_task(self.session.change(LOOK_SECONDS))
                done, _ = await asyncio.wait({*ends, changing}, return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
                if stopping in done:
                    return {**self.remains(), "reason": "stopped"}
                if reading in done:
                    denoising.attach(None)
                    reason = reading.exception()
                    raise OperationFailed(str(reason)) from reason
                if slowing in done:
                    raise OperationFailed(SLOW)
                self._attach(denoising, leg_id)
        finally:
            for task in ends:
                task.cancel()

    def remains(self) -> dict[str, Any]:
        done = self._denoising
        return {} if done is None else {"denoised_ms": done.cleaned_ms, "passed_ms": done.passed_ms}

    def _attach(self, denoising: Denoising, leg_id: str) -> None:
        """Before whichever peer carries the leg now."""
        peer = self.session.peer_of_leg(leg_id)
        if not denoising.attach(peer.port.audio_in if peer is not None else None):
            raise OperationFailed(TWICE)


async def read(link: SpeechLink, denoising: Denoising) -> None:
    """Hand on what the worker sends. Ends with SpeechFailed alone."""
    while True:
        answer = await link.answer()
        if isinstance(answer, Piece):
            denoising.heard(answer)
