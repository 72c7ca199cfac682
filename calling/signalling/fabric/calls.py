"""The client's requests about calls: verto's messages and the `call.*` methods, each to its answer."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from calling.fields import invalid
from calling.signalling import hub
from calling.signalling.fabric import commands, rpc, ruling
from calling.signalling.fabric.line import Line
from calling.signalling.fabric.rpc import Message, Request
from calling.signalling.fabric.translate import Told
from calling.signalling.threads import in_thread
from tokens.authentication import InvalidToken

UPDATE_SECONDS = 4.0  # the SDK waits five


async def verto(line: Line, request: Request) -> Message:
    """The answer to one `webrtc.verto`; raises what `commands.error_for` tells."""
    message = rpc.section(request.params, "message")
    fields = rpc.section(message, "params")
    method = message.get("method")
    client_id = commands.client_id_of(request.params, fields)
    if method == "verto.invite":
        return rpc.verto_result(request, await invite(line, client_id, fields))
    told = line.named(client_id)
    if method == "verto.bye":
        return rpc.verto_result(request, await bye(line, client_id, told))
    if told is None:
        raise invalid("callID", "There is no such call.", "not_found")
    if method == "verto.answer":
        await in_thread(commands.answer, line.holder, line.device_id, told, fields)
        line.answered(told.leg_id)
        hub.the_hub().look(line)
        return rpc.verto_result(request, {"message": "CALL ANSWERED", "callID": client_id})
    if method == "verto.info":
        await in_thread(commands.digits, line.holder, line.device_id, told, fields)
        return rpc.verto_result(request, {"message": "SENT", "callID": client_id})
    if method == "verto.modify":
        return rpc.verto_result(request, await modify(line, client_id, told, fields))
    # verto.pong, verto.subscribe and what else the SDK says for its servers' sake
    return rpc.verto_result(request, {"message": "OK", "callID": client_id})


async def invite(line: Line, client_id: str, fields: dict[str, Any]) -> Message:
    """Answered at once, long before the far end picks up; a repetition makes no second call."""
    told = line.named(client_id)
    if told is not None:
        return {"message": "CALL CREATED", "callID": client_id, "memberID": told.leg_id}
    if line.expired or line.holder.expires_at.timestamp() <= time.time():
        raise InvalidToken("token_expired", "The token has expired.")
    call_id, leg_id = await in_thread(
        commands.dial, line.holder, line.device_id, client_id, fields, dict(line.names)
    )
    line.made(call_id, leg_id, client_id)
    hub.the_hub().look(line)
    return {"message": "CALL CREATED", "callID": client_id, "memberID": leg_id}


async def bye(line: Line, client_id: str, told: Told | None) -> Message:
    """The client is told of the end before its own request for it is answered."""
    if told is not None:
        await in_thread(commands.bye, line.holder, line.device_id, told)
        line.over(told, "hangup")
    return {"message": "CALL ENDED", "callID": client_id, "cause": "NORMAL_CLEARING", "causeCode": "16"}


async def modify(line: Line, client_id: str, told: Told, fields: dict[str, Any]) -> Message:
    action = fields.get("action")
    answer: Message = {"action": action, "callID": client_id}
    match action:
        case "hold" | "unhold":
            held = action == "hold"
            await in_thread(commands.hold, line.holder, line.device_id, told, held)
            return answer | {"holdState": "held" if held else "active"}
        case "transfer":
            await in_thread(commands.transfer, line.holder, line.device_id, told, fields)
            hub.the_hub().look(line)
            return answer
        case "updateMedia":
            serial = await in_thread(commands.update, line.holder, line.device_id, told, fields)
            sdp = await platform_answer(line, told.leg_id, serial)
            return answer | {"holdState": "active", "sdp": sdp}
        case _:
            raise invalid("action", "There is no such action.")


async def platform_answer(line: Line, leg_id: str, serial: int) -> str:
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


async def direct(line: Line, request: Request) -> Message:
    """`call.mute` and its like: what the platform does not do is answered as done, as the SDK expects.

    What is done to others, or to the room, is for who may moderate the room that both are in.
    """
    ruled = ruling.meant(request, line.named)
    if ruled is not None:
        await in_thread(ruling.obey, line.holder, *ruled, request.method)
        hub.the_hub().look(line)
        return rpc.okay(request.id)
    told = commands.meant(request.params, line.named)
    if told is not None and request.method in commands.MUTES:
        await in_thread(commands.set_mute, line.holder, line.device_id, told, request)
        hub.the_hub().look(line)
    elif told is not None and request.method == "call.end":
        await in_thread(commands.bye, line.holder, line.device_id, told)
    elif request.method == "call.layout.list":
        return rpc.result(request.id, {"code": "200", "message": "OK", "layouts": []})
    return rpc.okay(request.id)
