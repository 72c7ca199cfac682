"""kill -9 of the worker that records: the file keeps each party's tone on its channel, and is `partial`."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from calling.commands import operations
from calling.media.recording import rows as recording_rows
from tests.e2e import callers
from tests.e2e.test_scripts_talk_to_callers import recordings, tones_of
from tests.e2e.workers import WorkerProcess
from tests.media.phones import Phone
from tests.support.people import Cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
SECONDS = recording_rows.GRACE_SECONDS + 60


@pytest.fixture
def sweep(child_environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The sweep, beside the worker's recordings."""
    environment = {**child_environment, "CALLWRIGHT_DATA_DIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "manage.py", "sweep"], env=environment)
    yield process
    process.terminate()
    process.wait(10)


async def test_the_sound_up_to_the_last_second_is_kept_and_marked_partial(
    cast: Cast,
    start_worker: Callable[..., WorkerProcess],
    sweep: object,
    tmp_path: Path,
) -> None:
    worker = await callers.in_thread(start_worker)
    alice, bob = Phone(400.0), Phone(900.0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, "/private/bob")
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 900.0)
    for control_id, format, stereo in (("w", "wav", True), ("o", "ogg", False)):
        params = {"format": format, "stereo": stereo}
        await callers.in_thread(operations.operate, call_id, None, "record", control_id, params)
    async with asyncio.timeout(10):
        while len(await recordings(call_id)) < 2:
            await asyncio.sleep(0.1)
    await asyncio.sleep(3.5)
    worker.signal(signal.SIGKILL)
    end = time.monotonic() + SECONDS
    while {row.state for row in await recordings(call_id)} != {"partial"}:
        assert time.monotonic() < end, [(row.state, row.format) for row in await recordings(call_id)]
        await asyncio.sleep(0.5)
    rows = {row.format: row for row in await recordings(call_id)}
    directory = tmp_path / "recordings"
    assert [round(hertz, -2) for hertz in tones_of(directory / rows["wav"].path)] == [400, 900]
    (mixed,) = tones_of(directory / rows["ogg"].path)
    assert round(mixed, -2) in (400, 900)
    assert all(row.size == (directory / row.path).stat().st_size > 0 for row in rows.values())
    lengths = [row.duration_ms for row in rows.values()]
    assert min(lengths) >= 1000, lengths  # 3.5 s, less the second not yet written, and a busy machine's
    link = (await callers.in_thread(cast.rest.get, f"/api/recordings?call_id={call_id}")).json()["data"]
    assert {each["state"] for each in link} == {"partial"} and all(each["url"] for each in link)
    await alice.close()
    await bob.close()
