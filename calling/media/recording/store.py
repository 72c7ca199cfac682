"""Recordings in an S3-compatible store: brought there when they are over, fetched and deleted there.

A recording is always written under the data directory first. Without CALLWRIGHT_RECORDINGS_URL it stays
there; with it the file is moved to the bucket when it ends, or, if the store was away then, when the next
recording of that machine ends. Readers look on the disk first.
"""

from __future__ import annotations

import contextlib
import logging
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.files import File

from calling import models
from calling.media.recording.rows import root

log = logging.getLogger(__name__)
SECONDS: Final = 10
TRIES: Final = 2
BATCH: Final = 20


def local(row: models.Recording) -> Path | None:
    """Where the sound lies on this disk: inside the recordings directory, whatever the row says."""
    directory = root().resolve()
    found = (directory / row.path).resolve()
    return found if found.is_relative_to(directory) and found.is_file() else None


def store() -> Any | None:
    """django-storages' S3 storage of the settings; None where recordings stay on the disk."""
    url = settings.CALLWRIGHT_RECORDINGS_URL
    return bucket(url) if url else None


@cache
def bucket(url: str) -> Any:
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    parts = urlsplit(url)
    name, _, prefix = parts.path.strip("/").partition("/")
    scheme = "http" if parts.scheme == "s3+http" else "https"
    return S3Storage(
        access_key=unquote(parts.username or ""),
        secret_key=unquote(parts.password or ""),
        bucket_name=name,
        location=prefix,
        endpoint_url=f"{scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else ""),
        region_name=parse_qs(parts.query).get("region", ["us-east-1"])[0],
        file_overwrite=True,
        default_acl=None,
        client_config=Config(
            connect_timeout=SECONDS,
            read_timeout=SECONDS,
            retries={"max_attempts": TRIES},
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def keep(row: models.Recording) -> bool:
    """Move a finished recording to the store. False: there is none, or it is unavailable; the file stays."""
    there, here = store(), local(row)
    if there is None or here is None:
        return False
    try:
        with here.open("rb") as file:
            there.save(row.path, File(file))
    except Exception as problem:  # botocore's many kinds; the next recording's end tries again
        log.warning("A recording could not be stored", extra={"why": str(problem)[:200]})
        return False
    here.unlink(missing_ok=True)
    return True


def keep_with_others(row: models.Recording) -> None:
    """Move this one, and then what an absent store or a lost worker left on this disk."""
    if keep(row):
        keep_left_behind()


def keep_left_behind() -> int:
    """Move recordings that are over and still lie on this disk. How many were moved."""
    if store() is None:
        return 0
    paths = [str(path.relative_to(root())) for path in list(root().glob("??/*"))[: BATCH * 50]]
    rows = models.Recording.objects.filter(path__in=paths, state__in=("finished", "partial"))[:BATCH]
    count = 0
    for row in rows:
        if not keep(row):
            return count
        count += 1
    return count


def fetch(row: models.Recording) -> BinaryIO | None:
    """The sound, from the disk or the store; None where neither has it."""
    here = local(row)
    if here is not None:
        return here.open("rb")
    there = store()
    if there is None or not inside(row):
        return None
    try:
        found: BinaryIO = there.open(row.path, "rb")
        found.read(0)
    except Exception as problem:  # FileNotFoundError, and botocore's many kinds
        log.warning("A recording could not be fetched", extra={"why": str(problem)[:200]})
        return None
    return found


def forget(row: models.Recording) -> None:
    """Delete the sound wherever it is; an unavailable store keeps its copy."""
    with contextlib.suppress(Exception):
        erase(row)


def erase(row: models.Recording) -> None:
    """Delete the file wherever it is. Raises OSError, or botocore's error if the store is unavailable."""
    here, there = local(row), store()
    if here is not None:
        here.unlink(missing_ok=True)
    if there is not None and inside(row):
        there.delete(row.path)


def inside(row: models.Recording) -> bool:
    return bool(row.path) and ".." not in Path(row.path).parts and not row.path.startswith("/")
