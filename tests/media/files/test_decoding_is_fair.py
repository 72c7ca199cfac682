"""Nobody's files keep another project's from being played: who has had less is next, and soon."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from calling.media.files import library as library_module
from calling.media.files import prepare as prepare_module
from calling.media.files.library import Library
from calling.media.files.prepare import Unplayable, prepare
from calling.media.files.turns import Asker, GivenUp, Turn, Turns, of_this_loop
from calling.media.tts import tts as speech
from calling.outbound_http.client import Client
from tests.media.files.made import media
from tests.media.files.test_media_are_fetched_once import server

EVIL, ALICE, CAROL = Asker("evil"), Asker("alice"), Asker("carol")


class Clocked(Turns):
    """The line with a clock that is set by hand."""

    now = 1000.0

    def _now(self) -> float:
        return self.now


async def come(line: Turns, asker: Asker) -> asyncio.Task[Turn]:
    task = asyncio.ensure_future(line.begin(asker))
    await asyncio.sleep(0)
    return task


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_project_alone_has_every_place() -> None:
    line = Turns(at_once=2)
    turns = [await come(line, EVIL) for _ in range(3)]
    assert [task.done() for task in turns] == [True, True, False]
    line.end(turns[0].result())
    await settle()
    assert turns[2].done()


@pytest.mark.parametrize(("at_once", "share", "places"), [(2, 60, 1), (5, 60, 3), (4, 10, 1), (2, 100, 2)])
async def test_beside_others_on_the_phone_it_has_its_share(at_once: int, share: int, places: int) -> None:
    """Though nobody else decodes yet: who comes next finds a place."""
    line = Turns(at_once=at_once)
    turns = [await come(line, Asker("evil", True, share)) for _ in range(6)]
    await settle()
    assert sum(task.done() for task in turns) == places
    if places < at_once:
        assert (await come(line, ALICE)).done()
    for task in turns:
        task.cancel()


async def test_in_turns_however_long_the_line_of_one_is() -> None:
    line = Clocked(at_once=1)
    first = await come(line, EVIL)
    evils = [await come(line, EVIL) for _ in range(10)]
    alice, bob = await come(line, ALICE), await come(line, Asker("bob"))
    line.now += 5
    line.end(first.result())
    await settle()
    assert alice.done() and not bob.done()
    line.now += 1
    line.end(alice.result())
    await settle()
    assert bob.done() and not any(task.done() for task in evils)
    line.now += 1
    line.end(bob.result())
    await settle()
    assert evils[0].done() and not evils[1].done()
    for task in evils[1:]:
        task.cancel()


async def test_a_long_file_is_interrupted_for_who_has_had_less_and_for_nobody_else() -> None:
    line = Clocked(at_once=1)
    evil = (await come(line, EVIL)).result()
    again = await come(line, EVIL)
    line.now += 10
    assert not line.is_over(evil), "its own next file waits until it has ended"
    alice = await come(line, ALICE)
    assert not line.is_over(evil), "it has kept nobody waiting yet"
    line.now += 0.1
    assert line.is_over(evil)
    going_on = asyncio.ensure_future(line.again(evil))
    await settle()
    assert alice.done() and not going_on.done()
    line.now += 0.2
    assert not line.is_over(alice.result()), "she has had less"
    line.end(alice.result())
    await settle()
    assert going_on.done() and not again.done()
    again.cancel()


async def test_a_turn_lasts_a_moment_at_least() -> None:
    line = Clocked(at_once=1)
    evil = (await come(line, EVIL)).result()
    line.now += 0.2
    alice = await come(line, ALICE)
    assert not line.is_over(evil)
    line.now += 0.4
    assert line.is_over(evil)
    alice.cancel()


async def test_what_was_had_while_others_waited_is_forgotten_in_time() -> None:
    line = Clocked(at_once=1)
    evil = (await come(line, EVIL)).result()
    alice = await come(line, ALICE)
    line.now += 40
    line.end(evil)
    await settle()
    line.end(alice.result())
    assert line.had("evil") == pytest.approx(40) and line.had("alice") == 0
    line.now += 120
    assert line.had("evil") == pytest.approx(10)


async def test_what_was_had_while_nobody_waited_is_not_held_against_anybody() -> None:
    """alice has decoded for a minute, alone; then evil comes, and she is not behind its whole line."""
    line = Clocked(at_once=1)
    for _ in range(6):
        turn = (await come(line, ALICE)).result()
        line.now += 10
        line.end(turn)
    evil = (await come(line, EVIL)).result()
    more = [await come(line, EVIL) for _ in range(5)]
    line.now += 2
    alice = await come(line, ALICE)
    line.now += 0.2
    assert line.is_over(evil)
    going_on = asyncio.ensure_future(line.again(evil))
    await settle()
    assert alice.done() and not any(task.done() for task in (going_on, *more))
    for task in (going_on, *more):
        task.cancel()


async def test_among_equals_what_is_begun_is_ended_before_another_begins() -> None:
    """Ten projects, and room for three files: else each would be given up for the next, for ever."""
    line = Clocked(at_once=1, most_begun=3, most_projects=10)
    names = [f"p{number}" for number in range(10)]
    turns = {name: await come(line, Asker(name)) for name in names}
    whole, given_up = 0, 0
    need = dict.fromkeys(names, 4.0)

    for _ in range(200):
        running = line.running[0]
        line.now += 0.5
        name = running.asker.project
        need[name] -= 0.5
        if need[name] <= 0:
            whole += 1
            line.end(running)
            need[name] = 4.0
            turns[name] = await come(line, Asker(name))
        elif line.is_over(running):
            turns[name] = asyncio.ensure_future(line.again(running))
        await settle()
        for gone in [name for name, task in turns.items() if task.done() and task.exception()]:
            given_up += 1
            need[gone] = 4.0
            turns[gone] = await come(line, Asker(gone))
        await settle()
    for task in turns.values():
        task.cancel()
    assert (whole, given_up) == (20, 0)  # of 25 there is time for, the last round half done


async def test_where_too_many_wait_half_done_the_greediest_is_given_up() -> None:
    line = Clocked(at_once=1, most_begun=3, most_projects=3)
    halves: dict[str, asyncio.Future[None]] = {}
    carol = (await come(line, CAROL)).result()
    for name, seconds in (("evil", 9.0), ("bob", 3.0)):
        line._had[name] = (seconds, line.now)
        halves[name] = asyncio.get_running_loop().create_future()
        line.waiting.append(Turn(Asker(name), 0, begun=True, go=halves[name]))
    alice = await come(line, ALICE)
    line.now += 0.1
    going_on = asyncio.ensure_future(line.again(carol))
    with pytest.raises(GivenUp):
        await asyncio.wait_for(halves["evil"], 5)
    assert alice.done() and not halves["bob"].done() and not going_on.done()
    going_on.cancel()


async def test_who_gives_up_waiting_leaves_the_line() -> None:
    line = Turns(at_once=1)
    evil = (await come(line, EVIL)).result()
    gone, alice = await come(line, Asker("bob")), await come(line, ALICE)
    gone.cancel()
    await settle()
    line.end(evil)
    await settle()
    assert alice.done() and not line.waiting
    line.end(alice.result())
    assert not line.running


# --- real files and processes -----------------------------------------------------------------------


@pytest.fixture
def long_file(tmp_path: Path) -> Path:
    """Five minutes: more than a second of work for the decoder."""
    path = tmp_path / "long.mp3"
    path.write_bytes(media("mp3", 20) * 15)
    return path


async def begun(directory: Path) -> None:
    """A decoder is at work there."""
    async with asyncio.timeout(20):
        while not any(draft.stat().st_size for draft in directory.glob(".draft-*")):
            await asyncio.sleep(0.01)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """One place, so that whoever comes second must wait or interrupt."""
    monkeypatch.setattr(Turns.__init__, "__defaults__", (1, 8, 24))


async def test_a_short_file_is_ready_before_the_long_ones_of_another(
    narrow: None, tmp_path: Path, long_file: Path
) -> None:
    short = tmp_path / "short.wav"
    short.write_bytes(media("wav", 0.5))
    done: list[str] = []

    async def one(name: str, source: Path, asker: Asker) -> None:
        about = await prepare(source, tmp_path / f"{name}.cwp", asker=asker)
        assert about.audio
        done.append(name)

    evils = [asyncio.create_task(one(f"evil{n}", long_file, EVIL)) for n in range(2)]
    await begun(tmp_path)
    await one("alice", short, ALICE)
    assert done[0] == "alice", done
    await asyncio.gather(*evils)  # stopped and gone on with, they are whole
    assert sorted(done[1:]) == ["evil0", "evil1"]
    sizes = {(tmp_path / f"evil{n}.cwp").stat().st_size for n in range(2)}
    assert len(sizes) == 1
    assert not of_this_loop().running and not of_this_loop().waiting


async def test_a_stopped_process_ends_with_its_task(
    narrow: None, tmp_path: Path, long_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int] = []
    real = prepare_module._tell

    def noted(process: asyncio.subprocess.Process, number: int) -> bool:
        pids.append(process.pid)
        return real(process, number)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare_module, "_tell", noted)
    evil = asyncio.create_task(prepare(long_file, tmp_path / "evil.cwp", asker=EVIL))
    await begun(tmp_path)
    turn = asyncio.create_task(of_this_loop().begin(ALICE))
    await turn
    evil.cancel()
    with pytest.raises(asyncio.CancelledError):
        await evil
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    of_this_loop().end(turn.result())
    assert not list(tmp_path.glob(".draft-*"))


async def test_one_project_cannot_have_more_than_so_many_files_on_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The greedy one is told at once; another's file is fetched and played."""
    monkeypatch.setattr(library_module, "MOST_FOR_ONE", 3)
    wav = media("wav", 0.2)
    async with server({f"/{n}.wav": wav for n in range(8)}) as (base, _):
        mine = Library(tmp_path, Client(allow_private=True))

        async def evil() -> Asker:
            return EVIL

        async def alice() -> Asker:
            return ALICE

        tasks = [asyncio.create_task(mine.get(f"{base}/{n}.wav", ask=evil)) for n in range(6)]
        other = await mine.get(f"{base}/7.wav", ask=alice)
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert other.about.audio
    refused = [each for each in found if isinstance(each, Unplayable)]
    assert len(refused) == 3 and "too many files" in str(refused[0])


