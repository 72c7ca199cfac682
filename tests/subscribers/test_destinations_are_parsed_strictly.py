"""`parse_destination`: one text, one meaning; everything else is malformed."""

from __future__ import annotations

import pytest

from subscribers.addressing import Destination, MalformedDestination, parse_destination, slugify_reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/private/bob", Destination("address", "/private/bob", "private", "bob")),
        ("/private/bob?channel=video", Destination("address", "/private/bob", "private", "bob", "video")),
        ("/public/x?a=1&channel=audio", Destination("address", "/public/x", "public", "x", "audio")),
        (
            "/public/Daily_stand-up",
            Destination("address", "/public/Daily_stand-up", "public", "Daily_stand-up"),
        ),
        ("101", Destination("extension", "101")),
        ("+15551234567", Destination("number", "+15551234567")),
        ("sip:Bob@Example.COM", Destination("sip", "sip:Bob@example.com")),
        ("SIP:bob@example.com:5060", Destination("sip", "sip:bob@example.com")),
        ("sips:bob@example.com:5061", Destination("sip", "sips:bob@example.com")),
        ("sip:bob@example.com:5080", Destination("sip", "sip:bob@example.com:5080")),
        ("sip:bob@192.0.2.1", Destination("sip", "sip:bob@192.0.2.1")),
        ("sip:bob@[2001:DB8:0::1]", Destination("sip", "sip:bob@[2001:db8::1]")),
    ],
)
def test_well_formed_texts_have_one_canonical_form(text: str, expected: Destination) -> None:
    assert parse_destination(text) == expected
    assert parse_destination(expected.text).text == expected.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/private",
        "/private/",
        "/private/bob/",
        "//private/bob",
        "/private//bob",
        "/private/../bob",
        "/private/.",
        "/private/bob.",
        "/private/%62ob",
        "/private/%2562ob",
        "/private/b ob",
        " /private/bob",
        "/private/bob\n",
        "/private/bob\x00",
        "/PRIVATE/bob",
        "/private/*",
        "/private/böb",
        "/private/ｂob",
        "/private/bob?channel=fax",
        "/private/bob?channel=audio&channel=video",
        "/private/bob#x",
        "1",
        "12345678901",
        "1２3",
        "٣٤٥",
        "+",
        "+1",
        "+0123456",
        "+1555123456789012",
        "+1 555",
        "+1-555",
        "+１555",
        "tel:+15551234567",
        "sip:",
        "sip:bob",
        "sip:@host",
        "sip:*@host",
        "sip:bob@",
        "sip:bob@host.",
        "sip:bob@-x",
        "sip:bob@a..b",
        "sip:bob@host:0",
        "sip:bob@host:65536",
        "sip:bob@host:x",
        "sip:bob@300.1.1.1",
        "sip:bob@1.2.3",
        "sip:b%6fb@host",
        "sip:bob:pw@host",
        "sip:bob@host;transport=tcp",
        "sip:bob@host?x=1",
        "sip:bob@host\r\nVia: x",
        "ſip:bob@host",
        "sip:bob@hoſt",
        "sip:bob@[::1",
        "verto:x",
        "client:x",
        "bob",
        "bob@example.com",
        "/private/" + "x" * 101,
        "/private/x?" + "y" * 300,
        None,
        1,
        1.5,
        True,
        [],
        {},
        ["/private/bob"],
        b"/private/bob",
    ],
)
def test_everything_else_is_malformed(text: object) -> None:
    with pytest.raises(MalformedDestination):
        parse_destination(text)


def test_the_test_destinations_are_known_by_their_text() -> None:
    assert parse_destination("/public/echo").test == "echo"
    assert parse_destination("/public/no-answer?channel=video").test == "no-answer"
    assert parse_destination("+46000000000").test == "announcement"
    assert parse_destination("/private/echo").test is None
    assert parse_destination("/public/Echo").test is None


@pytest.mark.parametrize(
    ("reference", "slug"),
    [
        ("john.doe@example.com", "john-doe"),
        ("alice", "alice"),
        ("Åsa Öberg", "asa-oberg"),
        ("straße", "strasse"),
        ("--x--", "x"),
        ("ﬁrst", "first"),
        ("user+tag@x", "user-tag"),
        ("a" * 255, "a" * 64),
    ],
)
def test_slugs_fold_the_part_before_the_at_sign(reference: str, slug: str) -> None:
    assert slugify_reference(reference) == slug


@pytest.mark.parametrize("reference", ["@example.com", "Влад", "...", "日本", "\ud800"])
def test_a_reference_with_nothing_left_gets_a_stable_name(reference: str) -> None:
    slug = slugify_reference(reference)
    assert slug.startswith("user-") and len(slug) == 13
    assert slugify_reference(reference) == slug
