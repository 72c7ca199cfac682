"""Samples of how media were, from peers to their legs' rows: gathered, so that one statement writes several.

What must not live here: measuring (`rtp.rtcp_reports`), how many are kept (`session_peer`), and SQL (`rows`).
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from calling.calls.control import Fence
from calling.media.session import rows
from calling.media.session.session_peer import SessionPeer
from calling.media.session.signal_queue import SignalQueue

FIRST_SECONDS = 0.1  # both ends of a call connect soon after each other
GATHER_SECONDS = 2.0  # but their samples are not of the same moment

Unwritten = dict[str, tuple[str, list[dict[str, Any]]]]  # peer -> its call, its samples


class QualitySamples:
    """Those of one session that are not written yet."""

    def __init__(self, signal_queue: SignalQueue, fence: Fence) -> None:
        self._signal_queue, self._fence = signal_queue, fence
        self._unwritten: Unwritten = {}

    def add(self, peer: SessionPeer) -> None:
        """Write them soon, with those of other peers that come meanwhile: one statement for a call's ends.

        A first one sooner: the call may end before it.
        """
        first = len(peer.samples) == 1
        if first or not self._unwritten:
            seconds = FIRST_SECONDS if first else GATHER_SECONDS
            asyncio.get_running_loop().call_later(seconds, self._flush)
        self._unwritten[peer.plan.peer_id] = (peer.plan.call_id, list(peer.samples))

    def add_last(self, peer: SessionPeer) -> None:
        """The same at the end of a peer: before another session has it."""
        self.add(peer)
        asyncio.get_running_loop().call_soon(self._flush)

    def take(self) -> Unwritten:
        """All of them: somebody else writes them."""
        found, self._unwritten = self._unwritten, {}
        return found

    def put_back(self, unwritten: Unwritten) -> None:
        """They could not be written; newer ones of the same peers stay."""
        self._unwritten = unwritten | self._unwritten

    def _flush(self) -> None:
        found = self.take()
        if found:
            call_id = next(call_id for call_id, _ in found.values())
            self._signal_queue.work(call_id, partial(rows.write_samples, samples_of(found), self._fence))


def samples_of(unwritten: Unwritten) -> rows.Samples:
    """Peer -> its samples."""
    return {peer_id: kept for peer_id, (_, kept) in unwritten.items()}
