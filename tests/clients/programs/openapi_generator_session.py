"""The scripted session (tests/clients/session.py) with the client of openapi-generator, `-g python`."""

import json
import os
import time
from urllib.parse import parse_qs, urlparse

import cw_client as cw

given = os.environ
client = cw.ApiClient(
    cw.Configuration(
        host=given["CALLWRIGHT_URL"],
        username=given["CALLWRIGHT_PROJECT_ID"],
        password=given["CALLWRIGHT_API_KEY"],
    )
)
calls, operations = cw.CallsApi(client), cw.OperationsApi(client)
pair = cw.TokensApi(client).create_subscriber_token(cw.TokenFields(reference=given["SUBSCRIBER"]))
hook = cw.WebhooksApi(client).webhooks_create(
    cw.NewWebhook(url=given["HOOK_URL"], events=["call.*"], description="a client's")
)
call = calls.calls_dial(cw.Dial(to=given["PHONE"], connect="/public/echo"))
deadline = time.monotonic() + 60
while calls.calls_get(call.id).state != "answered":
    assert time.monotonic() < deadline
    time.sleep(0.2)
time.sleep(2)
said = operations.calls_say(call.id, cw.Say(leg="callee", text="Hello from a client that was generated."))
assert said.verb == "say" and said.call_id == call.id


def log() -> list[str]:
    return [entry.to_dict()["type"] for entry in calls.calls_events(call.id, page_size=200).data]


while "say.finished" not in log():
    assert time.monotonic() < deadline and "say.failed" not in log()
    time.sleep(0.5)
operations.calls_record(call.id, cw.Record(control_id="r", stereo=True))
time.sleep(1)
held = calls.calls_hold(call.id, cw.OfLeg(leg="callee"))
assert held.legs[0].held_by == "local"
calls.calls_resume(call.id, cw.OfLeg(leg="callee"))
time.sleep(1)
calls.calls_transfer(call.id, cw.Transfer(leg="target", to="/public/tone"))
time.sleep(4)
first = calls.calls_list(page_size=1)
assert len(first.data) == 1 and first.links.next is not None
page_token = parse_qs(urlparse(first.links.next).query)["page_token"][0]
second = calls.calls_list(page_size=1, page_token=page_token)
try:
    calls.calls_get("00000000-0000-0000-0000-000000000000")
    code = "none"
except cw.exceptions.NotFoundException as error:
    code = error.data.errors[0].code
calls.calls_hangup(call.id, cw.OfLeg())
answer = {"token": pair.token, "secret": hook.secret, "call_id": call.id, "code": code}
print(json.dumps({**answer, "second_page": second.data[0].id}, default=str))
