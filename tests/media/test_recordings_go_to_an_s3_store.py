"""Recordings in an S3-compatible store: boto3 itself against a small server that keeps what it is given."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from calling import models
from calling.media.recording import store
from config.env import WrongVariable, read
from tests.support.people import Cast, make_cast

pytest.importorskip("boto3", reason="the s3 extra is not installed")
pytestmark = pytest.mark.django_db


class Bucket(ThreadingHTTPServer):
    """PUT, HEAD, GET and DELETE of objects; every request must be signed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.objects: dict[str, bytes] = {}
        self.down = False


class Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Bucket

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def answer(self, status: int, body: bytes = b"", length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 08:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key, objects = self.path.partition("?")[0], self.server.objects
        if self.server.down:
            self.answer(503)
        elif not self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=key/"):
            self.answer(403)
        elif self.command == "PUT":
            objects[key] = body
            self.answer(200)
        elif self.command == "DELETE":
            objects.pop(key, None)
            self.answer(204)
        elif key not in objects:
            self.answer(404)
        elif self.command == "HEAD":
            self.answer(200, length=len(objects[key]))
        else:
            self.answer(200, objects[key])

    do_PUT = do_GET = do_HEAD = do_DELETE = _handle


@pytest.fixture
def bucket(settings: Any, tmp_path: Path) -> Iterator[Bucket]:
    server = Bucket()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.DATA_DIR = tmp_path
    settings.CALLWRIGHT_RECORDINGS_URL = f"s3+http://key:sec%2Fret@127.0.0.1:{server.server_port}/calls/eu"
    yield server
    server.shutdown()


def recorded(cast: Cast, tmp_path: Path, sound: bytes = b"RIFF sound") -> models.Recording:
    name = f"ab/{uuid4().hex}.wav"
    (tmp_path / "recordings" / "ab").mkdir(parents=True, exist_ok=True)
    (tmp_path / "recordings" / name).write_bytes(sound)
    return models.Recording.objects.create(
        project=cast.project, call_id=uuid4(), control_id="r", state="finished", format="wav", path=name
    )


def test_a_recording_moves_to_the_bucket_is_downloaded_and_deleted(bucket: Bucket, tmp_path: Path) -> None:
    cast = make_cast()
    row = recorded(cast, tmp_path)
    assert store.keep(row)
    assert bucket.objects == {f"/calls/eu/{row.path}": b"RIFF sound"}
    assert store.local(row) is None
    answer = cast.rest.get(f"/api/recordings/{row.id}/download")
    assert answer.status_code == 200 and b"".join(answer.streaming_content) == b"RIFF sound"
    assert cast.rest.delete(f"/api/recordings/{row.id}").status_code == 204
    assert bucket.objects == {}


def test_what_an_absent_store_did_not_take_is_brought_later(bucket: Bucket, tmp_path: Path) -> None:
    cast = make_cast()
    first, second = recorded(cast, tmp_path), recorded(cast, tmp_path, b"RIFF more")
    bucket.down = True
    assert not store.keep(first)
    answer = cast.rest.get(f"/api/recordings/{first.id}/download")
    assert b"".join(answer.streaming_content) == b"RIFF sound"  # the disk still has it
    bucket.down = False
    store.keep_with_others(second)
    assert sorted(bucket.objects.values()) == [b"RIFF more", b"RIFF sound"]
    assert not list((tmp_path / "recordings").glob("??/*"))


@pytest.mark.parametrize("url", ["s3://host/bucket", "s3://key:secret@host", "ftp://key:secret@host/b"])
def test_a_store_without_keys_or_bucket_is_a_one_line_error(url: str) -> None:
    with pytest.raises(WrongVariable, match="CALLWRIGHT_RECORDINGS_URL"):
        read({"CALLWRIGHT_RECORDINGS_URL": url})
