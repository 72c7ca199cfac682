"""An appointment reminder: `appointment_reminder.py APPOINTMENTS.csv` calls everybody and asks for a key.

A line of the file is `id,to,time`, such as `17,+15551234567,Tuesday at ten`. FROM is the number that is
shown. 1 confirms, 2 asks for another time. A line `id answer` is printed for each, where the answer is
confirmed, change, no_key or not_reached.
"""

import csv
import os
import sys

from callwright_client import Callwright

ANSWERS = {"1": "confirmed", "2": "change"}
THANKS = {
    "confirmed": "Thank you. See you then.",
    "change": "We will call you. Goodbye.",
    "no_key": "Goodbye.",
}
QUIET = {"version": "1.0.0", "sections": {"main": [{"play": "silence:90"}, "hangup"]}}


def ask(client: Callwright, to: str, when: str) -> str:
    """Calls one person; the answer."""
    events = client.stream(after=client.cursor(), types=["call.answered", "call.ended", "collect.*", "say.*"])
    fields = {"to": to, "script": QUIET, "timeout": 30}
    if number := os.environ.get("FROM"):
        fields["from"] = number
    call = client.calls.dial(fields)["id"]
    answer = "not_reached"
    for entry in events:
        event, data = entry["event"], entry["event"]["data"]
        if (data.get("call") or {}).get("id", data.get("call_id")) != call:
            continue
        if event["type"] == "call.ended":
            return answer
        if event["type"] == "call.answered":
            answer = "no_key"
            client.calls.collect(call, {"leg": "callee", "digits": {"max": 1}, "initial_timeout": 30})
            text = f"Your appointment is {when}. Press one to confirm, or two for another time."
            client.calls.say(call, {"leg": "callee", "text": text, "control_id": "question"})
        elif event["type"] in ("collect.finished", "collect.failed"):
            pressed = ((data.get("result") or {}).get("params") or {}).get("digits", "")
            answer = ANSWERS.get(pressed, "no_key")
            client.calls.operation_control(call, "say", "question", "stop")
            client.calls.say(call, {"leg": "callee", "text": THANKS[answer], "control_id": "thanks"})
        elif event["type"] != "say.started" and data.get("control_id") == "thanks":
            client.calls.hangup(call)
    return answer


if __name__ == "__main__":
    with Callwright() as client, open(sys.argv[1], newline="") as file:
        for row in csv.reader(file):
            print(row[0], ask(client, row[1], row[2]), flush=True)
