"""The scripted session (tests/clients/session.py) with the client of openapi-python-client."""

import json
import os
import time
from base64 import b64encode
from urllib.parse import parse_qs, urlparse
from uuid import UUID

from cw_generated import Client, models
from cw_generated.api.calls import (
    calls_dial,
    calls_events,
    calls_get,
    calls_hangup,
    calls_hold,
    calls_list,
    calls_resume,
    calls_transfer,
)
from cw_generated.api.operations import calls_record, calls_say
from cw_generated.api.tokens import create_subscriber_token
from cw_generated.api.webhooks import webhooks_create

given = os.environ
key = b64encode(f"{given['CALLWRIGHT_PROJECT_ID']}:{given['CALLWRIGHT_API_KEY']}".encode()).decode()
client = Client(base_url=given["CALLWRIGHT_URL"], headers={"Authorization": f"Basic {key}"})
pair = create_subscriber_token.sync(client=client, body=models.TokenFields(reference=given["SUBSCRIBER"]))
hook = webhooks_create.sync(client=client, body=models.NewWebhook(url=given["HOOK_URL"], events=["call.*"]))
call = calls_dial.sync(client=client, body=models.Dial(to=given["PHONE"], connect="/public/echo"))
assert isinstance(call, models.Call) and isinstance(call.id, UUID), call
deadline = time.monotonic() + 60
while calls_get.sync(call.id, client=client).state != "answered":
    assert time.monotonic() < deadline
    time.sleep(0.2)
time.sleep(2)
text = "Hello from a client that was generated."
said = calls_say.sync(call.id, client=client, body=models.Say(text=text, leg="callee"))
assert (said.verb, said.call_id) == ("say", call.id), said


def log() -> list[str]:
    return [each.to_dict()["type"] for each in calls_events.sync(call.id, client=client, page_size=200).data]


while "say.finished" not in log():
    assert time.monotonic() < deadline and "say.failed" not in log()
    time.sleep(0.5)
calls_record.sync(call.id, client=client, body=models.Record(format_=models.FormatEnum.WAV, stereo=True))
time.sleep(1)
held = calls_hold.sync(call.id, client=client, body=models.OfLeg(leg="callee"))
assert held.legs[0].held_by == "local"
calls_resume.sync(call.id, client=client, body=models.OfLeg(leg="callee"))
time.sleep(1)
calls_transfer.sync(call.id, client=client, body=models.Transfer(leg="target", to="/public/tone"))
time.sleep(4)
first = calls_list.sync(client=client, page_size=1)
assert len(first.data) == 1
page_token = parse_qs(urlparse(first.links.next_).query)["page_token"][0]
second = calls_list.sync(client=client, page_size=1, page_token=page_token)
refused = calls_get.sync(UUID(int=0), client=client)
calls_hangup.sync(call.id, client=client, body=models.OfLeg())
answer = {"token": pair.token, "secret": hook.secret, "call_id": str(call.id), "code": refused.errors[0].code}
print(json.dumps({**answer, "second_page": str(second.data[0].id)}))
