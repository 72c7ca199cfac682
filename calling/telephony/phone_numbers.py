"""What a phone number is: its country, its risk, whether it is an emergency number. Pure: number plans.

E.164 by the `phonenumbers` library. Lives here: reading, and the project's policy about numbers. Must
not live here: rows, money, who may dial.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberType, ValidationResult, shortnumberinfo

from calling.telephony.toll_fraud import FRAUD_PREFIXES, SPECIAL_PREFIXES

LEVELS = ("low", "special", "fraud")
ANYWHERE_EMERGENCY = frozenset({"112", "911"})
NO_COUNTRY = "001"  # satellites, international freephone and premium
SPECIAL_TYPES = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PAGER})
TOO_WRONG = frozenset({ValidationResult.INVALID_COUNTRY_CODE, ValidationResult.TOO_LONG})
_E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_DIALLED = re.compile(r"\+*[0-9]+")
_SEPARATORS = str.maketrans("", "", "-.~!_")
LONG_DIGITS = 7  # a shorter user part is an extension of another exchange, not a number


class NoNumber(ValueError):
    """The text is no phone number that exists anywhere; `str()` says why."""


@dataclass(frozen=True)
class Number:
    """`text` is E.164; `region` ISO 3166 (`001`: no country); `risk` one of LEVELS.

    `complete`: it has as many digits as numbers of that country have.
    """

    text: str
    region: str
    risk: str
    complete: bool = True


@dataclass(frozen=True)
class NumberPolicy:
    """What a project lets its calls reach. `countries` None: every country; prefixes are `+` and digits."""

    countries: frozenset[str] | None = None
    risk: str = "low"
    allow_prefixes: tuple[str, ...] = ()
    block_prefixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why a number is not dialled: a code of the error, and a sentence."""

    code: str
    words: str


@lru_cache(maxsize=4096)
def read(text: str) -> Number:
    """The number of strict E.164 text. Raises NoNumber."""
    if not _E164.fullmatch(text):
        raise NoNumber("A phone number is + and 2 to 15 digits.")
    try:
        parsed = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise NoNumber("No country has numbers that begin like this.") from None
    length = phonenumbers.is_possible_number_with_reason(parsed)
    if length in TOO_WRONG:
        raise NoNumber("No number of that country has so many digits.")
    complete = length in (ValidationResult.IS_POSSIBLE, ValidationResult.IS_POSSIBLE_LOCAL_ONLY)
    return Number(text, region_of(parsed), risk_of(text, parsed), complete)


def region_of(parsed: PhoneNumber) -> str:
    """The country of a number; for one that is not assigned, that of the number plan's main country."""
    found = phonenumbers.region_code_for_number(parsed)
    return str(found or phonenumbers.region_code_for_country_code(parsed.country_code or 0))


def risk_of(text: str, parsed: PhoneNumber) -> str:
    """`fraud`: where diverted traffic goes; `special`: premium, shared cost, satellites; else `low`."""
    if text.startswith(FRAUD_PREFIXES):
        return "fraud"
    kind = phonenumbers.number_type(parsed)
    if text.startswith(SPECIAL_PREFIXES) or kind in SPECIAL_TYPES or like_premium(parsed):
        return "special"
    return "low"


def like_premium(parsed: PhoneNumber) -> bool:
    """Whether an unassigned number begins as premium numbers of its country do."""
    if phonenumbers.is_valid_number(parsed):
        return False
    region = region_of(parsed)
    number = phonenumbers.national_significant_number(parsed)
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(parsed.country_code or 0)
        if region == NO_COUNTRY
        else PhoneMetadata.metadata_for_region(region)
    )
    premium: Any = getattr(metadata, "premium_rate", None)
    example = premium.example_number if premium is not None else None
    if premium is None or not example or not premium.national_number_pattern:
        return False
    pattern = re.compile(premium.national_number_pattern)
    return any(pattern.fullmatch(number[:size] + example[size:]) for size in range(3, len(example) - 1))


