"""Whole scripted calls through a real media worker: menus, voicemail, connect, other documents, bots."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from asgiref.sync import sync_to_async
from websockets.asyncio.server import ServerConnection, serve

from calling import models
from calling.commands import operations
from calling.machine import inputs
from calling.media.rtp.telephone_event import event_packets
from subscribers import provisioning
from tests.e2e import callers
from tests.e2e.workers import WorkerProcess
from tests.media.files.made import media
from tests.media.phones import Phone
from tests.media.test_digits_pass_and_are_noticed import with_events
from tests.support.people import Cast, Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.sample(5)]


@sync_to_async
def script(cast: Cast, name: str, *steps: Any, context: str = "public", **sections: Any) -> None:
    contents = json.dumps({"version": "1.0.0", "sections": {"main": list(steps), **sections}})
    provisioning.create_script(cast.project.id, {"name": name, "contents": contents}, context)


@sync_to_async
def recordings(call_id: str) -> list[models.Recording]:
    return list(models.Recording.objects.filter(call_id=call_id))


@sync_to_async
def run_of(call_id: str) -> models.ScriptRun:
    return models.ScriptRun.objects.get(call_id=call_id)


@sync_to_async
def operation(operation_id: Any) -> models.Operation:
    return models.Operation.objects.get(pk=operation_id)


class KeyPhone(Phone):
    """A phone with keys: its offer has telephone-event."""

    async def offer(self) -> str:
        return with_events(await super().offer())

    async def press(self, digits: str) -> None:
        """RFC 4733 packets under an SSRC of their own: they must not collide with numbers of the sound."""
        sender, ssrc, began = self.pc.getSenders()[0], secrets.randbits(31), secrets.randbits(30)
        for number, step in enumerate(event_packets(digits, 48000)):
            if step is not None:
                payload, offset, marker = step
                head = struct.pack("!BBHII", 0x80, 110 | marker << 7, 1000 + number, began + offset, ssrc)
                await sender.transport._send_rtp(head + payload)
            await asyncio.sleep(0.002)


@asynccontextmanager
async def web(files: dict[str, bytes]) -> AsyncIterator[tuple[str, list[tuple[str, bytes]]]]:
    """A web server that serves files and keeps what it was sent."""
    asked: list[tuple[str, bytes]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        size = [
            int(line.split(":")[1])
            for line in head.split("\r\n")
            if line.lower().startswith("content-length")
        ]
        asked.append((head.split()[1], await reader.readexactly(size[0] if size else 0)))
        body = files.get(head.split()[1])
        status = "200 OK" if body is not None else "404 Not Found"
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body or b'')}\r\nConnection: close\r\n\r\n".encode()
        )
        writer.write(body or b"")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


def tones_of(path: Path) -> list[float]:
    """The strongest frequency of each channel of a recording."""
    with av.open(io.BytesIO(path.read_bytes())) as file:
        shape = av.AudioResampler(format="fltp", rate=48000, layout=file.streams.audio[0].layout.name)
        wave = np.concatenate(
            [one.to_ndarray() for f in file.decode(audio=0) for one in shape.resample(f)], axis=1
        )
    found = []
    for channel in wave:
        spectrum = np.abs(np.fft.rfft(channel * np.hanning(len(channel))))
        found.append(float(np.argmax(spectrum[20:]) + 20) * 48000 / len(channel))
    return found


async def ended(call_id: str, seconds: float = 15.0) -> Any:
    return await callers.state(call_id, lambda call: call.state == "ended", seconds)


async def test_a_file_by_url_is_heard_and_the_script_hangs_up(cast: Cast, worker: WorkerProcess) -> None:
    async with web({"/a.mp3": media("mp3", 2.0, hertz=700)}) as (base, _):
        await script(cast, "film", {"play": f"{base}/a.mp3"}, "hangup")
        phone = Phone(300.0)
        call_id = await callers.dial(cast.alice, phone, "/public/film")
        await callers.hears(phone, 700.0)
        call = await ended(call_id)
        assert (call.end_reason, call.ended_by) == ("hangup", "platform")
        await phone.close()


async def test_a_film_is_seen(cast: Cast, worker: WorkerProcess) -> None:
    async with web({"/a.mp4": media("mp4", 4.0, hertz=700)}) as (base, _):
        await script(cast, "film", {"play": f"{base}/a.mp4"})
        phone = Phone(300.0, grey=60)
        call_id = await callers.dial(cast.alice, phone, "/public/film")
        await callers.hears(phone, 700.0)
        await callers.until(lambda: phone.frames > 20, 8, "pictures")
        await callers.apply(call_id, inputs.Hangup())
        await phone.close()


async def test_a_menu_takes_keys_and_connects(cast: Cast, worker: WorkerProcess) -> None:
    prompt = {"prompt": {"play": "silence:20", "max_digits": 2, "terminators": "#", "initial_timeout": 5}}
    choose = {
        "switch": {"variable": "prompt_value", "case": {"42": [{"transfer": "bob"}]}, "default": ["hangup"]}
    }
    connect = {
        "connect": {
            "to": "/private/bob",
            "timeout": 20,
            "result": {"case": {"connected": [{"play": "silence:0.1"}, "hangup"]}},
        }
    }
    await script(cast, "menu", prompt, choose, bob=[connect])
    alice, bob = KeyPhone(440.0), Phone(660.0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, "/public/menu")
    await callers.state(call_id, lambda call: call.legs[0].media_state == "connected")
    await asyncio.sleep(0.5)
    await alice.press("42")
    await callers.pick_up(cast.bob, bob, call_id, device, "target")
    await callers.hears(alice, 660.0)
    await callers.hears(bob, 440.0)
    target = await callers.leg(call_id, "target")
    await callers.apply(call_id, inputs.Hangup(target.id))
    call = await ended(call_id)
    assert call.ended_by == "platform"
    await alice.close()
    await bob.close()


async def test_a_menu_takes_keys_that_are_commands(cast: Cast, worker: WorkerProcess) -> None:
    """A client without keys of its own sends `dtmf`; a pause between two keys stays one."""
    prompt = {"prompt": {"play": "silence:20", "max_digits": 3, "digit_timeout": 5, "initial_timeout": 5}}
    wrong = [{"play": "silence:60"}]
    choose = {"switch": {"variable": "prompt_value", "case": {"427": ["hangup"]}, "default": wrong}}
    await script(cast, "menu", prompt, choose)
    alice = Phone(440.0)
    call_id = await callers.dial(cast.alice, alice, "/public/menu")
    await callers.state(
        call_id, lambda call: call.legs[0].media_state == "connected" and call.legs[0].answered
    )
    leg = await callers.leg(call_id, "caller")
    await callers.apply(call_id, inputs.SendDigits(leg.id, "4w2"))
    await callers.apply(call_id, inputs.SendDigits(leg.id, "7"))
    assert (await ended(call_id)).ended_by == "platform"
    await alice.close()


async def test_a_voicemail_is_recorded(cast: Cast, worker: WorkerProcess, tmp_path: Path) -> None:
    await script(
        cast,
        "mail",
        {"record": {"format": "ogg", "max_length": 2, "beep": True, "end_silence_timeout": 0}},
        {"request": {"url": "%URL%/mail", "method": "POST", "body": {"url": "%{record_url}"}}},
    )
    async with web({"/mail": b"{}"}) as (base, asked):
        await sync_to_async(rewrite)(base)
        phone = Phone(523.0)
        call_id = await callers.dial(cast.alice, phone, "/public/mail")
        await ended(call_id)
        (row,) = await recordings(call_id)
        assert (row.state, row.format) == ("finished", "ogg") and 1900 <= row.duration_ms <= 2100
        assert abs(tones_of(tmp_path / "recordings" / row.path)[0] - 523) < 10
        assert f"/api/recordings/{row.id}/download" in json.loads(asked[0][1])["url"]
        await phone.close()


def rewrite(base: str) -> None:
    from subscribers.models import Script

    for row in Script.objects.all():
        row.contents = row.contents.replace("%URL%", base)
        row.save()


async def test_two_parties_are_recorded_one_per_channel(
    cast: Cast, worker: WorkerProcess, tmp_path: Path
) -> None:
    alice, bob = Phone(400.0), Phone(900.0)
    device = await callers.come_online(cast.bob)
    call_id = await callers.dial(cast.alice, alice, "/private/bob")
    await callers.pick_up(cast.bob, bob, call_id, device)
    await callers.hears(alice, 900.0)
    params = {"format": "wav", "stereo": True}
    row = await sync_to_async(operations.operate)(call_id, None, "record", "r1", params)
    await asyncio.sleep(2.0)
    await sync_to_async(operations.control_operation)(call_id, "record", "r1", "stop")
    await until_operation(row.id, "finished")
    (found,) = await recordings(call_id)
    assert (found.state, found.channels) == ("finished", 2) and found.duration_ms > 1500
    assert [round(hertz, -2) for hertz in tones_of(tmp_path / "recordings" / found.path)] == [400, 900]
    await callers.apply(call_id, inputs.Hangup())
    await alice.close()
    await bob.close()


async def until_operation(operation_id: Any, state: str) -> models.Operation:
    async with asyncio.timeout(8):
        while (row := await operation(operation_id)).state != state:
            await asyncio.sleep(0.05)
    return row


async def test_a_bot_echoes_over_a_media_stream(cast: Cast, worker: WorkerProcess) -> None:
    events: list[str] = []

    async def echo(socket: ServerConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            events.append(message["event"])
            if message["event"] == "media":
                await socket.send(
                    json.dumps({"event": "media", "media": {"payload": message["media"]["payload"]}})
                )

    async with serve(echo, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/bot"
        await script(cast, "bot", {"stream": {"url": url}}, {"sleep": 20000})
        phone = Phone(610.0)
        call_id = await callers.dial(cast.alice, phone, "/public/bot")
        await callers.hears(phone, 610.0)
        await callers.apply(call_id, inputs.Hangup())
        await callers.until(lambda: events[-1] == "stop", 5, "the stop message")
        assert events[:2] == ["connected", "start"]
        await phone.close()


async def test_a_document_from_elsewhere_runs(cast: Cast, worker: WorkerProcess) -> None:
    other = {"sections": {"main": [{"play": "silence:0.1"}, {"return": "%{params.who}"}]}}
    async with web({"/more": json.dumps(other).encode(), "/end": b"{}"}) as (base, asked):
        steps = [
            {"execute": {"dest": f"{base}/more", "params": {"who": "%{call.from}"}}},
            {"request": {"url": f"{base}/end", "method": "POST", "body": {"who": "%{return_value}"}}},
        ]
        await script(cast, "far", *steps)
        phone = Phone(300.0)
        call_id = await callers.dial(cast.alice, phone, "/public/far")
        await ended(call_id)
        assert (await run_of(call_id)).error == ""
        first = json.loads(asked[0][1])
        assert first["call"]["from"] == "/private/alice" and first["params"] == {"who": "/private/alice"}
        assert json.loads(asked[1][1]) == {"who": "/private/alice"}
        await phone.close()


@pytest.mark.parametrize(("who", "reason"), [("alice", "connected"), ("gus", "address_not_allowed")])
async def test_a_callers_words_are_dialled_only_within_the_callers_scope(
    who: str, reason: str, cast: Cast, worker: WorkerProcess
) -> None:
    async with web({"/end": b"{}"}) as (base, asked):
        said = {
            "request": {
                "url": f"{base}/end",
                "method": "POST",
                "body": {"why": "%{connect_failed_reason}", "result": "%{connect_result}"},
            }
        }
        name = "/public/%{call.type == 'webrtc' ? 'other' : 'x'}"
        await script(cast, "other", {"play": "silence:20"})
        await script(cast, "dial", {"connect": {"to": name, "timeout": 3}}, said, context="private")
        person: Person = cast.people[who]
        phone = Phone(500.0)
        call_id = await callers.dial(person, phone, "/private/dial")
        if who == "alice":
            answered = lambda call: any(leg.role.value == "target" and leg.answered for leg in call.legs)  # noqa: E731
            await callers.state(call_id, answered)
            target = await callers.leg(call_id, "target")
            await callers.apply(call_id, inputs.Hangup(target.id))
        await ended(call_id)
        found = json.loads(asked[-1][1])
        assert (found["result"] if who == "alice" else found["why"]) == reason
        await phone.close()


async def test_a_room_of_a_callers_words_is_joined_only_within_the_callers_scope(
    cast: Cast, worker: WorkerProcess
) -> None:
    async with web({"/end": b"{}"}) as (base, asked):
        said = {"request": {"url": f"{base}/end", "method": "POST", "body": {"result": "%{join_result}"}}}
        name = "/public/%{call.type == 'webrtc' ? 'other' : 'x'}"
        await script(cast, "other", {"play": "silence:20"})
        await script(cast, "meet", {"join_room": name}, said, context="private")
        results = []
        for who in (cast.gus, cast.alice):
            phone = Phone(500.0)
            call_id = await callers.dial(who, phone, "/private/meet")
            if who is cast.alice:
                answered = lambda call: any(leg.role.value == "target" and leg.answered for leg in call.legs)  # noqa: E731
                await callers.state(call_id, answered)
                await callers.apply(call_id, inputs.Hangup((await callers.leg(call_id, "target")).id))
            await ended(call_id)
            results.append(json.loads(asked[-1][1])["result"])
            await phone.close()
        assert results == ["failed", "left"]


async def test_a_script_that_cannot_go_on_ends_its_call_with_an_error(
    cast: Cast, worker: WorkerProcess
) -> None:
    for step, words in (({"goto": "nowhere"}, "no label"), ({"transfer": "%{call.type}"}, "caller input")):
        name, phone = f"broken-{len(words)}", Phone(300.0)
        await script(cast, name, {"play": "silence:0.1"}, step)
        call_id = await callers.dial(cast.alice, phone, f"/public/{name}")
        call = await ended(call_id)
        assert (call.end_reason, call.end_cause) == ("failed", "script_error")
        assert words in (await run_of(call_id)).error
        await phone.close()


async def test_a_back_end_dials_a_subscriber_who_sees_a_film(cast: Cast, worker: WorkerProcess) -> None:
    """The inbound guide's flow: dial, answer, MP4 with sound and picture, hang up at its end."""
    async with web({"/a.mp4": media("mp4", 4.0, hertz=700)}) as (base, _):
        bob = Phone(300.0, grey=60)
        device = await callers.come_online(cast.bob)
        document = {"version": "1.0.0", "sections": {"main": [{"play": {"url": f"{base}/a.mp4"}}, "hangup"]}}
        body = {"to": "/private/bob?channel=video", "script": document}
        answer = await sync_to_async(cast.rest.post)("/api/calls", body)
        assert answer.status_code == 201, answer.content
        call_id = answer.json()["id"]
        await callers.pick_up(cast.bob, bob, call_id, device)
        await callers.hears(bob, 700.0)
        await callers.until(lambda: bob.frames > 20, 8, "pictures")
        call = await ended(call_id)
        assert (call.end_reason, call.ended_by) == ("hangup", "platform")
        assert (await run_of(call_id)).error == ""
        await bob.close()
