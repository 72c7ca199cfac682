"""Voicemail by mail: /public/NAME rings PERSON, takes a message where nobody answers, and mails it.

MAIL_TO gets it; SMTP_HOST and SMTP_PORT name the mail server. The program follows the event log, so a message
that was left while it was down is mailed when it comes back, if you start it with the last cursor that it
printed (AFTER).
"""

import json
import os
import smtplib
import time
from email.message import EmailMessage

from callwright_client import Callwright

NAME = os.environ.get("NAME", "voicemail")
PERSON = os.environ.get("PERSON", "/private/alice")
MAIL_TO = os.environ.get("MAIL_TO", "alice@example.com")
MAIL_FROM = os.environ.get("MAIL_FROM", "voicemail@example.com")
SMTP = (os.environ.get("SMTP_HOST", "localhost"), int(os.environ.get("SMTP_PORT", "25")))
RING_SECONDS = int(os.environ.get("RING_SECONDS", "20"))
GREETING = "say:Nobody can take your call. Please leave a message after the tone, and press hash."
TALKED = {"case": {"connected": ["hangup"]}}  # after a talk there is no message to leave
SCRIPT = {
    "version": "1.0.0",
    "sections": {
        "main": [
            {"connect": {"to": PERSON, "timeout": RING_SECONDS, "result": TALKED}},
            {"play": GREETING},
            {"record": {"beep": True, "terminators": "#", "max_length": 120, "end_silence_timeout": 5}},
            "hangup",
        ]
    },
}


def complete(client: Callwright, call_id: str) -> list:
    """A call's messages; they are complete a moment after it has ended."""
    for _ in range(60):
        found = client.recordings.list(call_id=call_id)["data"]
        if all(each["state"] != "recording" for each in found):
            break
        time.sleep(0.5)
    return [each for each in found if each["state"] in ("finished", "partial") and each["duration_ms"]]


def mail(client: Callwright, recording_id: str, caller: str, when: str) -> None:
    recording = client.recordings.get(recording_id)
    message = EmailMessage()
    message["From"], message["To"] = MAIL_FROM, MAIL_TO
    message["Subject"] = f"Message from {caller or 'an unknown caller'}"
    message.set_content(f"{recording['duration_ms'] / 1000:.0f} seconds, {when}")
    sound = client.recordings.download(recording_id)
    message.add_attachment(
        sound, maintype="audio", subtype=recording["format"], filename=f"message.{recording['format']}"
    )
    with smtplib.SMTP(*SMTP, timeout=30) as server:
        server.send_message(message)


if __name__ == "__main__":
    with Callwright() as client:
        fields = {"name": NAME, "contents": json.dumps(SCRIPT)}
        every = client.every(client.directory.list_swml_script(page_size=200))
        if all(each["swml_script"]["name"] != NAME for each in every):
            client.directory.create_swml_script(fields)
        after = os.environ.get("AFTER") or client.cursor()
        print(f"ready /public/{NAME}", flush=True)
        for entry in client.stream(after=after, types=["call.ended"]):
            call = entry["event"]["data"]["call"]
            if call["to"] == f"/public/{NAME}":
                for recording in complete(client, call["id"]):
                    caller = call["from_name"] or call["from"]
                    mail(client, recording["id"], caller, entry["event"]["timestamp"])
                    print(f"mailed {recording['id']} {entry['cursor']}", flush=True)
