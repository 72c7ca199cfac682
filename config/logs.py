"""One JSON object per log line, with what looks like a secret or an SDP taken out."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

from rest import request_ids

LONGEST = 4000
_HIDDEN = "[hidden]"
# What every record has; anything else came with `extra=` and belongs in the line.
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", None, None))) | {"message", "asctime", "data"}
_SECRETS = (
    re.compile(r"eyJ[\w-]{6,}\.[\w-]{4,}(?:\.[\w-]*){0,3}"),  # JWT, also encrypted
    re.compile(r"whsec_[\w+/=-]+"),
    re.compile(r"(?i)(?<=basic )[a-z0-9+/=]{8,}|(?<=bearer )[\w.~+/=-]{8,}"),
    re.compile(r"(?i)(?<=password=)[^\s&\"']+|(?<=token=)[^\s&\"']+|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)"),
)
_SDP = re.compile(r"v=0(?:\r?\n|\\r\\n)o=.*", re.DOTALL)
_NUMBER = re.compile(r"\+(\d{3})\d{4,9}(\d{2})(?!\d)")


def scrub(text: str) -> str:
    """The text without tokens, signing secrets, passwords, SDP and full phone numbers."""
    for pattern in _SECRETS:
        text = pattern.sub(_HIDDEN, text)
    text = _SDP.sub("[sdp]", text)
    return _NUMBER.sub(r"+\1…\2", text)


class OnlySurprises(logging.Filter):
    """Drops Django's line for every answer of 400 and more that was given on purpose: 500 is none of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name != "django.request" or record.exc_info:
            return True
        return getattr(record, "status_code", 500) == 500


class JsonLine(logging.Formatter):
    """Formats a record as `{"at","level","logger","message","request_id"?,"error"?}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": scrub(record.getMessage())[:LONGEST],
        }
        request_id = request_ids.current()
        if request_id is not None:
            line["request_id"] = request_id
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                line[name] = scrub(str(value))[:LONGEST]
        if record.exc_info:
            line["error"] = scrub(self.formatException(record.exc_info))[-LONGEST:]
        return json.dumps(line, ensure_ascii=False)
