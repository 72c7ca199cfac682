"""Peers on their way from one session of this worker to another, when two calls are joined.

A peer's ICE and DTLS belong to the process, not to the session: the far end notices nothing and no new
description is made. Must not live here: what is done where the other session is another worker's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from calling.media.session.session_peer import SessionPeer

PARKED_SECONDS = 5.0  # the other session is woken by the same commit


class Holder(Protocol):
    """A session as this needs it."""

    peers: dict[str, SessionPeer]

    def release(self, peer_id: str) -> SessionPeer | None:
        """Let go of that peer and of all that hangs on it here, without closing it."""


class Handover:
    """Of one worker. `sessions`: those that it carries now."""

    def __init__(self, sessions: Mapping[str, Holder]) -> None:
        self._sessions = sessions
        self._parked: dict[str, tuple[SessionPeer, asyncio.TimerHandle]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def park(self, peer: SessionPeer) -> None:
        """Keep a peer that no session has, until it is taken or its time is over."""
        peer_id = peer.plan.peer_id
        timer = asyncio.get_running_loop().call_later(PARKED_SECONDS, self._expire, peer_id)
        self._parked[peer_id] = (peer, timer)

    def take(self, peer_id: str, by: Holder) -> SessionPeer | None:
        """The peer of that id, wherever in this worker it is; None where it is not."""
        parked = self._parked.pop(peer_id, None)
        if parked is not None:
            parked[1].cancel()
            return parked[0]
        others: Iterable[Holder] = [one for one in self._sessions.values() if one is not by]
        return next((one.release(peer_id) for one in others if peer_id in one.peers), None)

    def _expire(self, peer_id: str) -> None:
        peer, _ = self._parked.pop(peer_id)
        task = asyncio.get_running_loop().create_task(peer.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
