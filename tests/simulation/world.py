"""The simulated world: one seed, one heap of time, one actor at work until its next statement, send or sleep.

An actor is a process of the product, or somebody outside, played in a greenlet of its own: a stack that is
left and gone on with at will, so all of them share one thread, and passing the baton costs microseconds.
Every clock, id and throw of dice of the product comes from here. What must not live here: what the actors do,
what goes wrong (`faults`), and what must hold (`laws`).
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from greenlet import getcurrent, greenlet

import clock

EPOCH = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
MOST_IN_A_ROW = 100
ASK_SECONDS = 0.5  # between two questions when the next row's moment comes
EVERYTHING = frozenset({"*"})
WALL_SECONDS = 60.0  # a statement that takes longer hangs


class Killed(BaseException):
    """The process is no more: nothing of it runs on."""


class Broken(Exception):
    """A law does not hold."""


class Hung(Exception):
    """A step did not come to its end: the simulator's own fault, or a wait that nobody ends."""


class Actor:
    """One process, or somebody outside. `body` runs again after it was killed, if it is a process."""

    def __init__(self, world: World, name: str, body: Callable[[Actor], None], *, process: bool) -> None:
        self.world, self.name, self.body, self.process = world, name, body, process
        self.dice = random.Random(f"{world.seed} {name}")  # of its own: another's choice changes none of its
        self.mishaps = random.Random(f"{world.seed} {name} mishaps")
        self.throws: Counter[str] = Counter()  # of `mishaps`, by kind
        self.stack = greenlet(self._live)
        self.skew = 0.0
        self.dead = False  # killed, and not yet begun anew
        self.finished = False
        self.deadlocked = False  # it must give up its wait for a lock
        self.arrived: Callable[[float], bool] | None = None  # while it waits for a lock
        self.pid = 0  # of its PostgreSQL connection
        self.inbox: list[tuple[float, str, dict[str, object]]] = []  # when it comes, channel, message
        self.state: dict[str, object] = {}  # what its process holds in module variables
        self.fence: tuple[str, int] | None = None
        self.answers = False  # somebody outside waits for what it does
        self.claims = False  # it has what it claimed for a time
        self.cut_off_until = 0.0  # it alone cannot reach PostgreSQL before
        self.lives = 0
        self.dirty: set[str] = set()  # the tables that it wrote to in its transaction
        self.holds = False  # it may have locked rows
        self.locking: frozenset[str] = frozenset()  # tables of its statement that may wait for a lock
        self.quiet = False  # what it writes gives nobody work
        self.began: str | None = None  # its transaction, for `now()`
        self.ticket = 0  # of its newest pause; an older one on the heap no longer counts
        self.waits = False  # a nudge may end its pause
        self.rests: tuple[float, float] | None = None  # since when, and seconds between two looks
        self.looks = ""  # the kind of moments that rows name and that it looks for, if any
        self.minds: frozenset[str] = EVERYTHING  # the tables whose rows it looks at

    def mail(self) -> list[tuple[str, dict[str, object]]]:
        """The nudges that have come, each once."""
        come = [(channel, message) for at, channel, message in self.inbox if at <= self.world.now]
        self.inbox = [each for each in self.inbox if each[0] > self.world.now]
        return come

    def _live(self) -> None:
        while True:
            try:
                self.lives += 1
                self.world.enter(self)
                self.body(self)
                break
            except Killed:
                if self.world.over or not self.process:
                    break
                self.dead = False
                self.inbox.clear()
                self.world.reborn(self)
                try:
                    self.world.pause(self.dice.uniform(0.5, 3.0), "starts again", safe=True)
                except Killed:
                    break
            except BaseException as error:
                self.world.failure = self.world.failure or error
                break
        self.world.leave(self)
        self.finished = True


class Thrown(random.Random):
    """The product's dice: those of the actor at work."""

    def __init__(self, world: World) -> None:
        self.world = world
        super().__init__(0)

    def random(self) -> float:
        return (self.world.running or self.world).dice.random()

    def getrandbits(self, count: int, /) -> int:
        return (self.world.running or self.world).dice.getrandbits(count)


