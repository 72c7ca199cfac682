"""Who calls and who sent the call on, as networks say: believed of a trusted gateway, private on request."""

from __future__ import annotations

import pytest
from sipmessage import Request

from calling.sip.edge.identity import Caller, caller_of
from calling.sip.stack.dialog import exact_uri
from calling.sip.stack.messages import make_request

PILOT = '"Pilot" <sip:+46850000000@trunk.example;user=phone>'
PAI = "P-Asserted-Identity"


def invite(*headers: tuple[str, str], from_: str = PILOT) -> Request:
    uri = "sip:+4681234567@h"
    return make_request(
        "INVITE",
        exact_uri(uri),
        from_=f"{from_};tag=1",
        to=f"<{uri}>",
        call_id="1",
        sequence=1,
        extra=headers,
    )


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], ("+46850000000", "Pilot")),
        ([(PAI, '"Al, <x>" <sip:+46-70-174-06-05;cpc=ordinary@h>')], ("+46701740605", "Al, <x>")),
        ([(PAI, "tel:+46-70-174-06-05")], ("+46701740605", "")),
        ([(PAI, '"Al" <sip:al@h>, <tel:+46701740605>')], ("+46701740605", "Al")),
        ([(PAI, '"Al" <sip:al@h>'), (PAI, "<tel:+46701740605>")], ("+46701740605", "Al")),
        ([(PAI, '"Al" <sip:al@h>')], ("sip:al@h", "Al")),
        ([(PAI, "<urn:x:y>")], ("+46850000000", "Pilot")),
        ([(PAI, '"broken <sip:a@h>')], ("+46850000000", "Pilot")),
        ([(PAI, "<sip:h>")], ("anonymous", "")),
        ([(PAI, "<tel:+4611>"), ("Privacy", "id")], ("anonymous", "")),
        ([(PAI, "<tel:+4611>"), ("Privacy", "id;critical")], ("anonymous", "")),
        ([(PAI, "<tel:+4611>"), ("privacy", "Header; User")], ("anonymous", "")),
        ([(PAI, "<tel:+4611>"), ("Privacy", "none")], ("+4611", "")),
        ([("Privacy", "user")], ("anonymous", "")),
        ([("Remote-Party-ID", '"B" <sip:0701740605;phone-context=+46@h>;party=calling;privacy=off')],
         ("+46701740605", "B")),
        ([("Remote-Party-ID", '"B" <sip:+4611@h>')], ("+4611", "B")),
        ([("Remote-Party-ID", '"B" <sip:+4611@h>;privacy="full"')], ("anonymous", "")),
        ([("Remote-Party-ID", '"B" <sip:+4611@h>;privacy=name')], ("+4611", "")),
        ([("Remote-Party-ID", '"B" <sip:+4611@h>;party=called, "C" <sip:+4622@h>;party=Calling')],
         ("+4622", "C")),
        ([("Remote-Party-ID", '"B" <sip:+4611@h>;party=called')], ("+46850000000", "Pilot")),
        ([("Remote-Party-ID", "<sip:+4611@h>"), (PAI, "<sip:+4622@h>")], ("+4622", "")),
    ],
)  # fmt: skip
def test_the_caller_is_who_the_network_says(headers: list[tuple[str, str]], found: tuple[str, str]) -> None:
    assert caller_of(invite(*headers), trusted=True) == Caller(*found)
    assert caller_of(invite(*headers), trusted=False) == Caller("+46850000000", "Pilot"), "not believed"


def test_an_anonymous_from_is_filled_in_by_the_network_alone() -> None:
    request = invite((PAI, "<tel:+46701740605>"), from_='"Anonymous" <sip:anonymous@anonymous.invalid>')
    assert caller_of(request, trusted=True) == Caller("+46701740605", "")
    assert caller_of(request, trusted=False) == Caller("anonymous", "Anonymous")
    assert caller_of(invite(from_="<tel:+46-70-174-06-05>"), trusted=False) == Caller("+46701740605", "")
    assert caller_of(invite(from_="<sip:trunk.example>"), trusted=False) == Caller("anonymous", "")
    assert caller_of(invite(from_="<urn:service:sos>"), trusted=True) == Caller("anonymous", "")


