"""What the far end of a test does and our own user agent never does: REFER, keys as INFO, losing messages."""

from __future__ import annotations

from collections.abc import Callable

from calling.sip.ua.session import DialogSession
from calling.sip.ua.user_agent import UserAgent


async def refer(call: DialogSession, target: str, replaces: str | None = None) -> int:
    """Ask the far end to call `target` (a URI); `replaces` is a raw Replaces value. The status."""
    escaped = "" if replaces is None else "?Replaces=" + "".join(map(_escaped, replaces))
    assert call.dialog is not None
    response = await call.ask(
        "REFER", extra=[("Refer-To", f"<{target}{escaped}>"), ("Referred-By", call.dialog.local_address)]
    )
    return response.code if response else 408


def _escaped(character: str) -> str:
    return character if character.isalnum() or character in "-._~" else f"%{ord(character):02X}"


async def send_digit(call: DialogSession, digit: str, duration_ms: int = 160) -> int:
    """A key as INFO (application/dtmf-relay), for peers without RFC 4733; the status."""
    response = await call.ask(
        "INFO",
        body=f"Signal={digit}\r\nDuration={duration_ms}\r\n",
        content_type="application/dtmf-relay",
    )
    return response.code if response else 408


def lose(agent: UserAgent, lost: Callable[[bytes], bool]) -> None:
    """Let the network lose what the agent sends wherever `lost` says so."""
    send = agent.transport.send
    agent.transport.send = lambda data, hop: lost(data) or send(data, hop)  # type: ignore[method-assign]
