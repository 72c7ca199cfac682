"""Recordings to S3: every finished recording of the project is copied to a bucket of yours.

BUCKET and PREFIX name the place; boto3 finds the credentials and the region as usual (`AWS_…`), and
S3_ENDPOINT names another store that speaks S3. With DELETE=1 the platform's copy is removed once the bucket
has it. CURSOR_FILE keeps the place in the event log: after a restart nothing is left out.
"""

import os
import time
from pathlib import Path

import boto3
from callwright_client import ApiError, Callwright

BUCKET = os.environ.get("BUCKET", "calls")
PREFIX = os.environ.get("PREFIX", "recordings/")
DELETE = os.environ.get("DELETE") == "1"
CURSOR_FILE = Path(os.environ.get("CURSOR_FILE", "recording_to_s3.cursor"))
TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
OVER = ("finished", "partial")


def complete(client: Callwright, call_id: str) -> list:
    """A call's recordings; they are complete a moment after it has ended."""
    for _ in range(60):
        found = list(client.every(client.recordings.list(call_id=call_id, page_size=100)))
        if all(each["state"] != "recording" for each in found):
            break
        time.sleep(0.5)
    return [each for each in found if each["state"] in OVER]


def copy(client: Callwright, bucket: object, call_id: str, day: str) -> None:
    for recording in complete(client, call_id):
        try:
            sound = client.recordings.download(recording["id"])
        except ApiError as error:
            if error.status == 404:  # deleted meanwhile
                continue
            raise
        key = f"{PREFIX}{day}/{recording['id']}.{recording['format']}"
        bucket.put_object(  # type: ignore[attr-defined]
            Bucket=BUCKET,
            Key=key,
            Body=sound,
            ContentType=TYPES.get(recording["format"], "application/octet-stream"),
            Metadata={"call-id": call_id, "duration-ms": str(recording["duration_ms"])},
        )
        if DELETE:
            client.recordings.delete(recording["id"])
        print(f"copied {key}", flush=True)


if __name__ == "__main__":
    store = boto3.client("s3", endpoint_url=os.environ.get("S3_ENDPOINT"))
    with Callwright() as client:
        if not CURSOR_FILE.exists():
            CURSOR_FILE.write_text(client.cursor())
        print(f"ready s3://{BUCKET}/{PREFIX}", flush=True)
        for entry in client.stream(after=CURSOR_FILE.read_text().strip(), types=["call.ended"]):
            event = entry["event"]
            copy(client, store, event["data"]["call"]["id"], event["timestamp"][:10])
            CURSOR_FILE.write_text(entry["cursor"])
