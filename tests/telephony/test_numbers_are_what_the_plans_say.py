"""Reading numbers: country, risk, emergency; and what a project's policy says to them."""

from __future__ import annotations

import pytest

from calling.telephony import phone_numbers
from calling.telephony.phone_numbers import NumberPolicy, SipUser


@pytest.mark.parametrize(
    ("text", "region", "risk"),
    [
        ("+15551234567", "US", "low"),
        ("+46701234567", "SE", "low"),
        ("+14165550123", "CA", "low"),
        ("+18761234567", "JM", "fraud"),
        ("+5351234567", "CU", "fraud"),
        ("+19005551234", "US", "special"),
        ("+19001551234", "US", "special"),
        ("+46939123456", "SE", "special"),
        ("+881612345678", "001", "special"),
    ],
)
def test_a_number_has_a_country_and_a_risk(text: str, region: str, risk: str) -> None:
    number = phone_numbers.read(text)
    assert (number.region, number.risk) == (region, risk)


@pytest.mark.parametrize("text", ["15551234567", "+0", "+", "", "+1555123456789012", "+99912345", "+1 555"])
def test_what_no_plan_has_is_no_number(text: str) -> None:
    with pytest.raises(phone_numbers.NoNumber):
        phone_numbers.read(text)


@pytest.mark.parametrize("text", ["112", "911", "+112", "+911", "+46112", "+1911", "+44999", "+440999"])
def test_calls_for_help_are_known_everywhere(text: str) -> None:
    assert phone_numbers.is_emergency(text)


def test_a_countrys_own_emergency_numbers_count_where_it_is_ours() -> None:
    assert phone_numbers.is_emergency("999", frozenset({"GB"}))
    assert not phone_numbers.is_emergency("999") and not phone_numbers.is_emergency("101")
    assert not phone_numbers.is_emergency("+46112345678")


def test_countries_prefixes_and_risk_must_all_agree() -> None:
    def code(text: str, policy: NumberPolicy) -> str | None:
        found = phone_numbers.refusal(phone_numbers.read(text), policy)
        return found.code if found else None

    assert code("+46701234567", NumberPolicy()) is None
    assert code("+46701234567", NumberPolicy(frozenset({"US"}))) == "country_not_allowed"
    assert code("+46701234567", NumberPolicy(frozenset({"SE"}))) is None
    assert code("+467012", NumberPolicy(frozenset({"SE"}))) == "number_not_allowed"
    assert code("+467012", NumberPolicy()) is None
    assert code("+46701234567", NumberPolicy(block_prefixes=("+4670",))) == "number_not_allowed"
    assert code("+19005551234", NumberPolicy()) == "number_not_allowed"
    assert code("+19005551234", NumberPolicy(risk="special")) is None
    assert code("+18761234567", NumberPolicy(risk="special")) == "number_not_allowed"
    assert code("+18761234567", NumberPolicy(allow_prefixes=("+1876",))) is None
    assert code("+18761234567", NumberPolicy(frozenset({"US"}), allow_prefixes=("+1876",))) is not None


@pytest.mark.parametrize(
    ("user", "at_gateway", "elsewhere"),
    [
        ("alice", SipUser(unclear=True), SipUser()),
        ("101", SipUser(unclear=True), SipUser()),
        ("x9001234567", SipUser(unclear=True), SipUser()),
        ("09001234567", SipUser(unclear=True), SipUser(unclear=True)),
        ("+15551234567", SipUser("+15551234567"), SipUser("+15551234567")),
        ("0015551234567", SipUser(unclear=True), SipUser("+15551234567")),
        ("01115551234567", SipUser(unclear=True), SipUser("+15551234567")),
        ("1-555-123-4567", SipUser(unclear=True), SipUser("+15551234567")),
    ],
)
def test_a_sip_user_may_mean_a_number(user: str, at_gateway: SipUser, elsewhere: SipUser) -> None:
    assert phone_numbers.sip_user(user, to_gateway=True) == at_gateway
    assert phone_numbers.sip_user(user, to_gateway=False) == elsewhere
