"""Strict fields for the directory's serializers: no value is quietly turned into another type."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from rest import errors
from rest.json_bodies import NOT_IN_A_LINE, whole_number
from subscribers import addressing

# What an SDES key may be for here, and what SignalWire's resources list besides.
SUITES = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"}
OTHER_SUITES = {
    "AEAD_AES_256_GCM_8",
    "AEAD_AES_128_GCM_8",
    "AES_256_CM_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_32",
    "AES_192_CM_HMAC_SHA1_80",
    "AES_192_CM_HMAC_SHA1_32",
}
VOICES = {"PCMU", "PCMA", "G722", "OPUS"}  # that calls can be made with
Value = TypeVar("Value")
CODECS = ("PCMU", "PCMA", "G722", "G729", "OPUS", "VP8", "H264")
_HEADER = re.compile(r"[xX]-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,98}")


class AsStored(serializers.Field[Value, object, Value, object]):
    """A field that is shown as it is kept."""

    def __init__(self, *, required: bool = False, allow_null: bool = False) -> None:
        super().__init__(required=required, allow_null=allow_null)

    def to_representation(self, value: Value) -> Value:
        return value


class Text(serializers.CharField):
    """A string of one line; null is an empty one where the field may be left out."""

    refused: ClassVar[re.Pattern[str]] = NOT_IN_A_LINE
    words_of_refusal: ClassVar[str] = "Must be one line without control characters."

    def __init__(self, max_length: int = 200, *, required: bool = False, allow_null: bool = False) -> None:
        super().__init__(
            max_length=max_length, required=required, allow_null=allow_null, allow_blank=not required
        )

    def validate_empty_values(self, data: object) -> tuple[bool, Any]:
        if data is None and not self.required:
            return True, ""
        done: tuple[bool, Any] = super().validate_empty_values(data)
        return done

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Must be a string.", code="invalid_parameter")
        text: str = super().to_internal_value(data)
        if self.refused.search(text):
            raise serializers.ValidationError(self.words_of_refusal, code="invalid_parameter")
        return text


class Lines(Text):
    """A string of any number of lines."""

    refused = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
    words_of_refusal = "Must not have control characters but line breaks and tabs."


class Reference(Text):
    """A back end's own key of a subscriber: any characters, which only `shown_name` makes into one line."""

    refused = re.compile("\x00")


class Pattern(Text):
    """A string of one fixed form."""

    def __init__(self, pattern: str, words: str, max_length: int = 200, *, required: bool = False) -> None:
        super().__init__(max_length, required=required)
        self.pattern, self.words = re.compile(pattern, re.ASCII), words

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if text and not self.pattern.fullmatch(text):
            raise serializers.ValidationError(self.words, code="invalid_parameter")
        return text


class Flag(serializers.BooleanField):
    """true or false, nothing that looks like it."""

    def __init__(self) -> None:
        super().__init__(required=False)

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false.", code="invalid_parameter")
        return data


class Whole(serializers.IntegerField):
    """A whole number between two bounds."""

    def __init__(self, low: int, high: int, *, allow_null: bool = False) -> None:
        super().__init__(min_value=low, max_value=high, required=False, allow_null=allow_null)

    def to_internal_value(self, data: object) -> int:
        whole = whole_number(data)
        if whole is None:
            raise serializers.ValidationError("Must be a whole number.", code="invalid_parameter")
        return super().to_internal_value(whole)


class Id(serializers.UUIDField):
    """A UUID as text; DRF's own field would take numbers too."""

    def __init__(self, *, required: bool = False) -> None:
        super().__init__(required=required, allow_null=not required)

    def to_internal_value(self, data: object) -> UUID:
        if not isinstance(data, str) or len(data) != 36:
            raise serializers.ValidationError("Must be a UUID.", code="invalid_parameter")
        return super().to_internal_value(data)


class WebAddress(Text):
    """An http(s) URL; whether it may be fetched is asked when it is."""

    def __init__(self) -> None:
        super().__init__(2000)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and text.isprintable()
        except ValueError:
            good = False
        if text and not good:
            raise serializers.ValidationError("Must be an http or https URL.", code="not_an_http_url")
        return text


class TimeZone(Text):
    """A name of the IANA time zone database."""

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        if text and text not in zoneinfo.available_timezones():
            raise serializers.ValidationError("Must be a time zone like Europe/Stockholm.")
        return text


