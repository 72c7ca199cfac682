"""With `redact`, a relay's program reads no numbers: neither in a prompt nor in a partial one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from calling.media.operations.relay.relay import Relay
from tests.media.relay.stage import Party, a_bot, row_of, session_of
from tests.media.relay.test_a_relay_outlives_its_parts import Ears, over
from tests.support.wait import until


async def test_digits_are_replaced_before_the_program_reads_them(tmp_path: Path, settings: Any) -> None:
    settings.CALLWRIGHT_SPEECH_WORKERS, settings.CALLWRIGHT_SPEECH_SOCKETS = 1, tmp_path / "s"
    settings.CALLWRIGHT_ALLOW_PRIVATE_URLS = True
    ears = Ears(tmp_path / "s" / "1.sock")
    await ears.begin()
    async with a_bot() as (bot, url):
        relay = Relay(row_of(url, partial=True, redact=["digits"]), session_of(Party()))
        relay.begin()
        await until(lambda: bool(ears.writers and bot.of("setup")))
        ears.say(say="partial", text="My code is four seven.", start_ms=0)
        ears.say(say="final", text="My code is 4711.", start_ms=0)
        await until(lambda: len(bot.of("prompt")) == 2)
        said = [each["voicePrompt"] for _, each in bot.of("prompt")]
        assert said == ["My code is [digits]."] * 2
        await over(relay)
        await asyncio.sleep(0)
    ears.kill()
