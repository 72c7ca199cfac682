"""One reading of telephone numbers, for every direction: separators and parameters are not the number."""

from __future__ import annotations

import pytest

from calling.sip.edge.mapping import called_users, destinations_of, number_of
from calling.sip.edge.routes import _NUMBER
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.headers import parse_uri
from calling.sip.stack.messages import make_request

OURS = frozenset({"callwright", "sip.example.com"})
NUMBER = "+46701740605"
SPELLINGS = [
    "+46701740605", "+46-70-174-06-05", "+46.70.174.06.05", "+46(70)174-06-05", "+46%2870%291740605",
    "%2B46701740605", "+46-70%20174%2006%2005", "+46701740605;cpc=ordinary", "+46-70-1740605;npdi;rn=+46-8",
    "+46701740605;isub=12;postd=pp22", "+46701740605;phone-context=+1", "+46701740605;ext=5",
    "070-174 06 05".replace(" ", "") + ";phone-context=+46", "0701740605;phone-context=+4-6",
    "701740605;phone-context=+46", "070.1740605;cpc=x;PHONE-CONTEXT=+46",
]  # fmt: skip


@pytest.mark.parametrize("user", SPELLINGS)
@pytest.mark.parametrize(
    "form", ["sip:{}@callwright", "sips:{}@callwright", "SIP:{}@CallWright;user=phone", "tel:{}"]
)
def test_every_spelling_is_the_same_number_to_every_reader(user: str, form: str) -> None:
    uri = form.format(user)
    assert number_of(parse_uri(uri)) == NUMBER
    assert destinations_of(uri, OURS)[0] == NUMBER
    request = make_request(
        "INVITE", exact_uri(uri), from_="<sip:a@h>;tag=1", to=f"<{uri}>", call_id="1", sequence=1
    )
    assert called_users(request) == [NUMBER]


@pytest.mark.parametrize(
    ("uri", "found"),
    [
        ("sip:101@callwright", ["101"]),
        ("sip:1-01@callwright", ["101", "/private/1-01", "/public/1-01"]),
        ("tel:101", ["101"]),
        ("tel:1-01;phone-context=callwright", ["101"]),
        ("tel:101;phone-context=elsewhere.example", []),
        ("sip:101;phone-context=elsewhere.example@callwright", []),
        ("sip:46701740605@callwright", [NUMBER]),
        ("tel:46-701740605", [NUMBER]),
        ("tel:06-123;phone-context=+39", ["+3906123"]),
        ("tel:06-123;phone-context=+31", ["+316123"]),
        ("sip:bob@callwright", ["/private/bob", "/public/bob"]),
        ("sip:bob-2@callwright", ["/private/bob-2", "/public/bob-2"]),
        ("sip:bob;x=y@callwright", ["/private/bob", "/public/bob"]),
        ("sip:+46-70-174-06-05@trunk.example;user=phone", [f"sip:{NUMBER}@trunk.example"]),
        ("sip:070-174@trunk.example:5080;user=phone", ["sip:070174@trunk.example:5080"]),
        ("sip:1-01@trunk.example", ["sip:1-01@trunk.example"]),
        ("sip:+46x@callwright", ["+46x"]),
        ("sip:callwright", []),
        ("sip:12345678901234567890123@callwright", []),
        ("tel:+46\u0661", ["+46\u0661"]),
        ("urn:service:sos", []),
    ],
)
def test_what_is_dialled_is_what_is_meant(uri: str, found: list[str]) -> None:
    assert destinations_of(uri, OURS) == found


@pytest.mark.parametrize(
    "uri", ["sip:\u0664\u0666@h", "sip:+@h", "sip:+46+1@h", "sip:bob@h", "sip:h", "sip:*31#46@h"]
)
def test_what_is_no_number_is_none(uri: str) -> None:
    try:
        parsed = parse_uri(uri)
    except ValueError:
        return
    assert number_of(parsed) is None


def test_a_number_that_is_dialled_finds_its_row() -> None:
    assert all(_NUMBER.match(number_of(parse_uri(f"sip:{user}@h")) or "") for user in SPELLINGS)