class Number(Text):
    """E.164."""

    def __init__(self, *, required: bool = False) -> None:
        super().__init__(16, required=required)

    def to_internal_value(self, data: object) -> str:
        text = super().to_internal_value(data)
        try:
            return addressing.number(text) if text else ""
        except addressing.MalformedDestination as error:
            raise serializers.ValidationError(str(error), code="not_e164") from error


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Names(AsStored[list[str]]):
    """A list of short strings, each changed and checked by `one`."""

    most = 50

    def to_internal_value(self, data: object) -> list[str]:
        if not isinstance(data, list) or len(data) > self.most:
            raise serializers.ValidationError(f"Must be a list of at most {self.most} strings.")
        if not all(isinstance(item, str) and len(item) <= 100 for item in data):
            raise serializers.ValidationError("Must be a list of strings.")
        return [self.one(item) for item in data]

    def one(self, item: str) -> str:
        return item


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Codecs(Names):
    """Codec names, also as one string with commas."""

    def to_internal_value(self, data: object) -> list[str]:
        if isinstance(data, str):
            data = [item.strip() for item in data.split(",") if item.strip()]
        found = super().to_internal_value(data)
        if found and not VOICES & set(found):
            words = f"One of them must be {', '.join(sorted(VOICES))}."
            raise serializers.ValidationError(words, code="invalid_codecs_format")
        return found

    def one(self, item: str) -> str:
        name = item.partition("@")[0].strip().upper()
        if name not in CODECS:
            words = f"Codecs are {', '.join(CODECS)}."
            raise serializers.ValidationError(words, code="invalid_codecs_format")
        return name


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Ciphers(Names):
    """SDES suites (RFC 4568), best first. Those that are known elsewhere alone are passed over in a call."""

    def one(self, item: str) -> str:
        name = item.strip().upper()
        if name not in SUITES | OTHER_SUITES:
            raise serializers.ValidationError(f"Ciphers are {', '.join(sorted(SUITES))}.")
        return name


def judge_encryption(encryption: str, ciphers: Sequence[str]) -> None:
    """422 where encryption is required and nothing that is allowed is spoken: no call could come about."""
    if encryption == "required" and ciphers and not SUITES & set(ciphers):
        words = f"With encryption 'required' one of them must be {', '.join(sorted(SUITES))}."
        raise errors.Unprocessable("invalid_parameter", words, "ciphers")


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Networks(Names):
    """IP addresses or networks in CIDR form."""

    def one(self, item: str) -> str:
        try:
            return str(ipaddress.ip_network(item)) if "/" in item else str(ipaddress.ip_address(item))
        except ValueError:
            raise serializers.ValidationError("Must be IP addresses or networks.") from None


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class SipUsers(Names):
    """User parts of SIP URIs, exactly as they are dialled."""

    def one(self, item: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_.+~!-]{1,64}", item, re.ASCII):
            raise serializers.ValidationError("Names have 1 to 64 letters, digits and _.+~!-")
        return item


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class Prefixes(Names):
    """Beginnings of E.164 numbers."""

    def one(self, item: str) -> str:
        if not re.fullmatch(r"\+[0-9]{0,15}", item, re.ASCII):
            raise serializers.ValidationError("Prefixes are + and up to 15 digits.")
        return item


@extend_schema_field({"type": "object"})
class SipHeaders(AsStored[dict[str, str]]):
    """At most 20 `x-` headers without CR or LF."""

    def to_internal_value(self, data: object) -> dict[str, str]:
        if not isinstance(data, dict) or len(data) > 20:
            raise serializers.ValidationError("Must be an object of at most 20 headers.")
        for name, value in data.items():
            fits = isinstance(value, str) and len(value) <= 1024 and value.isprintable()
            if not _HEADER.fullmatch(name) or not fits:
                raise serializers.ValidationError("Headers start with x- and have printable values.")
        return dict(data)


@extend_schema_field({"type": "object"})
class Json(AsStored[dict[str, Any]]):
    """A JSON object, as it is."""

    def to_internal_value(self, data: object) -> dict[str, Any]:
        if not isinstance(data, dict) or len(str(data)) > 8192:
            raise serializers.ValidationError("Must be a small JSON object.")
        return data
