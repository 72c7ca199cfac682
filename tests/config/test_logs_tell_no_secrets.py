"""What a log line may not hold."""

from __future__ import annotations

import json
import logging

import pytest

from config.logs import JsonLine, scrub


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ],
)
def test_tokens_and_signing_secrets_are_hidden(secret: str) -> None:
    assert secret not in scrub(f"got {secret} from a device")


def test_credentials_of_headers_and_urls_are_hidden() -> None:
    assert "c2VjcmV0OnRva2Vu" not in scrub("authorization: Basic c2VjcmV0OnRva2Vu")
    assert "hunter2" not in scrub("postgresql://me:hunter2@db/calls")


def test_an_sdp_and_a_phone_number_are_not_written_out() -> None:
    assert scrub("offer v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\na=ice-pwd:x") == "offer [sdp]"
    assert scrub("dial +15551234567 now") == "dial +155…67 now"


def test_a_record_is_one_json_line() -> None:
    record = logging.LogRecord("calling", logging.ERROR, "f", 1, "two\nlines %s", ("x",), None)
    line = JsonLine().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "two\nlines x"
