"""What a stored SIP message keeps: every octet but those of secrets, and its length."""

from __future__ import annotations

import re

import pytest

from calling.sip.edge.trace_secrets import masked

INVITE = (
    b"INVITE sip:+15557654321:hunter2@example.com;user=phone SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx\r\n"
    b'From: "Alice" <sip:alice@example.com>;tag=1\r\n'
    b"To: <sip:+15557654321@example.com>\r\n"
    b"Call-ID: abc@192.0.2.1\r\n"
    b"CSeq: 2 INVITE\r\n"
    b'Authorization: Digest username="alice", realm="callwright", nonce="N0NCE",\r\n'
    b'\turi="sip:example.com", response="0123456789abcdef", cnonce="SECRETCNONCE", qop=auth, nc=00000001\r\n'
    b"proxy-authorization : Bearer eyJhbGciOi.J9.secret\r\n"
    b"X-Api-Key: k-123456\r\n"
    b"X-Auth: hush hush\r\n"
    b"X-Order: 42\r\n"
    b"Refer-To: <sip:bob@example.com?Authorization=Basic%20Zm9v&Replaces=a%40b>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 300\r\n"
    b"\r\n"
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nk=clear:opensesame\r\nm=audio 4000 RTP/SAVP 0\r\n"
    b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n"
    b"a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZg\r\na=key-mgmt:mikey AQAFgM0XflABAAAA\r\n"
    b"a=fingerprint:sha-256 AA:BB\r\na=rtpmap:0 PCMU/8000\r\n"
)
SECRETS = (
    "hunter2", "0123456789abcdef", "SECRETCNONCE", "eyJhbGciOi", "k-123456", "hush", "Zm9v", "opensesame",
    "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz", "asd88fgpdd777uzjYhagZg", "AQAFgM0XflABAAAA",
)  # fmt: skip
KEPT = (
    "+15557654321", 'username="alice"', 'nonce="N0NCE"', 'uri="sip:example.com"', "nc=00000001", "Bearer",
    "X-Order: 42", "Replaces=a%40b", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:", "a=fingerprint:sha-256 AA",
    "a=rtpmap:0 PCMU/8000", "branch=z9hG4bKx", "Call-ID: abc@192.0.2.1",
)  # fmt: skip


def test_secrets_become_x_and_nothing_else_changes():
    left = masked(INVITE)
    assert len(left) == len(INVITE)
    text = left.decode()
    assert [secret for secret in SECRETS if secret in text] == []
    assert [word for word in KEPT if word not in text] == []
    changed = [at for at, (old, new) in enumerate(zip(INVITE, left, strict=True)) if old != new]
    assert {left[at : at + 1] for at in changed} == {b"x"}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "header",
    [
        'Authorization:Digest response="{}"',
        "AUTHORIZATION\t:  Digest realm=r,response = {}",
        "Authorization: Basic {}",
        "Authorization: {}",
        'Proxy-Authorization: Digest\r\n realm="r",\r\n response="{}"',
        'Authentication-Info: nextnonce="n", rspauth="{}"',
        "X-Access-Token: a\r\n {}",
        "Set-Cookie: {}",
        "Contact: <sips:bob:{}@192.0.2.1>",
    ],
)
def test_every_spelling_of_a_credential_is_found(header, ending):
    message = f"BYE sip:a@b SIP/2.0\r\n{header.format('Sup3rSecret')}\r\nCSeq: 1 BYE\r\n\r\n"
    left = masked(message.replace("\r\n", ending).encode()).decode()
    assert "Sup3rSecret" not in left and "CSeq: 1 BYE" in left


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/dtmf-relay", "Signal=7\r\nDuration=160\r\n"),
        ("application/dtmf-relay", "Signal= 7\nDuration= 160\n"),
        ("application/dtmf", "7"),
    ],
)
def test_digits_are_not_kept(kind, body):
    head = f"INFO sip:a@b SIP/2.0\r\nContent-Type: {kind}\r\n\r\n"
    assert "7" not in masked((head + body).encode()).decode()[len(head) :]


def test_a_challenge_and_its_header_keep_their_words():
    message = b'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n\r\n'
    assert masked(message) == message


@pytest.mark.parametrize("step", [1, 7])
def test_a_message_that_is_cut_anywhere_shows_no_whole_secret(step):
    for end in range(INVITE.index(b"\r\n"), len(INVITE), step):
        left = masked(INVITE[:end])
        assert len(left) == end
        assert not any(re.search(re.escape(secret), left.decode()) for secret in SECRETS), end


@pytest.mark.parametrize(
    "junk", [b"", b"\r\n\r\n", b":\r\n", b"\xff" * 70_000, b"sip:" * 15_000, b"a:b " * 16_000]
)
def test_junk_costs_little_and_keeps_its_length(junk):
    assert len(masked(junk)) == len(junk)