HISTORY = (
    "<sip:+46811@h>;index=1, <sip:+46822@h;cause=302>;index=1.1;mp=1, "
    "<sip:+46833@h;cause=408>;index=1.1.1;mp=1.1"
)
BUSY = "<sip:+46833@h;cause=486>;index=1.1"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("Diversion", '"Desk, 1" <sip:+46-8-11@h>;reason=unconditional;counter=1')], "+46811"),
        ([("Diversion", "<tel:+46822>;reason=no-answer, <sip:+46811@h>;reason=user-busy")], "+46822"),
        ([("Diversion", "<sip:+46822@h>"), ("Diversion", "<sip:+46811@h>")], "+46822"),
        ([("Diversion", '<sip:+46822@h>;privacy="full"')], "anonymous"),
        ([("Diversion", "<sip:+46822@h>;privacy=uri")], "anonymous"),
        ([("Diversion", "<sip:+46822@h>;privacy=name")], "+46822"),
        ([("Diversion", '<sip:+46822@h>;x="<sip:+4611@h>"')], "+46822"),
        ([("Diversion", "garbage <")], ""),
        ([("History-Info", HISTORY)], "+46822"),
        ([("History-Info", value) for value in HISTORY.split(", ")], "+46822"),
        ([("History-Info", f"<sip:+46811@h>;index=1, {BUSY}")], "+46811"),
        ([("History-Info", f"<sip:+46811@h?Privacy=history>;index=1, {BUSY}")], "anonymous"),
        ([("History-Info", f"<sip:+46811@h>;index=1, {BUSY}"), ("Privacy", "history")],
         "anonymous"),
        ([("History-Info", "<sip:+46811@h>;index=1, <sip:+46833@h>;index=1.1;rc=1")], ""),
        ([("History-Info", "<sip:+46833@h;cause=486>;index=1")], ""),
        ([("Diversion", "<sip:+46822@h>"), ("History-Info", HISTORY)], "+46822"),
        ([], ""),
    ],
)  # fmt: skip
def test_who_sent_the_call_on_is_told(headers: list[tuple[str, str]], found: str) -> None:
    assert caller_of(invite(*headers), trusted=True).diverted_from == found
    assert caller_of(invite(*headers), trusted=False).diverted_from == ""


def test_many_and_long_values_are_bounded() -> None:
    long = f"<sip:{'9' * 60}@{'h' * 60}.{'o' * 60}>"
    request = invite(*((PAI, long) for _ in range(60)), ("Diversion", long), from_=f'"{"n" * 300}" <sip:u@h>')
    found = caller_of(request, trusted=True)
    assert found == Caller(long[1:-1], "", "anonymous"), "64 characters are kept of who diverted"
    assert caller_of(invite(from_=long.replace(">", f".{'s' * 60}>")), trusted=False).shown == "anonymous"
    assert len(caller_of(request, trusted=False).name) == 100


@pytest.mark.parametrize("user", ["/private/ceo", "%2Fprivate%2Fceo", "private/ceo"])
@pytest.mark.parametrize("trusted", [True, False])
def test_nobody_outside_looks_like_an_inside_caller(user: str, trusted: bool) -> None:
    found = caller_of(invite(from_=f'" /private/ceo" <sip:{user}@h>'), trusted=trusted)
    assert found == Caller("anonymous", "")
    asserted = caller_of(invite((PAI, f"<sip:{user}@h>"), ("Diversion", f"<sip:{user}@h>")), trusted=True)
    assert (asserted.shown, asserted.diverted_from) == ("anonymous", "anonymous")