class World:
    """Time, dice, actors and the log of one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.dice = random.Random(seed)
        self.now = 0.0
        self.heap: list[tuple[float, float, int, Actor]] = []  # when, dice, ticket, who
        self.actors: list[Actor] = []
        self.blocked: list[Actor] = []
        self.running: Actor | None = None
        self.hub = getcurrent()  # from which actors are gone on with, and where they come back to
        self.failure: BaseException | None = None
        self.over = False
        self.steps = self.in_a_row = self.skipped = 0
        self.writes: Counter[str] = Counter()  # by table: what could give somebody something to do
        self.horizon_of: tuple[int, dict[str, float]] = (
            -1,
            {},
        )  # at how many writes, by kind
        self.asked_at = 0.0
        self.nights: list[tuple[float, float]] = []  # when nobody calls; the last may be cut short
        self.resting: list[Actor] = []
        self.until = 0.0
        self.counts: Counter[str] = Counter()
        self.digest = hashlib.sha256()
        self.tail: list[str] = []
        self.keep_lines = 200_000
        # Seams that others fill: before and after a pause of an actor, at its first breath and its last.
        self.before_pause: Callable[[Actor, str], float] = lambda actor, what: 0.0
        self.after_pause: Callable[[Actor, str], None] = lambda actor, what: None
        self.enter: Callable[[Actor], None] = lambda actor: None
        self.leave: Callable[[Actor], None] = lambda actor: None
        self.reborn: Callable[[Actor], None] = lambda actor: None
        self.blockers: Callable[[Actor], list[int]] = lambda actor: []
        self.cancel: Callable[[Actor], None] = lambda actor: None
        self.after_step: Callable[[Actor], None] = lambda actor: None
        self.before_step: Callable[[Actor], None] = lambda actor: None
        self.kept_state: Callable[[Actor], None] = lambda actor: None
        self.next_due: Callable[[], dict[str, float]] = dict

    # --- time

    def moment(self) -> datetime:
        skew = self.running.skew if self.running is not None else 0.0
        return EPOCH + timedelta(seconds=self.now + skew)

    def new_id(self) -> uuid.UUID:
        dice = self.running.dice if self.running is not None else self.dice
        return uuid.UUID(int=dice.getrandbits(128), version=4)

    def note(self, what: str) -> None:
        """Write a line of the log: it is part of the run's hash."""
        name = self.running.name if self.running is not None else "world"
        line = f"{self.now:12.6f} {name:<12} {what}"
        self.digest.update(line.encode() + b"\n")
        self.tail.append(line)
        if len(self.tail) > self.keep_lines:
            del self.tail[: self.keep_lines // 2]

    # --- the baton

    def actor(self, name: str, body: Callable[[Actor], None], *, process: bool = True) -> Actor:
        made = Actor(self, name, body, process=process)
        self.actors.append(made)
        self.wake_at(made, self.now + made.dice.uniform(0, 1))
        return made

    def wake_at(self, actor: Actor, at: float) -> None:
        heapq.heappush(self.heap, (at, self.dice.random(), actor.ticket, actor))

    def wake(self, actor: Actor, at: float) -> None:
        """End the actor's wait then, if it waits for something; it may have gone on before."""
        if actor.waits:
            self.wake_at(actor, at)

    # --- looks that would find nothing

    def wrote(self, tables: Iterable[str] = ()) -> None:
        """Rows of these tables changed (none named: anything may have): who rests on them looks again, at the
        next of its moments."""
        changed = frozenset(tables) or EVERYTHING
        self.writes.update(changed)
        still = []
        for actor in self.resting:
            if changed is EVERYTHING or actor.minds is EVERYTHING or actor.minds & changed:
                self._rouse(actor, self.now)
            else:
                still.append(actor)
        self.resting[:] = still

    def version(self, tables: frozenset[str] | None = None) -> int:
        """A number that grows with what is written to these tables; None: to any."""
        if tables is None:
            return self.writes.total()
        return sum(self.writes[each] for each in tables) + self.writes["*"]

    def rest(
        self,
        period: float,
        since: int,
        *,
        minds: frozenset[str] | None = None,
        until: float = float("inf"),
        waits: bool = True,
        looks: str = "",
    ) -> None:
        """Wait as one that looks at the rows each `period`, and found nothing to do at version `since`.

        A look that is certain to find nothing again is left out: nothing was written since to the tables that
        it `minds`, and no moment of the kind that it `looks` for has come, as rows name them. The actor goes
        on at the next of its own moments after either, at `until`, or by a nudge.
        """
        actor = self.mine()
        come = actor is not None and waits and any(at <= self.now for at, *_ in actor.inbox)
        if actor is None or come or since != self.version(minds) or until - self.now <= period:
            left = 0.001 if come else max(0.0, min(period, until - self.now))
            self.pause(left, "waits", waits=waits)
            return
        actor.rests, actor.looks = (self.now, period), looks
        actor.minds = EVERYTHING if minds is None else minds
        self.resting.append(actor)
        try:
            self.pause(until - self.now, "rests", waits=waits)
        finally:
            actor.rests = None
            if actor in self.resting:
                self.resting.remove(actor)

    def _rouse(self, actor: Actor, moment: float) -> None:
        began, period = actor.rests or (self.now, 0.0)
        rounds = max(1, math.ceil((moment - began) / period)) if period else 0
        self.skipped += max(0, rounds - 1)
        self.wake_at(actor, max(self.now, began + rounds * period))

    def _rouse_the_due(self) -> None:
        """Where a row's moment comes before anything else happens, who looks for such moments gets up.

        Asked for no oftener than twice in a simulated second: `next_due` is early by as much.
        """
        first = self.heap[0][0] if self.heap else float("inf")
        if first < self.asked_at + ASK_SECONDS:
            return
        kinds = {actor.looks for actor in self.resting if actor.looks}
        if not kinds:
            return
        written, moments = self.horizon_of
        if written != self.version() or any(moments[kind] <= self.now for kind in kinds):
            self.horizon_of = written, moments = self.version(), self.next_due()
            self.asked_at = self.now
        due = {kind for kind in kinds if moments[kind] <= first and moments[kind] != float("inf")}
        if not due:
            return
        soonest = min(moments[kind] for kind in due)
        still = []
        for actor in self.resting:
            if actor.looks in due and moments[actor.looks] == soonest:
                self._rouse(actor, max(soonest, self.now))
            else:
                still.append(actor)
        self.resting[:] = still

    def mine(self) -> Actor | None:
        """The actor that asks; None for who is outside the world."""
        running = self.running
        return running if running is not None and getcurrent() is running.stack else None

    def pause(self, seconds: float, what: str, *, safe: bool = False, waits: bool = False) -> None:
        """Let time pass for the actor at work. `safe`: nothing goes wrong here. `waits`: a nudge ends it.

        Raises Killed.
        """
        actor = self.mine()
        if actor is None:
            return
        if actor.dead or self.over:
            raise Killed
        self.note(what)
        extra = 0.0 if safe else self.before_pause(actor, what)
        wakes = self.now + max(0.0, seconds) + extra
        if extra and actor.rests is not None:  # frozen: nothing gets it up before; then it looks
            wakes = self.now + min(max(0.0, seconds), actor.rests[1]) + extra
            self.resting.remove(actor)
            actor.rests, waits = None, False
        if self._nobody_before(wakes):  # the baton would come straight back
            self.now = wakes
            self.steps += 1
            self.in_a_row += 1
            if not safe:
                self.after_pause(actor, what)
            return
        actor.ticket += 1
        actor.waits = waits
        self.wake_at(actor, wakes)
        self.hub.switch()
        if self.over:
            raise Killed
        if not safe:
            self.after_pause(actor, what)

    def _nobody_before(self, moment: float) -> bool:
        return (
            not self.blocked
            and self.in_a_row < MOST_IN_A_ROW
            and moment <= self.until
            and bool(self.heap)
            and self.heap[0][0] > moment
            and (not self.resting or moment < self.asked_at + ASK_SECONDS)
        )

    def stalled(self, actor: Actor, arrived: Callable[[float], bool]) -> None:
        """PostgreSQL has not answered the actor at work yet. The baton passes on if it waits for a lock.

        arrived: whether the answer is there, after at most so many seconds. Raises Killed.
        """
        if not self.blockers(actor):
            return
        actor.arrived = arrived
        self.blocked.append(actor)
        self.note("waits for a lock")
        self.counts["lock waits"] += 1
        self.hub.switch()
        if self.over:
            raise Killed

    def run(self, until: float) -> None:
        """Let the world go on until that time. Raises what an actor or a law raised."""
        self.until = until
        while self.heap or self.blocked:
            if self.resting:
                self._rouse_the_due()
            if not self.heap:
                self._release(wait=True)
                continue
            if self.heap[0][0] > until:
                self.now = until
                return
            at, _, ticket, actor = heapq.heappop(self.heap)
            if actor.finished or ticket != actor.ticket:
                continue
            actor.ticket += 1
            actor.waits = False
            self.now = max(self.now, at)
            self._step(actor)
            if self.failure is not None:
                raise self.failure
            self.after_step(actor)
            if self.blocked:
                self._release()

    def _step(self, actor: Actor) -> None:
        self.steps += 1
        self.in_a_row = 0
        self.before_step(actor)
        self.running = actor
        actor.stack.switch()
        self.kept_state(actor)
        self.running = None

    def _release(self, wait: bool = False) -> None:
        """Those whose lock is free go on, in the order in which they began to wait."""
        self._break_circle()
        freed, began = False, time.monotonic()
        for actor in list(self.blocked):
            assert actor.arrived is not None
            while not actor.arrived(0.0) and not self.blockers(actor):  # it has its lock: its answer comes
                if actor.arrived(0.001):
                    break
                if time.monotonic() - began > WALL_SECONDS:
                    raise Hung(f"{actor.name} got its lock and does not come back")
            if actor.arrived(0.0):
                self._unblock(actor)
                freed = True
        if wait and not freed:
            raise Hung("all wait for locks: " + ", ".join(actor.name for actor in self.blocked))

    def _unblock(self, actor: Actor) -> None:
        self.blocked.remove(actor)
        actor.arrived = None
        self.wake_at(actor, self.now)

    def _break_circle(self) -> None:
        """PostgreSQL would do it after its timeout; here the last that came is the one that must give up."""
        if len(self.blocked) < 2:
            return
        by_pid = {actor.pid: actor for actor in self.blocked}
        edges = {
            pid: [other for other in self.blockers(actor) if other in by_pid] for pid, actor in by_pid.items()
        }
        for actor in reversed(self.blocked):
            seen, todo = set(), list(edges[actor.pid])
            while todo:
                pid = todo.pop()
                if pid == actor.pid:
                    actor.deadlocked = True
                    self.counts["deadlocks"] += 1
                    self.cancel(actor)
                    assert actor.arrived is not None
                    if not actor.arrived(WALL_SECONDS):
                        raise Hung(f"{actor.name} does not give up its wait")
                    return
                if pid not in seen:
                    seen.add(pid)
                    todo += edges[pid]

    def end(self) -> None:
        """Let every actor come to its end."""
        self.over = True
        for actor in self.actors:
            self.running = actor
            for _ in range(100):
                if actor.finished or not actor.stack:  # one that never began has nothing to end
                    break
                actor.stack.switch()
        self.running = None

    @contextmanager
    def clocks(self) -> Iterator[None]:
        """Time, ids and dice of the product are this world's inside the block."""
        kept = {name: getattr(clock, name) for name in clock.__all__}
        clock.now = self.moment
        clock.time = lambda: self.moment().timestamp()  # type: ignore[assignment]
        clock.time_ns = lambda: int(self.moment().timestamp() * 1e6) * 1000  # type: ignore[assignment]
        clock.monotonic = lambda: self.now + 1000.0  # type: ignore[assignment]
        clock.sleep = lambda seconds: self.pause(seconds, "sleeps")  # type: ignore[assignment]
        clock.new_id, clock.dice = self.new_id, Thrown(self)
        try:
            yield
        finally:
            for name, value in kept.items():
                setattr(clock, name, value)