async def test_nobody_waits_in_the_turn_of_another_for_the_same_file(narrow: None, tmp_path: Path) -> None:
    """evil has asked for alice's file first, behind all that it wants besides."""
    line = of_this_loop()
    turn = await line.begin(EVIL)
    async with server({"/one.wav": media("wav", 0.2)}) as (base, _):
        mine = Library(tmp_path, Client(allow_private=True))
        tasks = []
        for asker in (EVIL, EVIL, ALICE):

            async def ask(asker: Asker = asker) -> Asker:
                return asker

            tasks.append(asyncio.create_task(mine.get(f"{base}/one.wav", ask=ask)))
        async with asyncio.timeout(20):
            while len(line.waiting) < 2:
                await asyncio.sleep(0.02)
        assert sorted(each.asker.project for each in line.waiting) == ["alice", "evil"]
        line.end(turn)
        files = await asyncio.gather(*tasks)
    assert all(each.about.audio for each in files)


async def test_the_cache_takes_from_who_has_most_in_it(tmp_path: Path) -> None:
    """alice's file is the oldest of all, and stays."""
    files = {f"/{n}.wav": media("wav", 0.3, hertz=300 + n) for n in range(6)}
    async with server(files) as (base, _):
        mine = Library(tmp_path, Client(allow_private=True), room=8000)
        for number, name in enumerate(files):
            asker = ALICE if number == 0 else EVIL

            async def ask(asker: Asker = asker) -> Asker:
                return asker

            last = await mine.get(base + name, ask=ask)
            if number == 0:
                first = last.path
                os.utime(first, (1, 1))
    kept = list(tmp_path.glob("*.cwp"))
    assert first in kept and last.path in kept and len(kept) < 6


async def test_words_are_spoken_in_turns_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    line = of_this_loop()
    real = line.begin

    async def begin(asker: Asker) -> Turn:
        begun.append(asker.project)
        return await real(asker)

    monkeypatch.setattr(line, "begin", begin)

    async def ask() -> Asker:
        return ALICE

    await speech.say("hello", directory=tmp_path, ask=ask)
    await speech.say("hello", directory=tmp_path, ask=ask)
    assert begun == ["alice"] and not line.running