@lru_cache(maxsize=512)
def emergency_numbers(region: str) -> frozenset[str]:
    """The emergency numbers of a country."""
    metadata = PhoneMetadata.short_metadata_for_region(region)
    found = getattr(metadata, "emergency", None)
    pattern = getattr(found, "national_number_pattern", None)
    if pattern is None:
        return frozenset()
    lengths = found.possible_length if found is not None else ()
    one = re.compile(pattern)
    return frozenset(text for size in lengths if size <= 5 for text in _digits(size) if one.fullmatch(text))


def _digits(size: int) -> list[str]:
    return [f"{value:0{size}}" for value in range(10**size)]


def is_emergency(text: str, regions: frozenset[str] = frozenset()) -> bool:
    """Whether `text` (digits, `+digits`, or with a country code before it) calls for help.

    112 and 911 are everywhere; other short numbers count in `regions`, the project's countries.
    """
    digits = text.lstrip("+").translate(_SEPARATORS)
    if not (digits.isascii() and digits.isdigit()):
        return False
    if digits in ANYWHERE_EMERGENCY or any(digits in emergency_numbers(region) for region in regions):
        return True
    return text.startswith("+") and _national_emergency(digits)


def _national_emergency(digits: str) -> bool:
    """`+46112`, `+440999`: a country code and that country's emergency number."""
    for size in (1, 2, 3):
        if digits[:size].isdecimal() and int(digits[:size]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            rest = digits[size:].lstrip("0") if len(digits[size:]) > 3 else digits[size:]
            if len(rest) > 5:
                continue
            regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(digits[:size])]
            short = [region for region in regions if region != NO_COUNTRY]
            if rest in ANYWHERE_EMERGENCY or any(
                shortnumberinfo.is_emergency_number(rest, region) for region in short
            ):
                return True
    return False


def refusal(number: Number, policy: NumberPolicy) -> Refusal | None:
    """Why the policy denies a number, None where it allows it: country, prefixes and risk must all agree."""
    if number.text.startswith(policy.block_prefixes or ("#",)):
        return Refusal("number_not_allowed", "The project blocks numbers that begin like this.")
    if policy.countries is not None and number.region not in policy.countries:
        return Refusal("country_not_allowed", "The project does not call that country.")
    if policy.countries is not None and not number.complete:
        return Refusal("number_not_allowed", "A number of that country has more digits.")
    allowed = number.text.startswith(policy.allow_prefixes or ("#",))
    if not allowed and LEVELS.index(number.risk) > LEVELS.index(policy.risk):
        return Refusal("number_not_allowed", "Numbers like this one are a fraud risk and cannot be called.")
    return None


@dataclass(frozen=True)
class SipUser:
    """What the user part of a SIP URI means to a telephone network: `number` in E.164, or `unclear`."""

    number: str | None = None
    unclear: bool = field(default=False)


def sip_user(user: str, *, to_gateway: bool) -> SipUser:
    """A user part as a gateway would dial it; names and short extensions mean no number.

    At a gateway only `+E.164` is clear: what anything else means is its own secret, so it is not sent.
    Elsewhere a long number is taken as it would be dialled internationally; one that nobody could dial so
    (`0900…`) is somebody's own plan, and not sent either.
    """
    if to_gateway:
        return SipUser(user) if _E164.fullmatch(user) else SipUser(unclear=True)
    plain = user.split(";")[0].translate(_SEPARATORS)
    dialled = _DIALLED.match(plain)  # what follows is dialled after the answer, or is a name
    if dialled is None:
        return SipUser()
    plain, digits = dialled[0], dialled[0].lstrip("+")
    abroad = next((each for each in ("+", "011", "00") if plain.startswith(each)), "")
    text = f"+{digits.removeprefix(abroad)}"
    if (abroad or len(digits) >= LONG_DIGITS) and _E164.fullmatch(text):
        return SipUser(text)
    return SipUser(unclear=len(digits) >= LONG_DIGITS or (bool(abroad) and len(digits) > 3))
