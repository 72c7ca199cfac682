"""The simulated world: one seed, one heap of time, one actor at work until its next statement, send or sleep.

An actor is a process of the product, or somebody outside, played in a thread of its own; only the one that
holds the baton runs. Every clock, id and throw of dice of the product comes from here. What must not live
here: what the actors do, what goes wrong (`faults`), and what must hold (`laws`).
"""

from __future__ import annotations

import hashlib
import heapq
import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import clock

EPOCH = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
MOST_IN_A_ROW = 100
WALL_SECONDS = 60.0  # a step that takes longer hangs


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
        self.go = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._live, name=name, daemon=True)
        self.skew = 0.0
        self.dead = False  # killed, and not yet begun anew
        self.finished = False
        self.in_statement = self.blocked = self.deadlocked = False
        self.pid = 0  # of its PostgreSQL connection
        self.inbox: list[tuple[str, dict[str, object]]] = []
        self.state: dict[str, object] = {}  # what its process holds in module variables
        self.fence: tuple[str, int] | None = None
        self.lives = 0
        self.ticket = 0  # of its newest pause; an older one on the heap no longer counts
        self.waits = False  # a nudge may end its pause

    def _live(self) -> None:
        self.go.acquire()
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
                    self.world.pause(self.world.dice.uniform(0.5, 3.0), "starts again", safe=True)
                except Killed:
                    break
            except BaseException as error:
                self.world.failure = self.world.failure or error
                break
        self.world.leave(self)
        self.finished = True
        self.world.parked.release()


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
        self.parked = threading.Semaphore(0)
        self.mutex = threading.Lock()
        self.failure: BaseException | None = None
        self.over = False
        self.steps = self.in_a_row = 0
        self.until = 0.0
        self.counts: Counter[str] = Counter()
        self.digest = hashlib.sha256()
        self.tail: list[str] = []
        self.keep_lines = 4000
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

    # --- time

    def moment(self) -> datetime:
        skew = self.running.skew if self.running is not None else 0.0
        return EPOCH + timedelta(seconds=self.now + skew)

    def new_id(self) -> uuid.UUID:
        return uuid.UUID(int=self.dice.getrandbits(128), version=4)

    def note(self, what: str) -> None:
        """Write a line of the log: it is part of the run's hash."""
        name = self.running.name if self.running is not None else "world"
        line = f"{self.now:12.6f} {name:<12} {what}"
        self.digest.update(line.encode() + b"\n")
        self.tail.append(line)
        if len(self.tail) > self.keep_lines:
            del self.tail[: self.keep_lines // 2]

    # --- the baton

    def actor(
        self, name: str, body: Callable[[Actor], None], *, at: float = 0.0, process: bool = True
    ) -> Actor:
        made = Actor(self, name, body, process=process)
        self.actors.append(made)
        made.thread.start()
        self.wake_at(made, at)
        return made

    def wake_at(self, actor: Actor, at: float) -> None:
        heapq.heappush(self.heap, (at, self.dice.random(), actor.ticket, actor))

    def wake(self, actor: Actor, at: float) -> None:
        """End the actor's wait then, if it waits for something; it may have gone on before."""
        if actor.waits:
            self.wake_at(actor, at)

    def mine(self) -> Actor | None:
        """The actor whose thread asks; None for a thread outside the world."""
        running = self.running
        return running if running is not None and running.thread is threading.current_thread() else None

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
        self.parked.release()
        actor.go.acquire()
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
        )

    def statement(self, actor: Actor, work: Callable[[], object]) -> object:
        """Run what may wait for a lock. The baton passes on while it waits."""
        with self.mutex:
            actor.in_statement = True
        try:
            return work()
        finally:
            with self.mutex:
                actor.in_statement = False
                waited = actor.blocked
            if waited:
                actor.go.acquire()
                if self.over:
                    raise Killed

    def run(self, until: float) -> None:
        """Let the world go on until that time. Raises what an actor or a law raised."""
        self.until = until
        while self.heap or self.blocked:
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
        actor.go.release()
        waited = 0.0
        while not self.parked.acquire(timeout=0.01):
            waited += 0.01
            with self.mutex:
                if actor.in_statement and self.blockers(actor):
                    actor.blocked = True
                    self.blocked.append(actor)
                    self.note("waits for a lock")
                    self.counts["lock waits"] += 1
                    break
            if waited > WALL_SECONDS:
                raise Hung(f"{actor.name} does not come back")
        self.kept_state(actor)
        self.running = None

    def _release(self, wait: bool = False) -> None:
        """Those whose lock is free go on, in the order in which they began to wait."""
        self._break_circle()
        freed = False
        for actor in list(self.blocked):
            spins = 0
            while actor.in_statement and not self.blockers(actor):
                spins += 1
                if spins > 20000:
                    raise Hung(f"{actor.name} got its lock and does not come back")
                threading.Event().wait(0.001)
            if not actor.in_statement:
                self.blocked.remove(actor)
                actor.blocked = False
                self.wake_at(actor, self.now)
                freed = True
        if wait and not freed:
            raise Hung("all wait for locks: " + ", ".join(actor.name for actor in self.blocked))

    def _break_circle(self) -> None:
        """PostgreSQL would do it after its timeout; here the last that came is the one that must give up."""
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
                    while actor.in_statement:
                        threading.Event().wait(0.001)
                    return
                if pid not in seen:
                    seen.add(pid)
                    todo += edges[pid]

    def end(self) -> None:
        """Let every thread come to its end."""
        self.over = True
        for actor in self.actors:
            if not actor.finished:
                self.cancel(actor)
                self.running = actor
                actor.go.release()
                actor.thread.join(5)
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
        clock.new_id, clock.dice = self.new_id, self.dice
        try:
            yield
        finally:
            for name, value in kept.items():
                setattr(clock, name, value)
