"""What an operation or a script plays: items one after the other, each a producer that ends by itself.

Items are as in `calling.commands.operation_params`: {type: audio|tts|silence|ringtone, …}. `Playback.play`
returns how it ended; volume and pause may change while it plays.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings

from calling import models
from calling.commands import call_limits
from calling.media.files import library
from calling.media.files.player import FilePlayer
from calling.media.files.prepare import Picture, Unplayable
from calling.media.files.prepared import Prepared
from calling.media.files.turns import Ask, Asker, nobody
from calling.media.rtp.media_port import MediaPort
from calling.media.rtp.source import Source
from calling.media.sources import tones
from calling.media.sources.producers import Clip
from calling.media.tts.tts import SpeechUnavailable, say
from calling.runtime.db_threads import DATABASE_UNAVAILABLE
from calling.swml import rings

RING_SECONDS = 6.0  # one ring with its pause


class PlaybackFailed(Exception):
    """The text may be shown."""


class Playback:
    """One run through some items. `give(source)` lets the listeners hear a source; None: nothing more."""

    def __init__(
        self,
        items: Sequence[dict[str, Any]],
        give: Callable[[Source | None], None],
        *,
        volume: float,
        loops: int,
        picture: Callable[[], Picture] = lambda: "vp8",
        ask: Ask = nobody,
    ) -> None:
        self._items, self._give, self._picture, self._ask = items, give, picture, ask
        self._volume, self._loops = volume, loops
        self._paused = False
        self._running = asyncio.Event()
        self._running.set()
        self._stopped = asyncio.Event()
        self._player: FilePlayer | None = None

    async def play(self) -> str:
        """Play everything: `finished`, or `stopped`. Raises PlaybackFailed."""
        turn = 0
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            while self._loops == 0 or turn < self._loops:
                turn += 1
                for item in self._items:
                    one = asyncio.ensure_future(self._play_item(item))
                    try:
                        await asyncio.wait({one, stopped}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not one.done():
                            one.cancel()
                            with contextlib.suppress(asyncio.CancelledError):
                                await one
                    if self._stopped.is_set():
                        return "stopped"
                    one.result()
            return "finished"
        finally:
            stopped.cancel()
            self._give(None)

    async def _play_item(self, item: dict[str, Any]) -> None:
        match item["type"]:
            case "silence":
                await self._hold(tones.silence(), float(item.get("duration") or 0))
            case "ringtone":
                country = str(item.get("name") or rings.DEFAULT).strip().lower()
                await asyncio.to_thread(tones.make_ringback, country)
                seconds = float(item.get("duration") or RING_SECONDS)
                await self._hold(tones.ringback(country), seconds)
            case "audio" | "tts":
                await self._play_file(await prepared(item, self._picture(), self._ask))
            case kind:
                raise PlaybackFailed(f"{kind} cannot be played")

    async def _hold(self, clip: Clip, seconds: float) -> None:
        """A sound without an end of its own, for so long; a pause does not count."""
        self._give(clip)
        left = seconds
        while left > 0:
            await self._running.wait()
            step = min(left, 0.1)
            await asyncio.sleep(step)
            left -= step

    async def _play_file(self, media: Prepared) -> None:
        done = asyncio.Event()
        player = FilePlayer([media], volume=self._volume, on_done=done.set)
        player.paused = self._paused
        self._player = player
        try:
            self._give(player)
            player.start()
            await done.wait()
        finally:
            player.stop()
            self._player = None

    def set_volume(self, volume: float) -> None:
        self._volume = volume
        if self._player is not None:
            self._player.volume = volume

    def pause(self, paused: bool) -> None:
        self._paused = paused
        if paused:
            self._running.clear()
        else:
            self._running.set()
        if self._player is not None:
            self._player.paused = paused

    def stop(self) -> None:
        self._stopped.set()


def picture_of(port: MediaPort) -> Picture:
    """The codec that a listener's pictures should have: VP8, but H.264 where it speaks nothing else."""
    line = port.video_out.line
    spoken = {codec.name.lower() for codec in line.codecs} if line is not None else set()
    return "h264" if "h264" in spoken and "vp8" not in spoken else "vp8"


def asker_of(call_id: str) -> Asker:
    """The project that a call's sounds are fetched and decoded for, and its share of that now. Blocking."""
    project_id = models.Call.objects.values_list("project_id", flat=True).get(pk=call_id)
    shared = call_limits.others_call(project_id)
    return Asker(str(project_id), shared, settings.CALLWRIGHT_PROJECT_SHARE)


async def prepared(item: dict[str, Any], picture: Picture = "vp8", ask: Ask = nobody) -> Prepared:
    """The media of a file or of words. Raises PlaybackFailed."""
    try:
        if item["type"] == "audio":
            return await library.get(str(item.get("url") or ""), picture=picture, ask=ask)
        return await say(
            str(item.get("text") or ""),
            language=str(item.get("language") or "en-US"),
            voice=str(item.get("voice") or ""),
            gender=str(item.get("gender") or ""),
            ask=ask,
        )
    except (Unplayable, SpeechUnavailable) as error:
        raise PlaybackFailed(str(error)[:300]) from error
    except DATABASE_UNAVAILABLE as error:
        raise PlaybackFailed("the sound cannot be prepared at the moment") from error
