"""The scheduler of decoding: a few files at once, next the project that has decoded the least lately.

Decoding is slow for long files, and a worker has few places. So who decodes is stopped after a moment where
somebody else waits who has had less, and goes on later; a project never has more places than its share
while others are there. What it has had while nobody else waited cost nobody anything, and is not held against
it. Where too many wait half done, who has nothing half done may still begin, up to a bound; only there the
file of the greediest is given up, for half a file is of no use to anybody.
Must not live here: processes (`prepare`), what a file is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = 2
MOST_BEGUN: Final = 8  # processes that decode or wait half done
MOST_PROJECTS: Final = 24  # the same, where each further one is the only one of its project
QUANTUM: Final = 0.5  # seconds of a turn that nobody may cut short
WAIT_SECONDS: Final = 300.0  # in line, each time
MOST_KEPT: Final = 1000  # projects whose turns are remembered
FORGET_SECONDS: Final = 60.0  # after so long half of what a project has had counts no more
GREEDY: Final = 2.0  # a file is given up for somebody whose project has had less by this factor


@dataclass(frozen=True)
class Asker:
    """The project something is decoded for. `shared`: others are on the phone; `share`: its percent then."""

    project: str = ""
    shared: bool = False
    share: int = 100


Ask = Callable[[], Awaitable[Asker]]


async def nobody() -> Asker:
    """For what no project asked for."""
    return Asker()


class GivenUp(Exception):
    """No turn came, or not another one. The text may be shown."""


@dataclass(eq=False)
class Turn:
    """One file's place in the line."""

    asker: Asker
    number: int  # who came first
    begun: bool = False
    since: float = 0.0  # when its present turn began
    counted: float = 0.0  # up to when its present turn is in the books
    go: asyncio.Future[None] | None = field(default=None, repr=False)


class Turns:
    """The line of one event loop."""

    def __init__(
        self, at_once: int = AT_ONCE, most_begun: int = MOST_BEGUN, most_projects: int = MOST_PROJECTS
    ) -> None:
        self.at_once, self.most_begun, self.most_projects = at_once, most_begun, most_projects
        self.running: list[Turn] = []
        self.waiting: list[Turn] = []
        self._had: dict[str, tuple[float, float]] = {}  # project -> (seconds others waited for, as of when)
        self._count = 0

    async def begin(self, asker: Asker) -> Turn:
        """A first turn; `end` it. Raises GivenUp."""
        self._count += 1
        turn = Turn(asker, self._count)
        await self._wait(turn)
        return turn

    def is_over(self, turn: Turn) -> bool:
        """Whether somebody waits who has had less, and this turn has lasted its moment."""
        now = self._now()
        if turn not in self.running or now - turn.since < QUANTUM:
            return False
        mine = self.had(turn.asker.project)
        others = (one.asker.project for one in self.waiting if one.asker.project != turn.asker.project)
        return any(self.had(project) < mine for project in others)

    async def again(self, turn: Turn) -> None:
        """Give the place back and wait for the next turn. Raises GivenUp."""
        self._leave(turn)
        await self._wait(turn)

    def end(self, turn: Turn) -> None:
        """It is done, however it ended."""
        turn.begun = False
        self._leave(turn)
        self._deal()

    def has_had_little(self, turn: Turn) -> bool:
        """Whether its project has had less than one turn that others waited for."""
        return self.had(turn.asker.project) < QUANTUM

    def had(self, project: str) -> float:
        """Seconds of turns that a project has had while others waited, the older ones counting less."""
        self._count_up()
        amount, at = self._had.get(project, (0.0, 0.0))
        return amount * math.pow(0.5, (self._now() - at) / FORGET_SECONDS)

    # --- inside

    def _count_up(self) -> None:
        """Put into the books what runs, up to now. Before anybody comes into the line or leaves it."""
        now = self._now()
        for turn in self.running:
            project, since = turn.asker.project, turn.counted
            turn.counted = now
            if now > since and any(one.asker.project != project for one in self.waiting):
                amount, at = self._had.get(project, (0.0, now))
                self._had[project] = (amount * math.pow(0.5, (now - at) / FORGET_SECONDS) + now - since, now)
        if len(self._had) > MOST_KEPT:
            kept = sorted(self._had.items(), key=lambda one: one[1][1])
            self._had = dict(kept[MOST_KEPT // 2 :])

    async def _wait(self, turn: Turn) -> None:
        turn.go = asyncio.get_running_loop().create_future()
        self._count_up()
        self.waiting.append(turn)
        self._deal()
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await turn.go
        except TimeoutError:
            self.end(turn)
            raise GivenUp("the file waited too long to be decoded") from None
        except BaseException:
            self.end(turn)
            raise

    def _leave(self, turn: Turn) -> None:
        self._count_up()
        if turn in self.waiting:
            self.waiting.remove(turn)
        if turn in self.running:
            self.running.remove(turn)

    def _deal(self) -> None:
        """Give free places away, to who has had the least first."""
        for turn in sorted(self.waiting, key=lambda one: (self.had(one.asker.project), one.number)):
            if len(self.running) >= self.at_once:
                return
            if self._has_its_share(turn) or not self._has_room(turn):
                continue
            self.waiting.remove(turn)
            self.running.append(turn)
            turn.begun, turn.since = True, self._now()
            turn.counted = turn.since
            if turn.go is not None and not turn.go.done():
                turn.go.set_result(None)

    def _has_its_share(self, turn: Turn) -> bool:
        project = turn.asker.project
        mine = sum(one.asker.project == project for one in self.running)
        everybody = {one.asker.project for one in (*self.running, *self.waiting)}
        if not turn.asker.shared and everybody <= {project}:
            return mine >= self.at_once
        return mine >= max(1, self.at_once * turn.asker.share // 100)

    def _has_room(self, turn: Turn) -> bool:
        """Whether one more may be begun; else the greediest that waits half done makes room."""
        halves = [one for one in self.waiting if one.begun]
        begun = len(self.running) + len(halves)
        if turn.begun or begun < self.most_begun:
            return True
        projects = {one.asker.project for one in (*self.running, *halves)}
        if turn.asker.project not in projects and begun < self.most_projects:
            return True
        mine = self.had(turn.asker.project)
        greedy = max(halves, key=lambda one: self.had(one.asker.project), default=None)
        if greedy is None or self.had(greedy.asker.project) <= mine * GREEDY:
            return False
        self._count_up()
        self.waiting.remove(greedy)
        greedy.begun = False
        if greedy.go is not None and not greedy.go.done():
            greedy.go.set_exception(GivenUp("decoding the file takes too long while others wait"))
        return True

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def of_this_loop() -> Turns:
    return _turns.setdefault(asyncio.get_running_loop(), Turns())
