"""The scripted session (tests/clients/session.py) with `AsyncCallwright` of clients/python."""

import asyncio
import json
import os

from callwright_client import ApiError, AsyncCallwright

given = os.environ


async def main() -> None:
    async with AsyncCallwright() as client:
        pair = await client.tokens.create_subscriber_token({"reference": given["SUBSCRIBER"]})
        hook = await client.webhooks.create({"url": given["HOOK_URL"], "events": ["call.*"]})
        call = await client.calls.dial({"to": given["PHONE"], "connect": "/public/echo"})
        cursor = None

        async def until(kind: str, times: int = 1) -> None:
            """Reads the stream from where it was left."""
            nonlocal cursor
            async for entry in client.stream(after=cursor, types=["call.*", "say.*"]):
                cursor = entry["cursor"]
                assert entry["event"]["type"] != "say.failed", entry
                times -= entry["event"]["type"] == kind
                if times == 0:
                    return

        while (await client.calls.get(call["id"]))["state"] != "answered":
            await asyncio.sleep(0.2)
        await asyncio.sleep(2)
        log = await client.events.list(page_size=200)
        cursor = log["data"][-1]["cursor"]
        text = "Hello from a client for Python, without blocking."
        said = await client.calls.say(call["id"], {"leg": "callee", "text": text})
        assert said["verb"] == "say" and said["call_id"] == call["id"]
        await until("say.finished")
        await client.calls.record(call["id"], {"control_id": "r", "stereo": True})
        await asyncio.sleep(1)
        held = await client.calls.hold(call["id"], {"leg": "callee"})
        assert held["legs"][0]["held_by"] == "local"
        await client.calls.resume(call["id"], {"leg": "callee"})
        await asyncio.sleep(1)
        await client.calls.transfer(call["id"], {"leg": "target", "to": "/public/tone"})
        await until("call.transferred")
        await asyncio.sleep(3)
        found = []
        async for each in client.every(await client.calls.list(page_size=1)):
            found.append(each["id"])
            if len(found) == 2:
                break
        try:
            await client.calls.get("00000000-0000-0000-0000-000000000000")
            code = "none"
        except ApiError as error:
            code = error.code
        await client.calls.hangup(call["id"])
        answer = {"token": pair["token"], "secret": hook["secret"], "call_id": call["id"], "code": code}
        print(json.dumps({**answer, "second_page": found[1]}))


asyncio.run(main())
