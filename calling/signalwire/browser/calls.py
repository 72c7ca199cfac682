"""The client's requests about calls: verto's messages and the `call.*` methods, each to its answer."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import Any

from calling.commands.params import invalid
from calling.runtime.db_threads import run_for_socket
from calling.signalwire.browser import commands, moderation, rpc, version_3
from calling.signalwire.browser.rpc import Message, Request
from calling.signalwire.browser.session import BrowserSession
from calling.signalwire.browser.translate import ClientView
from calling.sockets import hub

UPDATE_SECONDS = 4.0  # the SDK waits five


async def verto(line: BrowserSession, request: Request) -> Message:
    """The answer to one `webrtc.verto`; raises what `commands.error_for` tells."""
    message = rpc.section(request.params, "message")
    fields = rpc.section(message, "params")
    method = message.get("method")
    if method is None and "result" in message:
        return rpc.okay(request.id)  # version 3 of the SDK acknowledges our verto messages in this way
    client_id = commands.client_id_of(request.params, fields)
    if method == "verto.invite":
        return rpc.verto_result(request, await invite(line, client_id, fields))
    told = line.named(client_id)
    if method == "verto.bye":
        return rpc.verto_result(request, await bye(line, client_id, told))
    if told is None:
        raise invalid("callID", "There is no such call.", "not_found")
    if method == "verto.answer":
        await run_for_socket(commands.answer, line.holder, line.device_id, told, fields)
        line.answered(told.leg_id)
        hub.the_hub().look(line)
        return rpc.verto_result(request, {"message": "CALL ANSWERED", "callID": client_id})
    if method == "verto.info":
        await run_for_socket(commands.digits, line.holder, line.device_id, told, fields)
        return rpc.verto_result(request, {"message": "SENT", "callID": client_id})
    if method == "verto.modify":
        return rpc.verto_result(request, await modify(line, client_id, told, fields))
    if method in ("verto.pong", "verto.subscribe"):
        # A sign of life, and a wish for events, all of which are sent to everybody anyway.
        return rpc.verto_result(request, {"message": "OK", "callID": client_id})
    raise invalid("method", "There is no such method.", "not_supported")


async def invite(line: BrowserSession, client_id: str, fields: dict[str, Any]) -> Message:
    """Answered at once, long before the far end picks up; a repetition makes no second call."""
    told = line.named(client_id)
    if told is not None:
        return {"message": "CALL CREATED", "callID": client_id, "memberID": told.leg_id}
    line.require_token()
    dialog = rpc.section(fields, "dialogParams")
    main = None
    if commands.part_of(dialog) is None:
        dial = partial(commands.dial, line.holder, line.device_id, client_id, fields, dict(line.names))
    else:
        main = line.named(str(rpc.section(dialog, "userVariables").get("memberCallId")))
        if main is None:
            raise invalid("memberCallId", "There is no such call.", "not_found")
        dial = partial(commands.share, line.holder, line.device_id, client_id, main, fields, dict(line.names))
    call_id, leg_id = await run_for_socket(dial)
    line.made(call_id, leg_id, client_id, main.leg_id if main is not None else None)
    hub.the_hub().look(line)
    return {"message": "CALL CREATED", "callID": client_id, "memberID": leg_id}


async def bye(line: BrowserSession, client_id: str, told: ClientView | None) -> Message:
    """Version 4 is told of the end before its own request for it is answered; version 3 never waits for
    an answer that comes after the event, so it is told by the answer alone."""
    if told is not None:
        with line.leaving(told) if line.version_3 else contextlib.nullcontext():
            await run_for_socket(commands.bye, line.holder, line.device_id, told)
        line.over(told, "hangup")
    return {"message": "CALL ENDED", "callID": client_id, "cause": "NORMAL_CLEARING", "causeCode": "16"}


async def modify(line: BrowserSession, client_id: str, told: ClientView, fields: dict[str, Any]) -> Message:
    action = fields.get("action")
    answer: Message = {"action": action, "callID": client_id}
    match action:
        case "hold" | "unhold":
            held = action == "hold"
            await run_for_socket(commands.hold, line.holder, line.device_id, told, held)
            return answer | {"holdState": "held" if held else "active"}
        case "transfer":
            line.require_token()
            await run_for_socket(commands.transfer, line.holder, line.device_id, told, fields)
            hub.the_hub().look(line)
            return answer
        case "updateMedia":
            serial = await run_for_socket(commands.update, line.holder, line.device_id, told, fields)
            sdp = await platform_answer(line, told.leg_id, serial)
            ordered = version_3.audio_first(sdp) if line.version_3 else sdp
            return answer | {"holdState": "active", "sdp": ordered}
        case _:
            raise invalid("action", "There is no such action.")


async def platform_answer(line: BrowserSession, leg_id: str, serial: int) -> str:
    """Wait for the media worker's answer to a fresh offer."""
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    line.updates[leg_id, serial] = future
    hub.the_hub().look(line)
    try:
        return await asyncio.wait_for(future, UPDATE_SECONDS)
    except TimeoutError:
        raise invalid("sdp", "The media could not be renewed in time.") from None
    finally:
        line.updates.pop((leg_id, serial), None)


async def end_parts(line: BrowserSession, parts: list[ClientView]) -> None:
    """Hang up the screens and cameras of a call that is over; one that cannot be now ends with its media."""
    for each in parts:
        with contextlib.suppress(Exception):
            await run_for_socket(commands.bye, line.holder, line.device_id, each)


async def direct(line: BrowserSession, request: Request) -> Message:
    """`call.*`: done, told to everybody by events, or refused by name."""
    asked = moderation.read(version_3.in_percent(request) if line.version_3 else request, line.told.values())
    answer = await run_for_socket(moderation.handle, line.holder, line.device_id, asked)
    answer = version_3.in_levels(answer) if line.version_3 else answer
    hub.the_hub().look(line)
    return rpc.result(request.id, {"code": "200", "message": "OK", **answer})
