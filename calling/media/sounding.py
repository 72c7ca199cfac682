"""What an operation or a script plays: items one after the other, each a producer that ends by itself.

Items are as in `calling.operation_fields`: {type: audio|tts|silence|ringtone, …}. `Sounding.play` returns
how it ended; volume and pause may change while it plays.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from calling.media.codecs import tones
from calling.media.codecs.sources import Clip
from calling.media.files import library
from calling.media.files.player import FilePlayer
from calling.media.files.prepare import Picture, Unplayable
from calling.media.speech import SpeechUnavailable, say

RING_SECONDS = 6.0  # one ring with its pause


class CannotPlay(Exception):
    """The text may be shown."""


class Sounding:
    """One run through some items. `give(source)` lets the listeners hear a source; None: nothing more."""

    def __init__(
        self,
        items: Sequence[dict[str, Any]],
        give: Callable[[Any], None],
        *,
        volume: float,
        loops: int,
        picture: Callable[[], Picture] = lambda: "vp8",
    ) -> None:
        self._items, self._give, self._picture = items, give, picture
        self._volume, self._loops = volume, loops
        self._paused = False
        self._running = asyncio.Event()
        self._running.set()
        self._stopped = asyncio.Event()
        self._player: FilePlayer | None = None

    async def play(self) -> str:
        """Play everything: `finished`, or `stopped`. Raises CannotPlay."""
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
                await self._hold(tones.ringback(), float(item.get("duration") or RING_SECONDS))
            case "audio" | "tts":
                await self._play_file(await prepared(item, self._picture()))
            case kind:
                raise CannotPlay(f"{kind} cannot be played")

    async def _hold(self, clip: Clip, seconds: float) -> None:
        """A sound without an end of its own, for so long; a pause does not count."""
        self._give(clip)
        left = seconds
        while left > 0:
            await self._running.wait()
            step = min(left, 0.1)
            await asyncio.sleep(step)
            left -= step

    async def _play_file(self, media: Any) -> None:
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


def picture_of(port: Any) -> Picture:
    """The codec that a listener's pictures should have: VP8, but H.264 where it speaks nothing else."""
    line = port.video_out.line
    spoken = {codec.name.lower() for codec in line.codecs} if line is not None else set()
    return "h264" if "h264" in spoken and "vp8" not in spoken else "vp8"


async def prepared(item: dict[str, Any], picture: Picture = "vp8") -> Any:
    """The media of a file or of words. Raises CannotPlay."""
    try:
        if item["type"] == "audio":
            return await library.get(str(item.get("url") or ""), picture=picture)
        return await say(
            str(item.get("text") or ""),
            language=str(item.get("language") or "en-US"),
            voice=str(item.get("voice") or ""),
            gender=str(item.get("gender") or ""),
        )
    except (Unplayable, SpeechUnavailable) as error:
        raise CannotPlay(str(error)[:300]) from error
